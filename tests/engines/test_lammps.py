"""Contracts of the LAMMPS engine."""

import numpy as np
import openmm
import pytest

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.core.periodic import wrapped
from cvflow.cv import angle, from_force, from_plumed, gyration, torsion
from cvflow.engines.lammps import LammpsModel, LammpsSpec, LongBond
from cvflow.engines.openmm import OpenMMSpec
from cvflow.systems import Polymer
from tests.cv.with_plumed import needs_plumed
from tests.engines import triangle
from tests.engines.lammps_missing import skip_module_without_lammps
from tests.engines.verlet_case import of_lammps as spec

skip_module_without_lammps()

MODELS = {"LAMMPS's bonds": triangle.native(), "long bonds": triangle.of_long_bonds()}
A, B, KAPPA = np.array([2.8]), np.array([1.6]), np.array([30.0])


def test_jarzynski_and_crooks_on_a_dragged_spring():
    """Two springs on one distance, with a Lennard-Jones that is nowhere: r² of the sphere is weighed away."""
    model = triangle.of_long_bonds()
    commands = tuple(command.replace("pair_coeff 1 2 0.5", "pair_coeff 1 2 0.0") for command in model.commands)
    engine = spec(model=LammpsModel(commands, (LongBond((0, 1), 2.0, (0.0, 0.0, 5.0)),)), timestep=0.1).build()
    rng, grid = np.random.default_rng(2), np.linspace(0.5, 4.0, 4001)
    densities = {c: grid**2 * np.exp(-5 * (grid - 2) ** 2 - 5 * (grid - c) ** 2) for c in (1.9, 2.2)}
    exact = -np.log(np.trapezoid(densities[2.2], grid) / np.trapezoid(densities[1.9], grid))
    works = {}
    for first, second in ((1.9, 2.2), (2.2, 1.9)):
        cumulative = np.cumsum(densities[first])
        r = np.interp(rng.random(500), cumulative / cumulative[-1], grid)
        order = Steering(np.array([first]), np.array([second]), np.array([10.0]), 6)
        frames = [Frame(np.array([[1.0, 1, 1], [1, 1, 1 + x], [4, 4, 4]]), None) for x in r]
        works[first] = np.array([engine.steer(frame, order, rng).work for frame in frames])
    for first, sign in ((1.9, 1), (2.2, -1)):
        weights = np.exp(-works[first])
        assert abs(weights.mean() - np.exp(-sign * exact)) < 4 * weights.std() / np.sqrt(len(weights))
    there, back = 1 / (1 + np.exp(works[1.9] - exact)), 1 / (1 + np.exp(works[2.2] + exact))
    assert abs(there.mean() - back.mean()) < 4 * np.sqrt(there.var() / len(there) + back.var() / len(back))
    assert works[1.9].std() > 0.1


