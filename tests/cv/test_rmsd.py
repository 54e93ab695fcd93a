"""RMSD to a reference: by hand, by OpenMM's own force, from a file, and what is refused."""

import numpy as np
import openmm
import pytest
from openmm import app, unit
from scipy.spatial.transform import Rotation

from cvflow.core.frames import Frame
from cvflow.cv import Particles, resolve, rmsd
from cvflow.engines.openmm.restraint import centre_name, kappa_name, restraint_force
from tests.cv.cases import ATOMS, draws

X = draws(1)[0]
GROUP = [8, 1, 2, 4, 9]
CV = rmsd("m", GROUP, X[GROUP]).among(Particles((1.0,) * ATOMS))


def moved(x, seed=0):
    turn = Rotation.random(random_state=seed)
    return turn.apply(x) + np.array([0.3, -2.0, 5.0])


def test_a_structure_that_was_turned_and_moved_is_the_reference():
    assert CV.evaluate(Frame(moved(X), None)) == pytest.approx(0, abs=1e-7)
    other = X.copy()
    other[4] += [0.1, 0, 0]
    found = CV.evaluate(Frame(moved(other), None))
    assert 0 < found < 0.1 / np.sqrt(5)
    assert found == pytest.approx(CV.evaluate(Frame(other, None)), abs=1e-9)


def test_a_mirror_image_is_another_structure():
    assert CV.evaluate(Frame(X * [1, 1, -1], None)) > 0.05


def context(cv):
    system = openmm.System()
    for _ in range(ATOMS):
        system.addParticle(12.0)
    system.addForce(restraint_force(cv, 0))
    made = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    made.setParameter(kappa_name(0), 40.0)
    return made


def test_openmm_s_own_force_is_taken_where_one_molecule_is_whole_and_agrees():
    assert not any(isinstance(force, openmm.PythonForce) for force in parts(CV))
    apart = rmsd("m", GROUP, X[GROUP]).among(Particles((1.0,) * ATOMS, periodic=True))
    assert any(isinstance(force, openmm.PythonForce) for force in parts(apart))
    made = context(CV)
    for x in draws(4, seed=8):
        value, gradient = CV.value_and_gradient(Frame(moved(x), None))
        made.setParameter(centre_name(0), value - 0.05)
        made.setPositions(moved(x))
        state = made.getState(getEnergy=True, getForces=True)
        assert state.getPotentialEnergy()._value == pytest.approx(0.5 * 40 * 0.05**2, rel=1e-6)
        forces = state.getForces(asNumpy=True)._value
        np.testing.assert_allclose(forces, -40 * 0.05 * gradient, atol=1e-6 * np.abs(forces).max())


def parts(cv):
    force = restraint_force(cv, 0)
    return [force.getCollectiveVariable(i) for i in range(force.getNumCollectiveVariables())]


def test_the_reference_itself_has_a_value_and_no_direction():
    """Where a start is the reference, forces are numbers."""
    value, gradient = CV.value_and_gradient(Frame(X, None))
    assert value == pytest.approx(0, abs=1e-7)
    assert np.isfinite(gradient).all()
    made = context(CV)
    made.setParameter(centre_name(0), 0.1)
    made.setPositions(X)
    assert np.isfinite(made.getState(getForces=True).getForces(asNumpy=True)._value).all()


def topology():
    made = app.Topology()
    residue = made.addResidue("MOL", made.addChain())
    for index in range(ATOMS):
        made.addAtom(f"C{index}", app.element.carbon, residue)
    return made


@pytest.mark.parametrize("which", ["all", "group", "file", "quantity", "PDBFile"])
def test_a_reference_is_of_the_group_or_of_all_atoms(which, tmp_path):
    file = tmp_path / "native.pdb"
    with file.open("w") as out:
        app.PDBFile.writeFile(topology(), X * unit.nanometer, out)
    given = {
        "all": X, "group": X[GROUP], "file": str(file), "quantity": 10 * X * unit.angstrom,
        "PDBFile": app.PDBFile(str(file)),
    }[which]  # fmt: skip
    cv = resolve(rmsd("m", ["name C8", 1, 2, 4, 9], given), topology())
    assert cv.atoms == (8, 1, 2, 4, 9)
    np.testing.assert_allclose(cv.reference, X[GROUP], atol=1e-4)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (X[:7], "the reference has 7 positions: give those of the group's 5 atoms, or of all 10"),
        (X[:2], "an RMSD needs three atoms or more that do not lie on a line"),
        ([[0, 0, i] for i in range(5)], "that do not lie on a line"),
        ("missing.pdb", "CV m: missing.pdb cannot be read as a PDB file"),
        ([[0, 0]], "a reference is a PDB file or a list of positions"),
    ],
)
def test_what_is_no_reference(reference, words):
    with pytest.raises(ValueError, match=words):
        resolve(rmsd("m", GROUP, reference), topology())
