"""Paths that lead atoms along prescribed positions: exact, reversible, and with the power to fail."""

from dataclasses import dataclass, fields, replace

import numpy as np
import openmm
import pytest

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.core.schedule import Linear
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.core.states import States
from cvflow.cv import distance
from cvflow.cv.internal_coordinates import Chain, aligned
from cvflow.cv.interpolation import LengthKeeping, Straight
from cvflow.doctor.verify import driven_chain as chain
from cvflow.doctor.verify.driven import DrivenCase, of_coordinates
from cvflow.doctor.verify.one_jump import jumps, log_ratios
from cvflow.engines.motion import Course
from cvflow.engines.openmm import OpenMMSpec, PositionsSpec, put_right, rigid_parts
from cvflow.engines.openmm.certificates import THRESHOLD
from cvflow.systems import Polymer
from tests.engines.misplaced import Misplaced
from tests.engines.stationarity import passes, thinned
from tests.engines.test_verlet import Scripted, noted

HELD = DrivenCase(3, 0.1, kappa=0.0, draws=8_000, kernel="langevin")
PULLED = DrivenCase(8, 0.1, kappa=60.0, draws=4_000)
HANDED = DrivenCase(8, 0.15, kappa=0.0, draws=12_000, kernel="langevin", proposal=chain.handed_proposal)
CASES = {"held": HELD, "pulled": PULLED}


@pytest.mark.parametrize("name", CASES)
def test_one_jump_leaves_the_distribution_invariant(name):
    passes(CASES[name])


def test_the_density_of_coordinates_taken_for_that_of_positions_is_caught():
    sample = jumps(HELD)
    assert sample.decided(log_ratios(sample)).largest_z() < THRESHOLD
    assert sample.decided(of_coordinates(sample)).largest_z() > THRESHOLD


@pytest.mark.slow
def test_a_length_keeping_way_leaves_the_distribution_invariant():
    case = replace(HELD, steps=5, way=LengthKeeping(5, 20))
    passes(case)


@pytest.mark.slow
@pytest.mark.parametrize("placing", ["reflected", "unturned"])
def test_a_wrong_placement_is_caught(placing):
    assert jumps(HANDED).largest_z() < THRESHOLD
    wrong = {item.name: getattr(HANDED, item.name) for item in fields(HANDED)}
    assert jumps(Misplaced(**wrong, placing=placing)).largest_z() > THRESHOLD


POLYMER = Polymer()
STEERED = Chain("beads", tuple(range(9)))


def spec(kernel: str, way: Straight | LengthKeeping, platform: str = "Reference") -> PositionsSpec:
    end_to_end = distance("r", 0, 8)
    xml = openmm.XmlSerializer.serialize(POLYMER.system())
    around = OpenMMSpec(xml, (end_to_end,), POLYMER.kT, 0.01, platform=platform)
    return PositionsSpec(around, (end_to_end, *STEERED.cvs("")), STEERED.atoms, kernel, way)


@pytest.fixture(scope="module")
def relaxed() -> Frame:
    engine = spec("langevin", Straight()).build()
    frame = POLYMER.start("compact", np.random.default_rng(0))
    return engine.relaxed(frame)


@pytest.mark.parametrize("way", [Straight(), LengthKeeping(5)])
@pytest.mark.parametrize("kernel", ["langevin", "restraint"])
def test_the_path_backwards_has_minus_the_work(kernel, way, relaxed):
    engine, rng = spec(kernel, way).build(), np.random.default_rng(1)
    seen = noted(engine)
    start = relaxed.positions[:9]
    end = aligned(POLYMER.start("extended", rng).positions[:9], start)
    there = Steering(start.ravel(), end.ravel(), np.full(27, 300.0), 50)
    back = Steering(end.ravel(), start.ravel(), np.full(27, 300.0), 50)
    path = engine.steer(relaxed, there, rng)
    noise = np.divide(-seen[-1], engine._speeds, out=np.zeros_like(seen[-1]), where=engine._speeds > 0)
    again = engine.steer(path.frame, back, Scripted(noise))
    assert path.steps == 50
    assert abs(path.work) > 1
    assert again.work == pytest.approx(-path.work, abs=1e-10 * max(1, abs(path.work)))
    assert np.abs(again.frame.positions - relaxed.positions).max() < 1e-10
    if kernel == "langevin":
        assert np.abs(path.frame.positions[:9] - end).max() < 1e-12


