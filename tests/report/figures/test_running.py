import numpy as np
import pytest

from cvflow.estimate.running import running_differences
from cvflow.report.figures import alt_text, png, running_figure, vector
from tests.report.conftest import strangers
from tests.report.figures.reading import all_words, curve
from tests.report.synthetic import Lengths, fake_record


def test_the_curve_is_the_running_difference_with_evaluations_on_top(three):
    found = running_differences(three)
    figure = running_figure(three, found)
    axes = figure.axes[0]
    for column, name in enumerate(found.names):
        jumps, value = curve(axes, f"ΔF left → {name}")
        assert np.array_equal(value, found.value[:, column], equal_nan=True)
        assert np.array_equal(jumps, found.jumps)
    (top,) = axes.child_axes
    assert top.get_xlabel() == "force evaluations of all walkers so far"
    assert top.get_xticklabels()[-1].get_text() == f"{found.evaluations[-1] / 1000:.1f}k"
    assert axes.get_ylabel() == "ΔF [kT], ± one standard error"


def test_what_was_never_determined_is_said():
    assert "not determined at any length" in all_words(running_figure(strangers())).replace("\n", " ")
    single = fake_record(lengths=Lengths(2, 5, 30), states={"all": "r > 0"})
    assert "Fewer than two named states" in all_words(running_figure(single))


@pytest.mark.parametrize(("form", "begins"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_vector_files_are_the_same_for_the_same_figure(record, form, begins):
    found = running_differences(record)
    first, again = (vector(running_figure(record, found), form) for _ in range(2))
    assert first == again
    assert first.startswith(begins)


def test_text_of_an_svg_is_text(record):
    assert "jumps of each walker in production" in vector(running_figure(record), "svg").decode()


def test_what_is_seen_is_said_to_those_who_do_not_see(record):
    figure = running_figure(record)
    assert alt_text(figure) == (
        "ΔF as the run goes on. ΔF [kT], ± one standard error against jumps of each walker in production"
    )
    assert png(figure).startswith(b"\x89PNG")
