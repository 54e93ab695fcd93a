from dataclasses import replace

import numpy as np
import pytest

from cvflow.estimate.surface import surface
from cvflow.report.figures import surface_figure
from tests.report.figures.reading import all_words
from tests.report.synthetic import THREE, Lengths, fake_record


@pytest.fixture(scope="module")
def around():
    return fake_record(THREE, Lengths(4, 10, 120), periods=[2 * np.pi, 2 * np.pi])


def drawn(figure):
    """The coloured cells, second CV by first."""
    (mesh,) = [artist for artist in figure.axes[0].collections if type(artist).__name__ == "QuadMesh"]
    return mesh.get_array()


def test_cells_are_those_of_the_surface_and_the_unvisited_stays_white(three):
    found = surface(three, ("phi", "psi"), 20)
    cells = drawn(surface_figure(three, "phi", "psi", 20))
    assert np.array_equal(np.ma.filled(cells, np.nan), found.free_energy.T, equal_nan=True)
    assert np.isnan(np.ma.filled(cells, np.nan)).any()


def test_a_circle_is_drawn_to_both_ends(around):
    figure = surface_figure(around, "phi", "psi", 20)
    cells = np.ma.filled(drawn(figure), np.nan)
    assert cells.shape == (21, 21)
    assert np.array_equal(cells[:, 0], cells[:, -1], equal_nan=True)
    axes = figure.axes[0]
    assert axes.get_xlim() == axes.get_ylim() == (-np.pi, np.pi)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["−π", "−π/2", "0", "π/2", "π"]


def test_states_units_and_the_scale_are_named(around):
    words = all_words(surface_figure(around, "phi", "psi")).split("\n")
    for text in ("left", "middle", "right", "phi [rad]", "psi [rad]", "F [kT], 1 kT = 1.3 kJ/mol"):
        assert text in words


def test_names_of_states_keep_off_the_edges(around):
    shifted = around.turns.copy()
    for name in ("cv_kept", "cv"):
        shifted[name][:, 1] = np.pi - 0.01
    figure = surface_figure(around._replace(turns=shifted), "phi", "psi", 20)
    names = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    assert set(names) == {"left", "middle", "right"}
    assert all(abs(place) < 0.9 * np.pi for place in names.values())


def test_states_of_a_third_cv_are_left_out():
    record = with_third_cv(fake_record(THREE, Lengths(2, 2, 20)))
    assert "up" not in all_words(surface_figure(record, "phi", "psi")).split("\n")


def with_third_cv(record):
    """A record with a third CV, by which the states are told apart."""
    turns = record.turns
    names = ("centre_old", "centre_new", "cv_old", "cv_end", "cv_kept", "cv")
    wide = np.dtype([(n, (np.float64, (3,))) if n in names else (n, turns.dtype[n]) for n in turns.dtype.names])
    wider = np.zeros(len(turns), wide)
    for name in turns.dtype.names:
        if name in names:
            wider[name] = np.hstack([turns[name], turns[name][:, :1]])
        else:
            wider[name] = turns[name]
    states = {"up": "d > 0", "down": "d <= 0"}
    header = replace(record.header, cvs=["phi", "psi", "d"], units=[""] * 3, states=states)
    return record._replace(turns=wider, header=header)


def test_a_cv_that_never_moved_is_said_in_words(three):
    still = three._replace(turns=three.turns.copy())
    for name in ("cv", "cv_kept"):
        still.turns[name][:, 0] = 1.0
    assert "never moved" in all_words(surface_figure(still, "phi", "psi"))