@pytest.mark.parametrize("model", MODELS)
def test_the_energy_is_that_of_the_density(model):
    """Of draws that are anywhere in space, whichever box the atoms are in."""
    engine = spec(model=MODELS[model]).build()
    x = triangle.exact_draws(50, np.random.default_rng(2))
    x += 100 * np.arange(-25, 25)[:, None, None]
    seen = triangle.observables(x)
    exact = triangle.radial(seen["r"]) + triangle.SPRING * seen["offset²"]
    energy = [engine.potential_energy(Frame(positions, None)) for positions in x]
    np.testing.assert_allclose(energy - exact, energy[0] - exact[0], atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_forces_are_minus_the_gradient(model):
    engine, place, step = spec(model=MODELS[model]).build(), triangle.frame(), 1e-5
    forces = engine.forces(place)
    for atom in range(3):
        for axis in range(3):
            shift = np.zeros((3, 3))
            shift[atom, axis] = step
            up, down = (engine.potential_energy(Frame(place.positions + s * shift, None)) for s in (1, -1))
            assert forces[atom, axis] == pytest.approx(-(up - down) / (2 * step), abs=1e-6)


@pytest.mark.parametrize("cv", [triangle.cv(), triangle.OwnGradient()], ids=["distance", "own gradient"])
def test_the_restraint_is_a_spring_on_the_cv(cv):
    """Its force is minus the gradient of the energy that the work is made of."""
    engine, place, step = spec(cvs=(cv,)).build(), triangle.frame(), 1e-6
    order = Steering(np.array([2.2]), np.array([2.2]), np.array([17.0]), 1)
    free = engine.forces(place)
    engine._external.begin(np.array([[2.2]]), order.kappa)
    engine._instance.set_up(place, np.zeros((3, 3)))
    pulled = engine._instance.forces - free
    for atom in range(3):
        shift = np.zeros((3, 3))
        shift[atom, 1] = step
        up, down = (0.5 * 17.0 * (cv.evaluate(Frame(place.positions + s * shift, None)) - 2.2) ** 2 for s in (1, -1))
        assert pulled[atom, 1] == pytest.approx(-(up - down) / (2 * step), abs=1e-6)
    assert np.abs(pulled).max() > 1


@pytest.fixture(scope="module")
def polymer():
    """Both engines, and thermal configurations of both states."""
    system = Polymer()
    xml = openmm.XmlSerializer.serialize(system.system())
    ours = LammpsSpec(system.lammps(), (system.cv(),), system.kT, 0.014).build()
    theirs = OpenMMSpec(xml, (system.cv(),), system.kT, 0.014, platform="Reference").build()
    frames = []
    for state in system.states:
        frame = ours.relaxed(system.start(state, np.random.default_rng(0)))
        frames.append(ours.free_path(frame, 400, 1.0, np.random.default_rng(1)).frame)
    return ours, theirs, frames


def test_the_polymer_is_that_of_openmm(polymer):
    ours, theirs, frames = polymer
    half_box = 0.5 * frames[0].box[0, 0]
    assert max(np.abs(frame.positions[8] - frame.positions[0]).max() for frame in frames) > half_box
    for frame in frames:
        assert ours.potential_energy(frame) == pytest.approx(theirs.potential_energy(frame), rel=1e-10)
        np.testing.assert_allclose(ours.forces(frame), theirs.forces(frame), atol=1e-9)


def test_a_path_of_the_polymer_is_that_of_openmm(polymer):
    """The same noise, the same path: until the last digits have grown to be seen."""
    ours, theirs, frames = polymer
    for frame, end in zip(frames, (4.2, 5.2), strict=True):
        order = Steering(ours.cv_values(frame), np.array([end]), np.array([300.0]), 60)
        one, other = (engine.steer(frame, order, np.random.default_rng(5)) for engine in (ours, theirs))
        assert one.work == pytest.approx(other.work, abs=1e-8)
        assert one.protocol_work == pytest.approx(other.protocol_work, abs=1e-8)
        assert one.potential_energy == pytest.approx(other.potential_energy, abs=1e-6)
        np.testing.assert_allclose(one.frame.positions, other.frame.positions, atol=1e-8)


def bond(first, second):
    force = openmm.CustomBondForce("r")
    force.addBond(first, second, [])
    return force


def test_paths_pulled_by_other_cvs_are_those_of_openmm(polymer):
    """An angle, a torsion across its period, a radius of gyration and an OpenMM force, at once."""
    from dataclasses import replace

    ours, theirs, frames = polymer
    cvs = (angle("a", 0, 4, 8), torsion("t", 0, 3, 5, 8), gyration("g", list(range(9))), from_force("f", bond(2, 7)))
    one, other = (replace(engine._spec, cvs=cvs).build() for engine in (ours, theirs))
    here = one.cv_values(frames[0])
    order = Steering(here, here + np.array([0.05, 3.0, 0.02, 0.03]), np.array([30.0, 10.0, 300.0, 300.0]), 40)
    there, too = (engine.steer(frames[0], order, np.random.default_rng(5)) for engine in (one, other))
    assert there.work == pytest.approx(too.work, abs=1e-8)
    assert there.protocol_work == pytest.approx(too.protocol_work, abs=1e-8)
    np.testing.assert_allclose(there.cv, too.cv, atol=1e-8)


def test_a_path_does_not_depend_on_what_the_engine_did_before(polymer):
    engine, _, (start, other) = polymer
    order = Steering(engine.cv_values(start), np.array([3.7]), np.array([300.0]), 50)
    first = engine.steer(start, order, np.random.default_rng(5))
    engine.free_path(other, 30, 0.5, np.random.default_rng(6))
    again = engine.steer(start, order, np.random.default_rng(5))
    assert again.work == first.work
    np.testing.assert_array_equal(again.frame.positions, first.frame.positions)


def test_a_path_that_is_looked_at_is_the_same_path(polymer):
    """A criterion that nothing can lose: the interruptions change nothing but the last digits."""
    from cvflow.core.early_rejection import PROGRESS, EarlyRejection

    engine, _, (start, _) = polymer
    order = Steering(engine.cv_values(start), np.array([3.7]), np.array([300.0]), 100)
    criterion = EarlyRejection(np.array([-np.inf]), np.zeros(1), np.zeros(1), np.ones(1), np.zeros((1, len(PROGRESS))))
    plain = engine.steer(start, order, np.random.default_rng(5))
    seen = engine.steer(start, order, np.random.default_rng(5), criterion)
    assert seen.work == pytest.approx(plain.work, abs=1e-9)
    assert np.isnan(plain.interim).all()
    assert np.isfinite(seen.interim).all()


@pytest.mark.parametrize("timestep", [0.1, 0.5, 5.0, 1e3, 1e6, 1e200])
def test_a_blow_up_is_a_failed_path(polymer, timestep):
    from dataclasses import replace

    engine, _, (start, _) = polymer
    wild = replace(engine._spec, timestep=timestep).build()
    order = Steering(engine.cv_values(start), np.array([3.7]), np.array([300.0]), 200)
    for seed in range(3):
        result = wild.steer(start, order, np.random.default_rng(seed))
        assert result.outcome is Outcome.DIVERGED
        assert np.isnan(result.work)
        np.testing.assert_array_equal(result.frame.positions, start.positions)
    assert wild.potential_energy(start) == engine.potential_energy(start), "the engine works on after a failure"


def test_atoms_far_from_each_other_in_boxes_are_where_they_were():
    """Atoms thousands of boxes away come back from LAMMPS, which counts a thousand, in their place."""
    engine = spec().build()
    start = triangle.frame()
    far = start._replace(positions=start.positions + triangle.NARROW * np.array([3000.0, -2000.0, 517.0]))
    one, other = (engine.free_path(frame, 40, 0.0, np.random.default_rng(3)) for frame in (start, far))
    moved = other.frame.positions - far.positions
    np.testing.assert_allclose(moved, one.frame.positions - start.positions, atol=1e-7)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cvs": (torsion("t", 0, 1, 2, 3),)}, "atom 3 is out of range"),
    ],
)
def test_cvs_that_cannot_be_pulled_on_raise(wrong, message):
    with pytest.raises(ValueError, match=message) as error:
        spec(**wrong).build()
    assert "\n" not in str(error.value)


