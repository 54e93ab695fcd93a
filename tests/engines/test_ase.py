"""The ASE engine: units, forces, paths that are those of OpenMM, failures as values, misuse."""

import pickle

import numpy as np
import openmm
import pytest

pytest.importorskip("ase", reason="NO ASE: the engine over its calculators is not tested (pip install ase)")

from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.units import kJ, mol, nm

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.core.schedule import Cosine, Linear
from cvflow.cv import anisotropy, distance, from_force, from_torch, functions
from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.one_jump import BAD_FLOW, Case
from cvflow.engines.ase import AseSpec
from cvflow.engines.ase.motion import restrained
from cvflow.engines.motion import Course
from cvflow.sampler.cv_jump import restraint_jump
from cvflow.sampler.jump import JumpState, step
from cvflow.sampler.jump_proposal import Learned
from cvflow.systems import Ag6
from tests.engines.ase_case import AseCase, DumbbellCalculator, atoms

SETTINGS = {
    "Hamiltonian": {"steps": 5, "timestep": 0.2, "kappa": 15.0},
    "friction": {"steps": 60, "timestep": 0.15, "kappa": 15.0, "friction": 0.4},
    "cosine": {"steps": 20, "timestep": 0.15, "kappa": 30.0, "schedule": Cosine()},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_path_is_openmm_s_of_the_same_potential(name):
    """Two engines that share no line of a step, from the same velocities."""
    ours, theirs = AseCase(**SETTINGS[name]).build(), Case(**SETTINGS[name]).build()
    steps, kappa = SETTINGS[name]["steps"], SETTINGS[name]["kappa"]
    for x in dumbbell.exact_draws(3, np.random.default_rng(0)):
        frame, order = Frame(x, None), Steering(np.array([1.9]), np.array([2.9]), np.array([kappa]), steps)
        a, b = (engine.steer(frame, order, np.random.default_rng(5)) for engine in (ours, theirs))
        assert a.outcome is Outcome.COMPLETED
        for key in ("work", "protocol_work", "heat", "potential_energy"):
            assert getattr(a, key) == pytest.approx(getattr(b, key), rel=1e-6, abs=1e-6)
        np.testing.assert_allclose(a.frame.positions, b.frame.positions, atol=1e-6)


def test_a_path_is_given_up_where_openmm_gives_it_up():
    settings = {"steps": 60, "timestep": 0.15, "kappa": 15.0, "friction": 0.4}
    engines = [case(**settings).build() for case in (AseCase, Case)]
    kappa = np.array([15.0])
    jump = restraint_jump(dumbbell.KT, kappa, 60, np.array([np.inf]))
    learned = Learned(BAD_FLOW, 1.4 * np.sqrt(15.0), dumbbell.interim_free_energy())
    outcomes = []
    for draw, x in enumerate(dumbbell.exact_draws(12, np.random.default_rng(0))):
        state = JumpState(Frame(x, None), np.array([dumbbell.native_cv().evaluate(Frame(x, None))]))
        (_, a), (_, b) = (
            step(state, jump, learned, kappa, engine, np.random.default_rng(draw)) for engine in engines
        )
        assert (a.accepted, a.path.outcome, a.path.steps) == (b.accepted, b.path.outcome, b.path.steps)
        assert a.path.log_survival == pytest.approx(b.path.log_survival, abs=1e-6)
        outcomes.append(a.path.outcome)
    assert {Outcome.GIVEN_UP, Outcome.COMPLETED} <= set(outcomes)


def test_energies_are_in_our_units():
    made = Ag6().system()
    engine = AseSpec(Ag6().system, Ag6().cvs(), 2.5, 0.01).build()
    here = engine._potential.frame()
    assert engine.potential_energy(here) == pytest.approx(made.get_potential_energy() / (kJ / mol), rel=1e-7)
    forces = engine._potential.evaluate(here).forces
    np.testing.assert_allclose(forces, made.get_forces() / (kJ / mol / nm), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "cv", [distance("r", 0, 3), anisotropy("r", range(6)), from_torch("r", functions.gyration, [0, 2, 4])]
)
def test_forces_are_minus_the_gradient(cv):
    engine = AseSpec(Ag6().system, (cv,), 2.5, 0.01).build()
    order = Steering(np.array([0.2]), np.array([0.2]), np.array([700.0]), 1)
    course = Course(order, np.zeros(1), np.array([np.inf]), Linear())
    x = Ag6().start("capped", np.random.default_rng(0)).positions + 0.01 * np.random.default_rng(1).normal(size=(6, 3))

    def at(x):
        return restrained(engine._potential, engine._cvs, Frame(x, None), course, order.start)

    here, slopes, step = at(x), np.zeros_like(x), 1e-6
    for place in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        up, down = (at(x + sign * shift) for sign in (1, -1))
        slopes[place] = (up.potential + up.restraint - down.potential - down.restraint) / (2 * step)
    np.testing.assert_allclose(here.forces, -slopes, atol=1e-5 * np.abs(slopes).max())


def test_a_path_depends_on_its_arguments_alone():
    spec = pickle.loads(pickle.dumps(AseSpec(Ag6().system, Ag6().cvs(), Ag6().kT, 0.015)))
    frame = Ag6().start("capped", np.random.default_rng(0))
    order = Steering(np.array([0.34]), np.array([0.1]), np.array([2000.0]), 12)
    fresh, used = spec.build(), spec.build()
    used.free_path(Ag6().start("octahedron", np.random.default_rng(0)), 7, 0.0, np.random.default_rng(9))
    a, b = (engine.steer(frame, order, np.random.default_rng(1)) for engine in (fresh, used))
    assert (a.work, a.frame.positions.tolist()) == (b.work, b.frame.positions.tolist())


def test_a_short_step_makes_no_shadow_work():
    case, frame = (
        AseCase(steps=400, timestep=0.004, kappa=15.0),
        Frame(dumbbell.exact_draws(1, np.random.default_rng(3))[0], None),
    )
    order = Steering(np.array([1.9]), np.array([2.9]), np.array([15.0]), 400)
    path = case.build().steer(frame, order, np.random.default_rng(0))
    assert abs(path.shadow_work) < 1e-3 * abs(path.protocol_work)
    assert path.cv == pytest.approx([dumbbell.native_cv().evaluate(path.frame)])


class Fragile(DumbbellCalculator):
    """Fails, or gives NaN, where the bond is long."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def calculate(self, *given, **named):
        super().calculate(*given, **named)
        if np.linalg.norm(self.atoms.positions[1] - self.atoms.positions[0]) > 24:
            if self.how == "raises":
                raise CalculationFailed("no convergence")
            self.results["energy"] = float(self.how)


@pytest.mark.parametrize("how", ["raises", "nan", "inf"])
def test_a_calculator_that_fails_is_a_failed_path(how):
    def source():
        made = atoms()
        made.calc = Fragile(how)
        return made

    engine = AseSpec(source, (dumbbell.native_cv(),), dumbbell.KT, 0.2).build()
    frame = Frame(dumbbell.exact_draws(1, np.random.default_rng(3))[0], None)
    order = Steering(np.array([1.9]), np.array([6.0]), np.array([100.0]), 60)
    path = engine.steer(frame, order, np.random.default_rng(0))
    assert path.outcome is Outcome.DIVERGED
    assert np.isnan(path.work)
    assert path.frame is frame
    far = Frame(frame.positions * [[1.0], [3.0], [1.0]], None)
    assert np.isnan(engine.potential_energy(far))


def test_what_has_blown_up_never_gets_to_the_calculator():
    engine = AseSpec(Ag6().system, Ag6().cvs(), Ag6().kT, 5.0).build()
    order = Steering(np.array([0.0]), np.array([0.4]), np.array([1e9]), 50)
    path = engine.steer(Ag6().start("capped", np.random.default_rng(0)), order, np.random.default_rng(0))
    assert path.outcome is Outcome.DIVERGED


def bare():
    return Atoms("Ag2", positions=[[0, 0, 0], [0, 0, 2.7]])


def fixed():
    made = bare()
    made.calc = EMT()
    made.set_constraint(FixAtoms([0]))
    return made


def in_a_box():
    force = openmm.CustomBondForce("r")
    force.setUsesPeriodicBoundaryConditions(True)
    return force


MISUSE = {
    "no atoms": (lambda: 3, distance("r", 0, 1), "gives a int"),
    "no calculator": (bare, distance("r", 0, 1), "has no calculator"),
    "constraints": (fixed, distance("r", 0, 1), "take atoms.constraints off"),
    "too few atoms": (Ag6().system, distance("r", 0, 6), "atom 6 is out of range, the system has 6 atoms"),
    "no box": (Ag6().system, from_force("f", in_a_box()), "its force takes nearest images"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line(what):
    source, cv, mend = MISUSE[what]
    with pytest.raises(ValueError) as error:
        AseSpec(source, (cv,), 2.5, 0.01).build()
    assert mend in str(error.value)
    assert "\n" not in str(error.value)


def _massless():
    made = Atoms("Ag2", positions=[[0, 0, 0], [0, 0, 2.7]], masses=[107.9, 0.0])
    made.calc = EMT()
    return made


def test_atoms_without_mass_are_refused():
    with pytest.raises(ValueError, match="atoms without mass"):
        AseSpec(_massless, (distance("d", 0, 1),), 2.5, 0.001, 0.0, Linear()).build()
