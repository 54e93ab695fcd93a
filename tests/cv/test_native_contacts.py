"""Native contacts: which a reference has, where each counts one half, and what is refused."""

import numpy as np
import openmm
import pytest
from openmm import app, unit

from cvflow.core.frames import Frame
from cvflow.cv import Particles, native_contacts, resolve
from cvflow.engines.openmm.restraint import centre_name, kappa_name, restraint_force

COUNT = 12
"""Atoms, two a residue, the first four residues in one chain and the last two in another."""
X = np.random.default_rng(2).uniform(0, 0.9, (COUNT, 3))


def topology():
    made = app.Topology()
    for chain, residues in (("A", 4), ("B", 2)):
        chain = made.addChain(chain)
        for _ in range(residues):
            residue = made.addResidue("MOL", chain)
            for name in ("C", "H"):
                made.addAtom(name, app.element.Element.getBySymbol(name), residue)
    return made


def by_hand(atoms, others, cutoff, separation):
    """Pair by pair."""
    found = set()
    for i in atoms:
        for j in others:
            apart = (i < 8) != (j < 8) or abs(i // 2 - j // 2) >= separation
            if i != j and apart and np.linalg.norm(X[i] - X[j]) <= cutoff:
                found.add((min(i, j), max(i, j)))
    return tuple(sorted(found))


@pytest.mark.parametrize("separation", [0, 1, 3])
@pytest.mark.parametrize("cutoff", [0.4, 0.6])
def test_contacts_are_those_of_the_reference(cutoff, separation):
    cv = resolve(native_contacts("q", range(COUNT), X, cutoff=cutoff, separation=separation), topology())
    assert cv.pairs == by_hand(range(COUNT), range(COUNT), cutoff, separation)
    assert cv.evaluate(Frame(X, None)) > 0.95
    assert resolve(cv, topology()) == cv


def test_of_two_groups_are_those_between_them_and_hydrogens_are_left_out_by_the_selection():
    cv = resolve(native_contacts("q", "name C and segid A", X, "name C and segid B", cutoff=0.6), topology())
    assert cv.pairs == by_hand([0, 2, 4, 6], [8, 10], 0.6, 4)
    assert {i for i, _ in cv.pairs} == set(cv.atoms)
    assert {j for _, j in cv.pairs} == set(cv.atoms2)
    np.testing.assert_allclose(cv.reference, X[list(cv.atoms + cv.atoms2)])


def test_a_contact_counts_one_half_where_it_is_longer_by_lambda():
    reference = np.array([[0.0, 0, 0], [0.4, 0, 0], [0, 0.3, 0]])
    cv = native_contacts("q", [0, 1, 2], reference, pairs=[(0, 1), (0, 2)], beta=100 / unit.nanometer)
    for lengths, value in (([0.4, 0.3], 1), ([0.72, 0.3], 0.75), ([0.72, 5.0], 0.25), ([7.0, 9.0], 0)):
        frame = Frame(np.array([[0, 0, 0], [lengths[0], 0, 0], [0, lengths[1], 0]]), None)
        assert cv.evaluate(frame) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_atoms_that_are_far_apart_have_no_force_that_is_no_number(platform):
    cv = native_contacts("q", [0, 1], [[0, 0, 0], [0.3, 0, 0]], pairs=[(0, 1)]).among(Particles((1.0, 1.0)))
    system = openmm.System()
    for _ in range(2):
        system.addParticle(1.0)
    system.addForce(restraint_force(cv, 0))
    made = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform(platform))
    made.setParameter(kappa_name(0), 100.0)
    made.setParameter(centre_name(0), 0.5)
    made.setPositions([[0, 0, 0], [50.0, 0, 0]])
    state = made.getState(getForces=True, getEnergy=True)
    assert state.getPotentialEnergy()._value == pytest.approx(12.5)
    assert np.abs(state.getForces(asNumpy=True)._value).max() < 1e-9
    assert np.isfinite(cv.value_and_gradient(Frame(np.array([[0, 0, 0], [50.0, 0, 0]]), None))[1]).all()


def made(**words):
    return native_contacts("q", **({"atoms": range(4), "reference": X[:4], "pairs": [(0, 2)]} | words))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: made(beta=0.0), "beta must be a positive number [1/nanometer]"),
        (lambda: made(cutoff=3 * unit.picosecond), "cutoff is measured in nanometer"),
        (lambda: made(separation=-1), "separation must not be negative"),
        (lambda: made(atoms2=[3, 5]), "the two groups of contacts share atoms [3]"),
        (lambda: made(pairs=[(1, 1)]), "pairs are two different atoms each"),
        (lambda: made(pairs=[(1, 2), (2, 1)]), "none stands twice"),
        (lambda: made(pairs=[(1, 7)]).evaluate(Frame(X, None)), "a contact of atom 7, which is in no group"),
        (lambda: resolve(made(pairs=[(1, 7)]), topology()), "a contact of atom 7, which is in no group"),
        (lambda: made(pairs=[]).evaluate(Frame(X, None)), "cvflow.cv.resolve(cv, topology) looks its contacts up"),
        (lambda: resolve(made(pairs=[]), topology()), "are within 0.45 nm and of residues 4 apart: change cutoff or"),
        (lambda: made(reference=X[:3]).evaluate(Frame(X, None)), "the reference has 3 positions for 4 atoms"),
        (lambda: made(reference="none.pdb"), "none.pdb cannot be read as a PDB file"),
        (lambda: made(unit="nm"), "numbers without a unit"),
    ],
)
def test_misuse_is_one_line(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert words in str(error.value)
    assert "\n" not in str(error.value)