def test_a_path_is_a_function_of_its_arguments(relaxed):
    engine = spec("langevin", Straight(), "CPU").build()
    start = relaxed.positions[:9]
    steering = Steering(start.ravel(), start.ravel() + 0.3, np.zeros(27), 60)
    first = engine.steer(relaxed, steering, np.random.default_rng(2))
    engine.free_path(relaxed, 20, 0.0, np.random.default_rng(3))
    again = engine.steer(relaxed, steering, np.random.default_rng(2))
    assert first.work == again.work
    assert (first.frame.positions == again.frame.positions).all()


@pytest.mark.parametrize("kernel", ["langevin", "restraint"])
def test_a_path_may_be_interrupted_anywhere(kernel, relaxed):
    """To look at it, or to put its own velocities in their place, changes nothing but the last digits."""
    engine, start = spec(kernel, LengthKeeping(5)).build(), relaxed.positions[:9]
    steering = Steering(start.ravel(), 1.2 * start.ravel(), np.full(27, 300.0), 50)
    course = Course(steering, 0.2 * start.ravel(), np.full(27, np.inf), Linear())
    velocities = engine._speeds * np.random.default_rng(3).standard_normal(relaxed.positions.shape)
    ends = []
    for stops in ([50], [3, 7, 15, 25], [24, 26]):
        motion = engine._begin(relaxed, velocities, course)
        for steps in stops:
            motion.advance(steps)
            before = motion.instant()
            np.testing.assert_array_equal(motion.refresh(lambda same: same)[0], before.velocities)
            assert motion.instant().energy == before.energy
        ends.append(motion.end())
    for end in ends[1:]:
        np.testing.assert_allclose(end.frame.positions, ends[0].frame.positions, atol=1e-12)
        assert end.instant.energy == pytest.approx(ends[0].instant.energy, abs=1e-9)


def test_a_path_that_blows_up_is_a_failure(relaxed):
    engine = spec("langevin", Straight()).build()
    onto_solvent = relaxed.positions[9:18].ravel()
    path = engine.steer(
        relaxed, Steering(relaxed.positions[:9].ravel(), onto_solvent, np.zeros(27), 1), np.random.default_rng(4)
    )
    assert path.outcome is Outcome.DIVERGED or path.work > 100


@pytest.mark.parametrize(
    ("change", "message"),
    [({"kernel": "mala"}, "positions are driven by"), ({"atoms": (0, 1, 2, 999)}, "out of range")],
)
def test_misuse_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(spec("langevin", Straight()), **change).build()


def test_friction_is_refused():
    made = spec("langevin", Straight())
    with pytest.raises(ValueError, match=r"path\.friction"):
        replace(made, around=replace(made.around, friction=1.0)).build()


def test_the_target_is_drawn_exactly():
    """The virial theorem, with the engine's own forces: the mean of -x ∂U/∂x is kT for each coordinate."""
    x = chain.exact_draws(20_000, np.random.default_rng(5))
    tail = ((x[:, 4] - x[:, 3]) ** 2).sum(axis=1)
    assert tail.mean() == pytest.approx(3 * chain.KT / chain.LEASH, rel=0.03)
    forces = _virials(x)
    assert np.abs(forces.mean(axis=0) - chain.KT).max() < 5 * (forces.std(axis=0) / np.sqrt(len(forces))).max()


