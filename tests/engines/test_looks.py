"""What engines see of their paths on the way: it changes nothing, and tells the density between the states."""

import numpy as np
import pytest

from cvflow.core.frames import LOOKS, Frame, Outcome, Steering
from cvflow.core.schedule import Linear
from cvflow.doctor.verify import dumbbell
from cvflow.engines.segments import evenly_spread
from cvflow.estimate.path_density import path_slices
from cvflow.proposals.io import to_bytes
from cvflow.proposals.mixture import GaussianMixture
from cvflow.sampler.cv_jump import restraint_jump
from cvflow.sampler.jump import JumpState, step
from cvflow.sampler.jump_proposal import Learned
from cvflow.sampler.walkers.turn_rows import CVsOfATurn, Seconds, turn_rows
from cvflow.store import Commit, FlowEntry, Header, Record
from tests.engines.verlet_case import LIBRARIES

PATHS, KAPPA = 500, np.array([60.0])
PROPOSAL = GaussianMixture(((1.5,), (2.9,)), ((0.25,), (0.3,)), (0.5, 0.5))
EDGES = np.linspace(1.6, 2.9, 14)


@pytest.mark.parametrize("friction", [0.0, 0.5])
@pytest.mark.parametrize("library", LIBRARIES)
def test_to_look_changes_nothing(library, friction):
    engine = LIBRARIES[library](friction=friction, schedule=Linear()).build()
    frame = Frame(dumbbell.exact_draws(1, np.random.default_rng(0))[0], None)
    steering = Steering(np.array([1.6]), np.array([3.0]), np.array([15.0]), 1200)
    seen, unseen = (
        engine._path(frame, steering, friction, np.random.default_rng(1), None, watched) for watched in (True, False)
    )
    assert seen.outcome is unseen.outcome is Outcome.COMPLETED
    assert seen.work == pytest.approx(unseen.work, abs=1e-9)
    np.testing.assert_allclose(seen.frame.positions, unseen.frame.positions, atol=1e-9)
    assert unseen.looks is None
    assert len(seen.looks.fraction) == LOOKS
    np.testing.assert_allclose(seen.looks.fraction, 1 - seen.looks.fraction[::-1], atol=1e-12)


@pytest.mark.parametrize("count", [0, 2, 18, 20, 22, 40, 47 * 2])
def test_looks_are_the_same_ones_read_backwards(count):
    kept = evenly_spread(count, LOOKS)
    assert len(kept) == len(set(kept)) == min(count, LOOKS)
    assert kept == sorted(count - 1 - i for i in kept)


def run():
    """As many jumps as there are paths, each from an exact draw."""
    engine = LIBRARIES["OpenMM"](schedule=Linear()).build()
    jump = restraint_jump(dumbbell.KT, KAPPA, 400, np.array([np.inf]))
    rng, rows = np.random.default_rng(3), []
    learned = Learned(PROPOSAL, 1.4 * float(np.sqrt(KAPPA[0])))
    for number, positions in enumerate(dumbbell.exact_draws(PATHS, rng)):
        frame = Frame(positions, None)
        begun = JumpState(frame, engine.cv_values(frame))
        after, info = step(begun, jump, learned, KAPPA, engine, rng)
        rows.append(turn_rows((0,), number, info, None, CVsOfATurn(begun.cv, after.cv, after.cv), Seconds(0.0, 0.0)))
    turns = np.concatenate(rows)
    turns["production"] = True
    header = Header(
        seed=1, system="dumbbell", engine="OpenMM", cvs=["r"], units=["nm"], kT=dumbbell.KT, kappa=list(KAPPA),
        states={"near": "r < 2.1", "far": "r > 2.3"}, timestep=0.05, local_steps=0, walkers=1, workers=1, adapt_jumps=0,
        exact=True, exact_reason="", notes=[], config="", version="0", periods=[None],
    )  # fmt: skip
    flow = FlowEntry(0, learned.span, float("nan"), 0, 0, 0.0, to_bytes(PROPOSAL, ["r"]))
    return Record(header, np.zeros((1, 1, 1)), turns, [flow], Commit([frame], 1.0))


def largest_z(record):
    """Of the probabilities of bins between the wells."""
    density, places = dumbbell.density(dumbbell.GRID), np.digitize(dumbbell.GRID, EDGES) - 1
    exact = np.array([density[places == i].sum() for i in range(len(EDGES) - 1)]) * np.diff(dumbbell.GRID[:2])
    slices = path_slices(record)
    cell = np.digitize(slices.cv[:, 0], EDGES) - 1
    within = (cell >= 0) & (cell < len(exact))
    each = np.zeros((PATHS, len(exact)))
    np.add.at(each, (slices.turn[within], cell[within]), slices.weight[within])
    z = (each.mean(axis=0) - exact) / each.std(axis=0) * np.sqrt(PATHS)
    return float(np.abs(z).max())


@pytest.fixture(scope="module")
def record():
    return run()


def test_the_density_between_the_states_is_that_of_quadrature(record):
    assert largest_z(record) < 5


def test_works_that_are_half_a_kT_off_are_caught(record):
    turns = record.turns.copy()
    turns["look_work"] += 0.5
    assert largest_z(record._replace(turns=turns)) > 5
