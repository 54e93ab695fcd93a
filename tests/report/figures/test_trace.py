from dataclasses import replace

import numpy as np

from cvflow.core.states import States
from cvflow.estimate.modes import count_modes, crossings
from cvflow.report.figures import png, trace_figure
from cvflow.report.figures.trace import unbroken
from tests.report.figures.reading import all_words, curve
from tests.report.synthetic import THREE, Lengths, fake_record


def test_a_panel_a_walker_with_all_its_turns(record):
    figure = trace_figure(record)
    assert len(figure.axes) == record.header.walkers
    for walker, axes in enumerate(figure.axes):
        chain = record.turns[record.turns["walker"] == walker]
        time, values = curve(axes, "after each turn")
        assert np.array_equal(values, chain["cv"][:, 0])
        assert np.allclose(time, chain["jump"] * 250 * 0.014)


def test_a_line_over_the_seam_of_a_circle_has_a_gap():
    values, times = np.array([3.0, -3.0, -2.9, 3.1, 0.2]), np.arange(5.0)
    x, y = unbroken(times, values, 2 * np.pi)
    assert np.array_equal(y, [3.0, np.nan, -3.0, -2.9, np.nan, 3.1, 0.2], equal_nan=True)
    assert np.array_equal(x[np.isfinite(y)], times)
    assert np.array_equal(unbroken(times, values, np.inf)[1], values)


def test_no_line_of_a_torsion_is_longer_than_half_its_period():
    record = fake_record(THREE, Lengths(2, 5, 60), periods=[2 * np.pi] * 2)
    turns = record.turns.copy()
    turns["cv"] = (3.1 + 0.3 * turns["cv"] + np.pi) % (2 * np.pi) - np.pi
    for axes in trace_figure(record._replace(turns=turns)).axes:
        line = next(line for line in axes.get_lines() if line.get_linestyle() == "-")
        steps = np.abs(np.diff(line.get_ydata()))
        assert np.nanmax(steps) <= np.pi
        assert np.isnan(steps).any()


def test_mode_changes_are_those_that_are_counted(record):
    states = States(record.header.states, record.header.cvs)
    made = record.turns[record.turns["production"]]
    marked = sum(crossings(made[made["walker"] == walker], states).by_jump.sum() for walker in range(4))
    assert marked == count_modes(record).mode_changes


def test_a_visit_to_no_mans_land_is_no_mode_change(record):
    states = States({"low": "r < 3", "high": "r > 5"}, ["r"])
    chain = record.turns[:4].copy()
    chain["cv_old"][:, 0] = [2, 2, 4, 4]
    chain["cv_kept"][:, 0] = [2, 4, 4, 6]
    chain["cv"][:, 0] = [2, 4, 4, 6]
    assert crossings(chain, states).by_jump.tolist() == [False, False, False, True]


def test_cvs_that_name_the_states_are_not_left_out(three):
    """The states are told by phi, which is the last of six here."""
    turns, wide = three.turns, {"cv", "cv_kept", "cv_old"}
    six = np.zeros(len(turns), [(name, turns[name].dtype, (6,) if name in wide else turns[name].shape[1:])
                                for name in turns.dtype.names])  # fmt: skip
    for name in turns.dtype.names:
        if name in wide:
            six[name][:, 5] = turns[name][:, 0]
        else:
            six[name] = turns[name]
    header = replace(three.header, cvs=["a", "b", "c", "d", "e", "phi"], units=["rad"] * 6, periods=[np.inf] * 6)
    figure = trace_figure(three._replace(turns=six, header=header))
    assert [axes.get_title().split()[0] for axes in figure.axes[:3]] == ["a", "b", "phi"]
    first = turns["walker"] == 0
    assert np.array_equal(curve(figure.axes[2], "after each turn")[1], turns["cv"][first][:, 0])
    assert "3 of 6 CVs" in all_words(figure)


def test_several_cvs_are_columns(three):
    figure = trace_figure(three)
    assert len(figure.axes) == 8
    assert [axes.get_title() for axes in figure.axes[:2]] == ["phi [rad]", "psi [rad]"]
    assert "time of local moves [ps]" in all_words(figure)


def test_what_is_left_out_is_said():
    assert "the first 12 of 14 walkers" in all_words(trace_figure(fake_record(lengths=Lengths(14, 1, 3))))


def test_a_walker_without_turns_yet(record):
    late = record._replace(turns=record.turns[record.turns["walker"] != 0])
    assert len(trace_figure(late).axes) == record.header.walkers
    assert png(trace_figure(late)).startswith(b"\x89PNG")
    assert "No turn was made yet." in all_words(trace_figure(record._replace(turns=record.turns[:0])))
