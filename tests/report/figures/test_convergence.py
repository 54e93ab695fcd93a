from dataclasses import replace

import numpy as np

from cvflow.estimate.cautions import R_HAT_LIMIT
from cvflow.estimate.running import RunningConvergence, running_convergence
from cvflow.report.figures import alt_text, convergence_figure
from cvflow.report.plumed_text import convergence_text
from tests.report.figures.reading import all_words, curve
from tests.report.synthetic import Lengths, fake_record


def test_the_curves_are_those_of_the_estimates(three):
    found = running_convergence(three)
    above, below = convergence_figure(three, found).axes
    for column, name in enumerate(three.header.cvs):
        jumps, value = curve(above, name)
        assert np.array_equal(jumps, found.jumps)
        assert np.array_equal(value, found.r_hat[:, column], equal_nan=True)
        for kind in ("bulk", "tail"):
            _, value = curve(below, f"{name}, {kind}")
            assert np.array_equal(value, getattr(found, kind)[:, column], equal_nan=True)
    (limit,) = (line for line in above.lines if line.get_label().startswith(f"{R_HAT_LIMIT}: "))
    assert set(limit.get_ydata()) == {R_HAT_LIMIT}


def test_too_few_jumps_are_said():
    record = fake_record(lengths=Lengths(2, 2, 3))
    assert "No R-hat yet" in all_words(convergence_figure(record, running_convergence(record)))


def test_of_many_cvs_those_are_drawn_that_agree_least(three):
    """Seven, of which two come last."""
    many = three._replace(header=replace(three.header, cvs=list("abcdefg")))
    r_hats = np.array([[1.01, 1.2, 1.3, 1.02, 1.4, 1.5, 1.6]])
    found = RunningConvergence(np.array([9]), r_hats, 100 * r_hats, 90 * r_hats)
    above, _ = convergence_figure(many, found).axes
    assert [line.get_label() for line in above.lines][:-1] == list("bcefg")


def test_the_data_and_the_words_for_those_who_do_not_see(record):
    found = running_convergence(record)
    rows = np.loadtxt(convergence_text(found, record.header.cvs).splitlines())
    np.testing.assert_allclose(rows[:, 1], found.r_hat[:, 0], rtol=1e-4)
    said = alt_text(convergence_figure(record, found))
    assert said.startswith("R-hat and effective samples as the run goes on. effective samples against jumps")
