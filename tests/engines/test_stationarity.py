"""Exactness of the real OpenMM engine, with the power to fail: docs/theory.md, section 6."""

from dataclasses import replace

import pytest

from cvflow.core.schedule import Cosine
from cvflow.cv import from_plumed
from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.laws import WORSE_FLOW
from cvflow.doctor.verify.one_jump import (
    ACCEPTANCE_MUTANTS,
    DRAWS_IN_ALL,
    Case,
    jumps,
    local_moves,
    log_ratios,
    unadjusted,
)
from cvflow.doctor.verify.wrong_motion import LateOpenMM
from cvflow.engines.openmm.certificates import THRESHOLD
from cvflow.proposals import GaussianMixture
from tests.cv.with_plumed import needs_plumed
from tests.engines import mini, molecule
from tests.engines.batch import labels
from tests.engines.mutants import (
    FarEnd,
    OneWayRound,
    Quadratic,
    SkippedWhereItIs,
    SwitchFirst,
    UnwrappedRestraint,
)
from tests.engines.stationarity import MINI, MOLECULE, passes

COARSE = Case(steps=1, timestep=0.32, kappa=20.0, target=WORSE_FLOW, draws=30_000)
FRICTION = Case(steps=80, timestep=0.15, kappa=15.0, friction=0.4, draws=16_000)
CASES = {
    "one coarse step": COARSE,
    "three steps": Case(steps=3, timestep=0.2, kappa=15.0, draws=14_000),
    "friction": FRICTION,
    "given up early": replace(FRICTION, gives_up=True),
    "CPU platform": Case(steps=3, timestep=0.2, kappa=15.0, platform="CPU", draws=12_000),
    "custom CV": Case(steps=3, timestep=0.2, kappa=15.0, cv=dumbbell.force_cv(), draws=16_000),
}
"""Few draws, in number what shows the mutants; with as many as below nothing else shows."""


@pytest.mark.parametrize("name", CASES)
def test_one_jump_leaves_the_distribution_invariant(name):
    """And would not, were the work's sign wrong: the mutant that all of them know."""
    passes(CASES[name])
    sample = jumps(CASES[name])
    assert sample.decided(ACCEPTANCE_MUTANTS["sign of W"](sample)).largest_z() > THRESHOLD


