import copy
import math

import pytest

from cvflow.estimate.cautions import Comparison, Estimate, apart, cautions, comparisons, plus_minus
from cvflow.estimate.schema import Summary
from cvflow.estimate.summary import summarise
from tests.report.synthetic import fake_record


@pytest.fixture(scope="module")
def good():
    """A summary with nothing to warn of, as `summary.json` holds it."""
    return summarise(fake_record()).model_dump(mode="json", by_alias=True) | {"rhat": {"r": 1.01}}


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (0.8031, 0.1204, "0.80 ± 0.12 kT"),
        (-3.44, 1.26, "-3.4 ± 1.3 kT"),
        (0.80312, 0.0123, "0.803 ± 0.012 kT"),
        (-0.01, 1.3, "0.0 ± 1.3 kT"),
        (153.0, 24.0, "153 ± 24 kT"),
        (0.8, math.nan, "0.80 kT (error not determined)"),
        (math.nan, math.nan, "not determined"),
    ],
)
def test_errors_have_two_digits(value, stderr, text):
    assert plus_minus(value, stderr, "kT") == text


def test_estimates_agree_within_three_errors_of_their_difference():
    def compare(apart):
        parts = Estimate(1.0, 0.3), Estimate(1.0 + apart, 0.4)
        return Comparison("a", "b", Estimate(1.0, 0.25), *parts, Estimate(-apart, 0.2))

    assert compare(0.3).distance == pytest.approx(1.5), "they share a run: not 0.6, in combined errors"
    assert compare(0.3).verdict.startswith("yes")
    assert compare(-0.59).verdict.startswith("yes")
    assert compare(-0.61).verdict.startswith("no")
    unknown = Estimate(math.nan, math.nan)
    assert Comparison("a", "b", Estimate(1, 0.1), Estimate(1, 0.1), unknown, unknown).verdict == "cannot be compared"


def test_estimates_of_different_runs_have_combined_errors():
    assert apart(Estimate(1.0, 0.3), Estimate(1.9, 0.4)) == pytest.approx(1.8)
    assert math.isnan(apart(Estimate(1.0, 0.3), Estimate(1.9, math.nan)))


def test_comparisons_are_those_of_the_summary(good):
    (found,) = comparisons(Summary.model_validate(good))
    assert found.pair == "compact → extended"
    assert found.best.value == good["delta_f"][0]["value_kT"]
    assert found.chain.value == good["delta_f_chain"][0]["value_kT"]
    assert found.headline == f"ΔF compact → extended = {found.best.text()}"
    assert found.bar.stderr == good["delta_f_bar"][0]["stderr_kT"]
    assert found.bar.text("kJ/mol", 1.3) == plus_minus(1.3 * found.bar.value, 1.3 * found.bar.stderr, "kJ/mol")


def test_without_an_error_they_cannot_be_compared(good):
    summary = copy.deepcopy(good)
    summary["chain_less_bar"][0]["stderr_kT"] = None
    assert comparisons(Summary.model_validate(summary))[0].verdict == "cannot be compared"


def test_nothing_to_warn_of(good):
    assert cautions(Summary.model_validate(good)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.update(exact={"value": False, "reason": "unadjusted"}), "not exact: unadjusted"),
        (lambda s: s.update(rhat={"r": 1.2}), "R-hat of r is 1.200"),
        (lambda s: s.update(rhat={"r": "Infinity"}), "R-hat of r is infinite"),
        (lambda s: s.update(rhat={"r": None}), "R-hat of r could not be computed"),
        (lambda s: s.update(mode_changes=7), "Only 7 mode changes"),
        (lambda s: s.update(mode_changes=1), "Only 1 mode change "),
        (lambda s: s.update(mode_changes=0), "No mode change"),
        (lambda s: s["jumps"].update(failed={"diverged": 90}), "90 of 640 production jumps failed"),
        (lambda s: s["chain_less_bar"][0].update(value_kT=9.0), "differ by"),
        (lambda s: s["delta_f_chain"][0].update(value_kT=None, reason="why"), "not determined by the chains: why"),
        (lambda s: s["delta_f_chain"][0].update(stderr_kT=None), "error of ΔF compact → extended is not determined"),
        (lambda s: s["delta_f_bar"][0].update(value_kT=None, reason="why"), "not determined by BAR: why"),
        (lambda s: s["delta_f_bar"][0].update(effective_paths=3.14), "rests on 3.1 effective paths"),
    ],
)
def test_every_weakness_has_one_warning(good, change, words):
    summary = copy.deepcopy(good)
    change(summary)
    (found,) = cautions(Summary.model_validate(summary))
    assert words in found
