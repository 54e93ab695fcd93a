"""OpenMM's quantities, States and other holders of positions, wherever a script may have them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app, unit

import cvflow
from cvflow.core.frames import Frame
from cvflow.core.quantities import plain, positive
from cvflow.setup.objects import from_objects
from cvflow.setup.starts.structures import structure
from tests.host import odd_arguments
from tests.setup.test_steady import PROPOSAL, STARTS, pair

NEAR = STARTS["near"]


def setup(starts, **sections):
    """What `cvflow.sample` builds, without the run."""
    common = {
        "run": {"walkers": 2},
        "engine": {"platform": "Reference"},
        "proposal": PROPOSAL,
        "states": {"near": "d < 0.2", "far": "d >= 0.2"},
    }
    return from_objects(pair(), common | plain(sections), [cvflow.cv.distance("d", 0, 1)], starts)


def test_every_number_may_have_a_unit():
    kappa = 10 * unit.kilocalorie_per_mole / unit.angstrom**2
    path = {"timestep": 0.5 * unit.femtosecond, "kappa": [kappa], "friction": 1 / unit.picosecond}
    made = setup(STARTS, path=path, run={"walkers": np.int64(2), "seed": np.int64(3)})
    assert made.config.path.timestep == pytest.approx(0.0005)
    assert made.config.path.kappa == [pytest.approx(4184.0)]
    assert made.config.path.friction == 1.0
    assert (made.config.run.seed, type(made.config.run.seed)) == (3, int)
    assert cvflow.cv.coordination("n", [0], [1], r0=3 * unit.angstrom).r0 == pytest.approx(0.3)
    parts = pair()
    system = cvflow.openmm_system(parts.topology, parts.system, 300 * unit.kelvin)
    assert system.temperature == 300.0


def test_the_mass_of_hydrogen_may_have_a_unit():
    topology, system = app.Topology(), openmm.System()
    topology.addAtom("H", app.element.hydrogen, topology.addResidue("H", topology.addChain()))
    system.addParticle(1.0)
    heavy = cvflow.openmm_system(topology, system, 300, hydrogen_mass=4 * unit.dalton)
    assert heavy.system.getParticleMass(0) == 4 * unit.dalton


def test_a_unit_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="timestep is measured in picosecond, got angstrom"):
        plain({"path": {"timestep": 3 * unit.angstrom}})
    with pytest.raises(ValueError, match="r0 is measured in nanometer, got kelvin"):
        positive(3 * unit.kelvin, "r0")


def state(periodic=False, **asked):
    parts = pair()
    context = openmm.Context(parts.system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    context.setPositions(NEAR)
    if periodic:
        context.setPeriodicBoxVectors([3, 0, 0], [0, 3, 0], [0, 0, 3])
    return context.getState(**asked)


HOLDERS = {
    "quantity": lambda: NEAR * 10 * unit.angstrom,
    "list of vectors": lambda: [openmm.Vec3(*row) for row in NEAR] * unit.nanometer,
    "plain lists": lambda: NEAR.tolist(),
    "state": lambda: state(getPositions=True),
    "modeller": lambda: app.Modeller(pair().topology, NEAR * unit.nanometer),
    "frame": lambda: Frame(NEAR, None),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_positions_are_taken_from_what_holds_them(holder):
    made = setup(STARTS | {"near": HOLDERS[holder]()})
    np.testing.assert_allclose(made.walkers.starts[0].positions, NEAR)
    assert made.walkers.starts[0].box is None


def test_the_box_of_a_state_counts_in_a_periodic_system():
    frame = structure(state(periodic=True, getPositions=True), "starts['a']", True, lambda given, what: given)
    np.testing.assert_allclose(frame.box, 3 * np.eye(3))


BAD = {
    "a state without positions": (lambda: state(getEnergy=True), "getPositions=True"),
    "temperatures": (lambda: NEAR * unit.kelvin, "positions is measured in nanometer, got kelvin"),
    "ragged": (lambda: [[0.0, 0.0], [1.0]], "no array of positions"),
    "words": (lambda: ["a", "b"], "no array of positions"),
    "a number": (lambda: 3, "is of type int: give positions"),
    "nothing": (lambda: None, "is of type NoneType: give positions"),
    "one atom": (lambda: NEAR[:1], "has positions of shape (1, 3)"),
    "a file that is not there": (lambda: "nowhere.pdb", "nowhere.pdb cannot be read"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_holds_no_positions_is_refused(what):
    make, words = BAD[what]
    with pytest.raises(ValueError) as caught:
        setup(STARTS | {"near": make()})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """What is said, in a process of its own: here types are checked before cvflow sees anything."""
    folder = tmp_path_factory.mktemp("odd")
    command = [sys.executable, "-m", "tests.host.odd_arguments", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert list(folder.iterdir()) == []
    return json.loads(done.stdout)


@pytest.mark.parametrize("what", odd_arguments.CASES)
def test_what_a_script_gives_is_looked_at_first(what, refused):
    kind, said = refused[what]
    assert kind in ("ValueError", "ConfigError")
    assert odd_arguments.CASES[what][1] in said
    assert "\n" not in said
