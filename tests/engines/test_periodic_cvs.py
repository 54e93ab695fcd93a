"""Paths of every engine in a periodic box: wherever atoms are wrapped, the same path with the same work."""

from dataclasses import dataclass

import numpy as np
import openmm
import pytest

from cvflow.core.frames import Frame, Steering
from cvflow.cv import (
    CollectiveVariable,
    Combination,
    alpha_beta,
    coordination,
    distance,
    functions,
    native_contacts,
    path_progress,
    torsion,
)
from cvflow.cv.torch_function import from_torch
from cvflow.engines.lammps import LammpsModel, LammpsSpec
from cvflow.engines.openmm import OpenMMSpec
from tests.cv.cases import as_it_lies
from tests.engines.verlet_case import need

SIDE = 2.0
BOX = SIDE * np.eye(3)
SKEWED = np.array([[2.0, 0, 0], [0.6, 1.9, 0], [-0.7, 0.5, 2.0]])
X = np.array([[0.1, 0.2, 0.3], [0.5, 0.3, 0.2], [0.7, 0.7, 0.4], [0.4, 0.9, 0.8]])
"""Four atoms alone, each beside the next one."""
LATTICE = np.array([[0, 0, 0], [-1, 0, 1], [0, 2, 0], [1, -1, -1]])


def size(x):
    return functions.gyration(x)


CVS = {
    "distance": (distance("d", 0, 1), 0.3),
    "torsion": (torsion("t", 0, 1, 2, 3), 0.5),
    "coordination": (coordination("n", [0], [1, 3], r0=0.5), 0.3),
    "native contacts": (native_contacts("q", [0], 0.7 * X[[0, 1, 3]], [1, 3], pairs=[(0, 1), (0, 3)], beta=8.0), -0.2),
    "similarity": (alpha_beta("h", [[0, 1, 2, 3]], [0.4]), 0.2),
    "path": (path_progress("s", [0, 1, 2, 3], [X, 1.3 * X, 1.6 * X]), 0.3),
    "combination": (Combination("s", (1.0, -1.0), (distance("a", 0, 1), distance("b", 2, 1))), 0.2),
    "torch": (from_torch("g", size, [0, 1, 2, 3]), 0.1),
}


def free_gas(cv):
    system = openmm.System()
    pairs = openmm.NonbondedForce()
    pairs.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    pairs.setCutoffDistance(0.5)
    for _ in X:
        system.addParticle(20.0)
        pairs.addParticle(0.0, 0.1, 0.0)
    system.addForce(pairs)
    system.setDefaultPeriodicBoxVectors(*BOX)
    return OpenMMSpec(openmm.XmlSerializer.serialize(system), (cv,), 1.0, 0.002, platform="Reference")


def of_lammps(cv):
    need("lammps")
    commands = (
        "units lj", "atom_style atomic", f"region box block 0 {SIDE} 0 {SIDE} 0 {SIDE}", "create_box 1 box",
        *(["create_atoms 1 single 1 1 1"] * len(X)), "mass 1 20.0", "pair_style zero 0.9", "pair_coeff * *",
        "neighbor 0.05 bin",
    )  # fmt: skip
    return LammpsSpec(LammpsModel(commands), (cv,), 1.0, 0.002)


def atoms():
    from ase import Atoms
    from ase.calculators.lj import LennardJones

    made = Atoms("Ar4", positions=10 * X, cell=10 * BOX, pbc=True, masses=[20.0] * 4)
    made.calc = LennardJones(epsilon=0.0, rc=3.0)
    return made


def of_ase(cv):
    need("ase")
    from cvflow.engines.ase import AseSpec

    return AseSpec(atoms, (cv,), 1.0, 0.002)


ENGINES = {"OpenMM": (free_gas, BOX), "OpenMM, triclinic": (free_gas, SKEWED), "LAMMPS": (of_lammps, BOX),
           "ASE": (of_ase, BOX)}  # fmt: skip


def path(engine, frame, value, way):
    order = Steering(np.array([value]), np.array([value + way]), np.array([300.0]), 60)
    return engine.steer(frame, order, np.random.default_rng(4))


@pytest.mark.parametrize("name", CVS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_path_of_wrapped_atoms_is_the_path_of_the_atoms_beside_each_other(engine, name):
    """And is another for the mutant, which takes them as they lie."""
    (build, box), (cv, way) = ENGINES[engine], CVS[name]
    here, there = Frame(X, box), Frame(X + LATTICE @ box, box)
    value = as_it_lies(cv).evaluate(here)
    first, second = (path(build(cv).build(), frame, value, way) for frame in (here, there))
    assert second.work == pytest.approx(first.work, abs=1e-7)
    assert second.protocol_work == pytest.approx(first.protocol_work, abs=1e-7)
    np.testing.assert_allclose(second.cv, first.cv, atol=1e-7)
    np.testing.assert_allclose(second.frame.positions - LATTICE @ box, first.frame.positions, atol=1e-7)
    mutant = path(build(as_it_lies(cv)).build(), there, value, way)
    assert not abs(mutant.work - first.work) < 1e-3


def test_a_path_goes_through_the_border():
    """A distance that grows across it: the atoms lie a box apart, and are near."""
    frame = Frame(np.array([[0.1, 1, 1], [1.9, 1, 1], [1, 0, 0], [1, 1, 0]]), BOX)
    engine = free_gas(distance("d", 0, 1)).build()
    found = engine.steer(frame, Steering(np.array([0.2]), np.array([0.6]), np.array([2000.0]), 400),
                         np.random.default_rng(0))  # fmt: skip
    assert engine.cv_values(frame) == pytest.approx(0.2)
    assert found.cv[0] == pytest.approx(0.6, abs=0.1)
    assert np.linalg.norm(found.frame.positions[1] - found.frame.positions[0]) > 1.2


@dataclass(frozen=True)
class OwnImages(CollectiveVariable):
    """The distance of atoms 0 and 1 as somebody else would write it, images and all."""

    name: str = "own"
    unit: str = "nm"

    @property
    def highest_atom(self):
        return 1

    def value_and_gradient(self, frame):
        apart = frame.positions[1] - frame.positions[0]
        if frame.box is not None:
            apart = apart - np.round(apart @ np.linalg.inv(frame.box)) @ frame.box
        value, gradient = float(np.linalg.norm(apart)), np.zeros_like(frame.positions)
        gradient[0], gradient[1] = -apart / value, apart / value
        return value, gradient


def test_a_cv_of_ones_own_is_shown_the_box_when_openmm_calls_it_back():
    order = Steering(np.array([0.4]), np.array([0.7]), np.array([300.0]), 60)
    own, ours = (
        free_gas(cv).build().steer(Frame(X + LATTICE @ BOX, BOX), order, np.random.default_rng(4))
        for cv in (OwnImages(), distance("d", 0, 1))
    )
    assert own.work == pytest.approx(ours.work, abs=1e-7)
    np.testing.assert_allclose(own.frame.positions, ours.frame.positions, atol=1e-7)
