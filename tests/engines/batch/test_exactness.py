"""Exactness of the batched kernels: one jump from exact draws, and mutants that it must catch (docs/exactness.md)."""

from dataclasses import replace

import numpy as np
import pytest

from cvflow.engines.batch.proven import PROVEN
from tests.engines.batch import centre
from tests.engines.batch.cases import CASES, CURVED, ON_MINI, SPLIT, kernels
from tests.engines.batch.circles import CIRCLE
from tests.engines.batch.mutants import MUTANTS
from tests.engines.batch.stationarity import THRESHOLD, run
from tests.engines.batch.table import DOCUMENT
from tests.engines.batch.targets import MINI


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_move_leaves_the_target_invariant(case):
    verdict = run(case)
    assert verdict.moved > 0.03, "a kernel that never moves proves nothing"
    assert len(verdict.names) >= 9
    assert verdict.largest < THRESHOLD


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.wrong.name)
def test_a_mutant_is_caught(mutant):
    wrong = run(mutant.wrong)
    assert np.isfinite(wrong.z).all(), "caught by a number that is none"
    assert run(mutant.right).largest < THRESHOLD < wrong.largest


def test_every_kernel_meets_every_target_it_applies_to():
    met = {(case.kernel.split(",")[0], case.target.name) for case in CASES}
    for on in (ON_MINI, *SPLIT, *CURVED):
        wanted = ["K4", "K5"]
        if on.overdamped:
            wanted += ["K0", "K1", "K2 symmetric", "K2 coin", "K3"]
        assert {(kernel, on.target.name) for kernel in wanted} <= met


def test_every_kernel_meets_every_length_on_the_mini_target():
    met = {(case.kernel, case.setting.split(",")[0]) for case in CASES if case.target is MINI}
    for name, kernel in kernels(ON_MINI):
        for steps in (1, 3, 20) if kernel.relaxes else (1,):
            assert (name, f"N = {steps}") in met


def test_kernels_are_proven_by_these_cases_and_mutants_alone():
    """What a run's header calls exact goes by the list."""
    proven = {type(case.move.paths.kernel) for case in CASES}
    told_apart = {type(mutant.right.move.paths.kernel) for mutant in MUTANTS}
    assert proven == told_apart == PROVEN


def test_names_of_cases_are_unique():
    """The seed of a case is made of its name."""
    names = [case.name for case in CASES] + [mutant.wrong.name for mutant in MUTANTS]
    assert len(set(names)) == len(names)


def test_failing_cases_fail():
    """The targets with a wall or a range do what they are there for: paths fail, or are refused, in between."""
    failing = {case.name: run(case).failed for case in CASES if "wall" in case.target.name}
    assert failing["K1 on mini (wall): N = 3, linear"] > 0.1
    assert failing["K3 on mini (wall): N = 3, linear"] > 0.1
    assert failing["K5 on mini (wall): N = 3, linear"] > 0.1


@pytest.mark.parametrize("kappa", [0.15, 0.5, 6.0])
def test_on_a_circle_the_centre_is_drawn_from_the_truncated_normal(kappa):
    assert centre.largest_z(centre.jump(CIRCLE, kappa), CIRCLE) < THRESHOLD


def test_a_wrapped_normal_centre_is_caught():
    assert centre.largest_z(centre.RIGHT, CIRCLE) < THRESHOLD < centre.largest_z(centre.WRAPPED, CIRCLE)


def test_on_a_line_the_centre_is_drawn_from_the_normal():
    warm = replace(MINI, kT=2.0)
    assert centre.largest_z(centre.jump(warm, 8.0), warm) < THRESHOLD


def test_the_table_lists_every_kernel_and_every_mutant():
    """docs/exactness.md is written by `python -m tests.engines.batch.table`: write it again where this fails."""
    written = DOCUMENT.read_text()
    for case in CASES:
        assert f"| {case.kernel} |" in written
    for mutant in MUTANTS:
        row = f"| {mutant.right.kernel} | {mutant.error} | {mutant.right.target.name} | {mutant.right.setting} |"
        assert row in written
    assert "BIASED" not in written
    assert "NOT CAUGHT" not in written
