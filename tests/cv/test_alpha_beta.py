"""Similarity of torsions, and helix content: by hand, from residues, and what is refused."""

from math import cos, pi, radians
from pathlib import Path

import numpy as np
import pytest
from openmm import app

from cvflow.core.frames import Frame
from cvflow.cv import AlphaBeta, alpha_beta, helix_content, resolve, torsion
from tests.cv.cases import draws

PEPTIDE = Path(__file__).parents[1] / "data" / "peptide"
FOURS = [[6, 2, 0, 5], [0, 1, 2, 3]]


def test_it_is_the_sum_of_shifted_cosines():
    frame = Frame(draws(1)[0], None)
    phi, psi = (torsion("t", four).evaluate(frame) for four in FOURS)
    assert alpha_beta("h", FOURS, [0.4, -2.0]).evaluate(frame) == pytest.approx(
        0.5 * (1 + cos(phi - 0.4)) + 0.5 * (1 + cos(psi + 2.0)), rel=1e-12
    )
    assert alpha_beta("h", FOURS, [phi, psi - 2 * pi]).evaluate(frame) == pytest.approx(2, rel=1e-12)
    assert alpha_beta("h", FOURS, [0, 0], [3.0, -1.0]).range == (-1.0, 3.0)


@pytest.fixture(scope="module")
def peptide():
    return app.PDBFile(str(PEPTIDE / "unfolding.pdb"))


def frame(peptide, number):
    return Frame(np.array(peptide.getPositions(asNumpy=True, frame=number)._value), None)


def test_helix_content_is_of_the_residues_own_torsions(peptide):
    """The caps have none; a helix has nearly one and a strand a third."""
    cv = resolve(helix_content("h", "protein or resname ACE NME"), peptide.topology)
    assert isinstance(cv, AlphaBeta)
    names = [[atom.name for atom in peptide.topology.atoms() if atom.index in four] for four in cv.torsions]
    assert sorted(map(tuple, names)) == sorted([("C", "N", "CA", "C"), ("N", "CA", "C", "N")] * 5)
    values = [cv.evaluate(frame(peptide, number)) for number in range(6)]
    assert values[0] > 0.95
    assert (np.diff(values) < 0).all()
    references = (radians(-57), radians(-47)) * 5
    by_hand = [0.5 * (1 + cos(torsion("t", four).evaluate(frame(peptide, 3)) - reference))
               for four, reference in zip(cv.torsions, references, strict=True)]  # fmt: skip
    assert values[3] == pytest.approx(np.mean(by_hand), rel=1e-12)


def test_some_residues_alone(peptide):
    cv = resolve(helix_content("h", "resid 3-4 and name CA"), peptide.topology)
    assert len(cv.torsions) == 4
    assert cv.coefficients == (0.25,) * 4
    assert cv.range == (0.0, 1.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: alpha_beta("h", [[0, 1, 2]], [0.0]), "a torsion has four atoms, got (0, 1, 2)"),
        (lambda: alpha_beta("h", [[0, 1, 2, 2]], [0.0]), "each torsion of a similarity needs four different atoms"),
        (lambda: alpha_beta("h", FOURS, [0.0]), "a reference, and a coefficient if there are any, for each torsion"),
        (lambda: alpha_beta("h", FOURS, [0.0, 1.0], [1.0]), "a coefficient if there are any, for each torsion"),
        (lambda: alpha_beta("h", FOURS, [0.0, np.nan]), "references and coefficients are numbers"),
        (lambda: alpha_beta("h", [], []), "for each torsion"),
        (lambda: alpha_beta("h", FOURS, [0.0, 1.0], unit="rad"), "numbers without a unit"),
        (lambda: helix_content("h", "resid 3").evaluate(Frame(draws(1)[0], None)), "holds selection strings"),
        (lambda: helix_content("h", [3]).evaluate(Frame(draws(1)[0], None)), "looks its torsions up"),
    ],
)
def test_misuse_is_one_line(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_residues_without_both_torsions_are_refused(peptide):
    with pytest.raises(ValueError, match="CV h: no residue of the group has φ and ψ"):
        resolve(helix_content("h", "resname ACE NME"), peptide.topology)