def _virials(x: np.ndarray) -> np.ndarray:
    """-x times the force, for each coordinate."""
    context = openmm.Context(
        chain.system(), openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    rows = []
    for positions in x[:4000]:
        context.setPositions(positions)
        forces = context.getState(getForces=True).getForces(asNumpy=True)._value
        rows.append(-(positions * forces).ravel())
    return np.array(rows)


def constrained(kernel: str, *pairs: tuple[int, int]) -> PositionsSpec:
    """The chain of four atoms and its leash, with a sixth atom, and some bonds rigid."""
    system = chain.system()
    system.addParticle(2.0)
    for force in system.getForces():
        if isinstance(force, openmm.CustomExternalForce):
            force.addParticle(5, [0.5, 1.0])
    for first, second in pairs:
        system.addConstraint(first, second, 1.0)
    end = distance("r", 0, 3)
    around = OpenMMSpec(
        openmm.XmlSerializer.serialize(system), (end,), chain.KT, 0.05, platform="Reference", constraint_tolerance=1e-10
    )
    return PositionsSpec(around, (end, *chain.SHAPES.chain.cvs("nm")), (0, 1, 2, 3), kernel)


RIGID = {
    "pulled, beside a rigid bond": ("restraint", (4, 5)),
    "pulled, on a rigid bond": ("restraint", (0, 1)),
    "pulled, on a net of them": ("restraint", (0, 1), (1, 2), (2, 3)),
    "held, beside a rigid bond": ("langevin", (4, 5)),
}


@pytest.mark.parametrize("what", RIGID)
def test_paths_of_positions_with_rigid_bonds_read_backwards(what):
    kernel, *pairs = RIGID[what]
    engine = constrained(kernel, *pairs).build()
    seen, rng = noted(engine), np.random.default_rng(2)
    x = np.concatenate([chain.exact_draws(1, rng)[0], [[0.3, 0.2, -1.4]]])
    frame = put_right(engine._spec.around.system(), Frame(x, None), 1e-10)
    start = frame.positions[:4]
    end = start + 0.1 * rng.standard_normal((4, 3))
    kappa = np.full(12, 60.0)
    path = engine.steer(frame, Steering(start.ravel(), end.ravel(), kappa, 30), rng)
    noise = np.divide(-seen[-1], engine._speeds, out=np.zeros_like(seen[-1]), where=engine._speeds > 0)
    back = engine.steer(path.frame, Steering(end.ravel(), start.ravel(), kappa, 30), Scripted(noise))
    assert path.outcome is back.outcome is Outcome.COMPLETED
    assert back.work == pytest.approx(-path.work, abs=1e-7)
    np.testing.assert_allclose(back.frame.positions, frame.positions, atol=1e-7)
    assert rigid_parts(engine._spec.around.system()).kept(path.frame.positions)
    if kernel == "langevin":
        assert np.abs(path.frame.positions[:4] - end).max() < 1e-12


def test_atoms_that_are_held_in_a_rigid_bond_are_refused():
    with pytest.raises(ValueError, match=r"atom 3 is held, .* path\.kernel = 'restraint'") as error:
        constrained("langevin", (3, 4)).build()
    assert "\n" not in str(error.value)


def test_a_virtual_site_is_not_steered():
    made = constrained("restraint")
    system = made.around.system()
    system.setParticleMass(3, 0.0)
    system.setVirtualSite(3, openmm.TwoParticleAverageSite(1, 2, 0.5, 0.5))
    around = replace(made.around, system_xml=openmm.XmlSerializer.serialize(system))
    with pytest.raises(ValueError, match="atom 3 is a virtual site"):
        replace(made, around=around).build()


END_TO_END = StateBias(States({"near": "r < 1.9", "far": "r > 2.1"}, ["r"]), (0.8, -0.7))
"""Of the chain's ends, with a gap between the states."""


def biased_draws(count, rng):
    """Of p e^(-V)."""
    drawn = chain.exact_draws(8 * count, rng)
    return thinned(drawn, END_TO_END, np.linalg.norm(drawn[:, 3] - drawn[:, 0], axis=1), count, rng)


@dataclass(frozen=True)
class BiasedCase(DrivenCase):
    """Under a bias of the states, from draws of the biased density."""

    known: bool = True

    def learned(self):
        return super().learned()._replace(state_bias=END_TO_END if self.known else UNBIASED)


BIASED = {
    kernel: BiasedCase(
        case.steps, case.timestep, kappa=case.kappa, draws=case.draws, kernel=case.kernel,
        target=replace(case.target, exact_draws=biased_draws),
    )
    for kernel, case in CASES.items()
}  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param("held", marks=pytest.mark.slow), "pulled"])
def test_one_jump_leaves_the_density_under_a_bias_of_the_states(name):
    """And would not, were the bias forgotten."""
    passes(BIASED[name])
    assert jumps(replace(BIASED[name], known=False)).largest_z() > THRESHOLD