ATOMIC = triangle.of_long_bonds().commands
REFUSED = {
    "no commands": ((), "makes no atoms"),
    "a word it does not know": (
        (*ATOMIC, "pair_stile lj/cut 2"),
        "LAMMPS refuses 'pair_stile lj/cut 2': Unknown command",
    ),
    "other units": (("units real", *ATOMIC[1:]), "units lj"),
    "a box that is open": ((ATOMIC[0], "boundary f p p", *ATOMIC[1:]), "periodic in all directions"),
    "a thermostat": ((*ATOMIC, "fix t all langevin 1 1 1 1"), "must hold no fixes"),
    "rigid bonds": (
        (*triangle.native().commands, "fix s all shake 1e-6 100 0 b 1"),
        "no fixes, shake and rattle among them.* leave them out",
    ),
    "atoms with gaps between their names": ((*ATOMIC, "group a id 2", "delete_atoms group a compress no"), "1, 2, 3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_models_that_cannot_be_run_are_refused_in_one_line(name):
    commands, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as error:
        spec(model=LammpsModel(commands)).build()
    assert "\n" not in str(error.value)


def test_a_long_bond_beyond_the_atoms_is_refused():
    with pytest.raises(ValueError, match="a bond: atom 7 is out of range"):
        spec(model=LammpsModel(ATOMIC, (LongBond((0, 7), 1.0, (0.0,)),))).build()


def test_what_goes_wrong_in_the_callback_is_raised():
    class Failing(triangle.OwnGradient):
        def of_atoms(self, x):
            if calls:
                raise ValueError("no gradient today")
            calls.append(x)
            return super().of_atoms(x)

    calls = []
    engine = spec(cvs=(Failing(),)).build()
    engine.cv_values = lambda frame: np.array([2.0])
    with pytest.raises(ValueError, match="no gradient today"):
        engine.steer(triangle.frame(), Steering(A, B, KAPPA, 5), np.random.default_rng(0))


def test_a_cv_on_a_circle_is_pulled_the_short_way():
    """A restraint just beyond the end of the period pulls onwards, not back."""

    class Turning(triangle.OwnGradient):
        period = 2.0

        def of_atoms(self, x):
            value, gradient = super().of_atoms(x)
            return float(wrapped(np.array([value]), np.array([2.0]))[0]), gradient

    engine = spec(cvs=(Turning(),)).build()
    place = Frame(np.array([[1.0, 1, 1], [1, 1, 3.99], [1, 1, 2.5]]), None)  # r = 2.99, on the circle 0.99
    free = engine.forces(place)
    engine._external.begin(np.array([[-0.99]]), np.array([10.0]))
    engine._instance.set_up(place, np.zeros((3, 3)))
    assert (engine._instance.forces - free)[1, 2] == pytest.approx(10.0 * 0.02)


def test_the_script_is_one_to_read():
    script = Polymer().lammps().script
    assert script.startswith("units lj\n")
    assert "# bond of atoms 0 and 8, counted from 0" in script


@needs_plumed
def test_a_path_pulled_by_plumed_is_the_path_pulled_by_the_distance(polymer):
    """The end-to-end distance in PLUMED's words: values, forces and works."""
    from dataclasses import replace

    native, _, frames = polymer
    engine = replace(native._spec, cvs=(from_plumed("r", "r: DISTANCE ATOMS=1,9 NOPBC"),)).build()
    for frame, end in zip(frames, (4.2, 5.2), strict=True):
        order = Steering(native.cv_values(frame), np.array([end]), np.array([300.0]), 40)
        one, other = (each.steer(frame, order, np.random.default_rng(5)) for each in (engine, native))
        assert one.cv == pytest.approx(other.cv, abs=1e-8)
        assert one.work == pytest.approx(other.work, abs=1e-7)
        assert one.protocol_work == pytest.approx(other.protocol_work, abs=1e-7)


@needs_plumed
def test_plumed_is_given_the_box_and_the_masses():
    """A distance with PLUMED's minimum image, and a centre of mass."""
    text = "c: COM ATOMS=1,2\nr: DISTANCE ATOMS=c,3"
    engine = spec(cvs=(from_plumed("r", text),)).build()
    x = np.array([[1.0, 1, 1], [1, 1, 2], [1, 1, 1.6 + 2 * triangle.NARROW]])
    assert engine.cv_values(Frame(x, None)) == pytest.approx(np.array([0.0]), abs=1e-9)