MANY = {
    "one coarse step": Case(steps=1, timestep=0.28, kappa=20.0),
    **{name: replace(CASES[name], draws=DRAWS_IN_ALL) for name in ("three steps", "friction", "CPU platform")},
    "custom CV": replace(CASES["custom CV"], draws=DRAWS_IN_ALL),
    "given up early": replace(CASES["given up early"], draws=30_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MANY)
def test_one_jump_leaves_the_distribution_invariant_to_a_finer_eye(name):
    passes(MANY[name])


@pytest.mark.slow
@pytest.mark.parametrize("mutant", ACCEPTANCE_MUTANTS)
def test_a_wrong_acceptance_is_caught_by_a_finer_eye(mutant):
    sample = jumps(MANY["one coarse step"])
    assert sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z() > THRESHOLD


LONGER = {
    "three steps, two jumps": Case(steps=3, timestep=0.2, kappa=15.0, jumps=2),
    "twenty steps, cosine": Case(steps=20, timestep=0.15, kappa=30.0, schedule=Cosine()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LONGER)
def test_more_jumps_and_longer_ones_leave_the_distribution_invariant(name):
    passes(LONGER[name])


@pytest.mark.parametrize("mutant", ACCEPTANCE_MUTANTS)
def test_a_wrong_acceptance_is_caught(mutant):
    sample = jumps(COARSE)
    assert sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z() > THRESHOLD


def test_the_decisions_on_stored_paths_are_those_of_the_kernel():
    """The mutants' common machinery, with nothing wrong in it, passes."""
    sample = jumps(COARSE)
    assert sample.decided(log_ratios(sample)).largest_z() < THRESHOLD


def test_switching_before_the_step_is_caught():
    assert jumps(Case(steps=1, timestep=0.36, kappa=40.0, engine=SwitchFirst, draws=32_000)).largest_z() > THRESHOLD


def test_velocities_of_half_a_step_are_caught():
    assert jumps(replace(COARSE, engine=LateOpenMM, draws=12_000)).largest_z() > THRESHOLD


@pytest.mark.slow
def test_a_schedule_that_differs_backwards_is_caught():
    sample = jumps(Case(steps=6, timestep=0.2, kappa=15.0, schedule=Quadratic(), draws=200_000))
    assert sample.largest_z() > THRESHOLD


def test_heat_counted_as_work_is_caught():
    sample = jumps(FRICTION)
    assert sample.heat.any()
    assert sample.decided(log_ratios(sample, work=sample.work + sample.heat)).largest_z() > THRESHOLD


def test_local_moves_leave_the_distribution_invariant():
    sample = local_moves(Case(steps=10, timestep=0.36, kappa=1.0, draws=16_000))
    assert sample.largest_z() < THRESHOLD
    assert sample.decided(unadjusted(sample)).largest_z() > THRESHOLD


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_platforms_of_these_cases_may_report_exact(platform):
    assert Case(steps=1, timestep=0.1, kappa=1.0, platform=platform).build().exactness.value


BETWEEN_STATES = Case(steps=1, timestep=0.6, kappa=0.2, cv=mini.cv(), target=MINI, skips=mini.states, draws=14_000)
"""Jumps between states alone. λ_0 strays far from ξ(x), and is often in another state."""


def test_jumps_between_states_alone_leave_the_distribution_invariant():
    passes(BETWEEN_STATES)


@pytest.mark.slow  # the batch engine's tests catch it each time: one sampler's code for both
def test_a_skip_judged_by_the_configuration_is_caught():
    assert jumps(replace(BETWEEN_STATES, kind=SkippedWhereItIs)).largest_z() > THRESHOLD


LABELS = replace(
    BETWEEN_STATES, steps=8, timestep=0.3, kappa=2.0, target=replace(MINI, flow=labels.labelled(labels.TWO)), skips=None
)
"""One density a state, and no jump where the label stays."""


def test_jumps_by_labels_leave_the_distribution_invariant():
    passes(LABELS)


@pytest.mark.slow  # the batch engine's tests catch it each time: one sampler's code for both
def test_labels_that_always_change_are_caught():
    always = labels.labelled(labels.TWO, kind=labels.AlwaysElsewhere)
    assert jumps(replace(LABELS, target=replace(MINI, flow=always))).largest_z() > THRESHOLD


CIRCLE = Case(steps=12, timestep=0.06, kappa=10.0, cv=molecule.cv(), target=MOLECULE, draws=22_000)
"""A torsion with a mode across ±π."""


def test_one_jump_on_a_circle_leaves_the_distribution_invariant():
    passes(CIRCLE)


@pytest.mark.parametrize("mutant", ACCEPTANCE_MUTANTS)
def test_a_wrong_acceptance_on_a_circle_is_caught(mutant):
    sample = jumps(CIRCLE)
    assert sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z() > THRESHOLD


def test_a_density_that_is_not_wrapped_is_caught():
    sample, right = jumps(CIRCLE), molecule.BAD_FLOW.mixture
    line = GaussianMixture(right.means, right.sigmas, right.weights)
    wrong = {"log_q_old": line.log_density(sample.start), "log_q_new": line.log_density(sample.end)}
    assert sample.decided(log_ratios(sample, **wrong)).largest_z() > THRESHOLD


def test_a_restraint_that_is_not_wrapped_is_caught():
    assert jumps(replace(CIRCLE, engine=UnwrappedRestraint, steps=1, draws=8_000)).largest_z() > THRESHOLD


ON_A_CIRCLE = {
    "one coarse step": {"steps": 1, "kappa": 6.0},
    "two jumps": {"jumps": 2},
    "cosine": {"schedule": Cosine()},
    "friction": {"steps": 100, "friction": 0.4, "draws": 20_000},
    "given up early": {"steps": 100, "friction": 0.4, "gives_up": True, "draws": 20_000},
    "CPU platform": {"platform": "CPU", "draws": 10_000},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_A_CIRCLE)
def test_jumps_on_a_circle_leave_the_distribution_invariant(name):
    passes(replace(CIRCLE, **ON_A_CIRCLE[name]))


@pytest.mark.slow
def test_turning_always_the_same_way_is_caught():
    assert jumps(replace(CIRCLE, engine=OneWayRound, draws=24_000)).largest_z() > THRESHOLD


@pytest.mark.slow
def test_a_centre_kept_where_the_arc_has_taken_it_is_caught():
    assert jumps(replace(CIRCLE, kind=FarEnd, jumps=2, draws=100_000)).largest_z() > THRESHOLD


WITH_PLUMED = {
    "on a line": ("r", "r: DISTANCE ATOMS=1,2", {}),
    "on a circle": ("phi", "phi: TORSION ATOMS=1,2,3,4", {"target": MOLECULE, "kappa": 6.0, "timestep": 0.06}),
}


@needs_plumed
@pytest.mark.parametrize("where", WITH_PLUMED)
def test_one_jump_steered_by_plumed_leaves_the_distribution_invariant(where):
    name, text, settings = WITH_PLUMED[where]
    case = replace(COARSE, cv=from_plumed(name, text), draws=8_000, **settings)
    passes(case)
    wrong = ACCEPTANCE_MUTANTS["sign of W"]
    assert jumps(case).decided(wrong(jumps(case))).largest_z() > THRESHOLD
