"""Selection strings become indices of an openmm topology, or one clear line."""

import warnings

import MDAnalysis
import pytest
from openmm import app

from cvflow.cv import (
    angle,
    centre_distance,
    combination,
    coordination,
    distance,
    from_torch,
    gyration,
    resolve,
    torsion,
)
from cvflow.cv.functions import gyration as of_positions
from cvflow.cv.selection import AtomNames, check_places


@pytest.fixture(scope="module")
def topology():
    """Two alanines, of the atoms N, CA, C, O, with a ghost without element at the end."""
    made = app.Topology()
    chain = made.addChain()
    for number in (1, 2):
        residue = made.addResidue("ALA", chain, str(number))
        for name, element in (("N", app.element.nitrogen), ("CA", app.element.carbon), ("C", app.element.carbon),
                              ("O", app.element.oxygen)):  # fmt: skip
            made.addAtom(name, element, residue)
    made.addAtom("X", None, made.addResidue("GHO", chain, "3"))
    return made


def test_each_place_is_one_atom(topology):
    cv = torsion("phi", "resid 1 and name C", "resid 2 and name N", 5, "resid 2 and name C")
    assert resolve(cv, topology).atoms == (2, 4, 5, 6)
    assert resolve(angle("a", 0, "resid 2 and name O", 1), topology).atoms == (0, 7, 1)
    assert resolve(distance("r", "resid 1 and name O", 8), topology).atoms == (3, 8)


def test_groups_take_any_number_each_once(topology):
    assert resolve(gyration("g", "name CA C"), topology).atoms == (1, 2, 5, 6)
    assert resolve(gyration("g", ["resid 2 and name CA", 0, "name CA"]), topology).atoms == (5, 0, 1)
    cv = resolve(coordination("n", "name O", "element N", r0=0.3), topology)
    assert (cv.atoms, cv.atoms2) == ((3, 7), (0, 4))
    assert resolve(from_torch("t", of_positions, "name CA"), topology).atoms == (1, 5)


def test_masses_are_those_of_the_elements(topology):
    cv = resolve(gyration("g", "resid 1", weights="mass"), topology)
    assert cv.weights == pytest.approx((14.007, 12.011, 12.011, 15.999), abs=1e-3)
    cv = resolve(centre_distance("d", [0], "name O", weights2="mass"), topology)
    assert (cv.weights, cv.atoms2) == ((), (3, 7))
    assert cv.weights2 == pytest.approx((15.999, 15.999), abs=1e-3)


def test_terms_of_a_combination_are_looked_up(topology):
    cv = combination("s", {distance("r", "resid 1 and name O", 8): 1.0, distance("q", 0, 1): -1.0})
    assert resolve(cv, topology).highest_atom == 8


def test_indices_stay_as_they_are(topology):
    cv = torsion("phi", 4, 3, 2, 1)
    assert resolve(cv, topology) == cv


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distance("r", "name CB", 1), "CV r: selection 'name CB' matches no atom"),
        (lambda: distance("r", "name CA", 1), "CV r: selection 'name CA' matches 2 atoms, [1, 5] ...; one is needed"),
        (lambda: distance("r", "nam CA", 1), "CV r: 'nam CA' is no selection for this topology"),
        (lambda: distance("r", "around 3 name CA", 1), "is no selection for this topology"),
        (lambda: distance("r", "resid 1 and name CA", 1), "two different atoms"),
        (lambda: gyration("g", "name CB"), "CV g: selection 'name CB' matches no atom"),
        (lambda: gyration("g", "all", weights="mass"), "no element for atom 8"),
        (lambda: gyration("g", "name CA", weights=(1.0, 2.0, 3.0)), "3 weights for 2 atoms"),
        (lambda: gyration("g", "resid 3"), "two atoms or more"),
        (lambda: coordination("n", "name CA C", "resid 2", r0=0.3), "share atoms [5, 6]"),
    ],
)
def test_misuse_is_one_line(make, words, topology):
    with pytest.raises(ValueError) as error:
        resolve(make(), topology)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def written(path, chains=("A", "B")):
    """A file with a gap, a negative number, an insertion code, two chains, and numbers that begin anew."""
    rows = [
        ("CA", "ALA", chains[0], -2, " "), ("CA", "GLY", chains[0], 52, " "), ("CA", "GLY", chains[0], 52, "A"),
        ("CA", "SER", chains[1], 52, " "), ("CB", "SER", chains[1], 52, " "), ("O", "HOH", chains[0], 9999, " "),
        ("O", "HOH", chains[0], 2, " "),
    ]  # fmt: skip
    lines = [
        f"ATOM  {i:5d}  {name:<3s} {residue} {chain}{number:4d}{code}   {i:8.3f}   0.000   0.000  1.00  0.00          "
        f"{name[0]:>2s}"
        for i, (name, residue, chain, number, code) in enumerate(rows, 1)
    ]
    path.write_text("\n".join([*lines, "END", ""]))
    return path


SELECTIONS = (
    "resid -2", "resid 52", "resid 52A", "resid 50:60", "icode A", "segid A", "segid B", "chainID A", "chainID B",
    "segid SYSTEM", "resnum 52", "resid 52 and name CB", "resid 10002", "resid 2", "resid 1", "resid 4",
    "segid A and resid 52", "name CA and not resid 52",
)  # fmt: skip


@pytest.mark.parametrize("chains", [("A", "B"), (" ", " "), ("A", "A"), ("A", " ")])
def test_residues_and_chains_are_those_of_the_file(tmp_path, chains):
    """Every selection is that of MDAnalysis' own reading of the file."""
    path = str(written(tmp_path / "gaps.pdb", chains))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = MDAnalysis.Universe(path)
    topology = app.PDBFile(path).topology
    assert own.select_atoms("resid 52").n_atoms > 1
    for selection in SELECTIONS:
        wanted = tuple(own.select_atoms(selection).indices.tolist())
        if wanted:
            assert AtomNames(topology).group("g", (selection,)) == wanted, selection
        else:
            with pytest.raises(ValueError, match="matches no atom"):
                AtomNames(topology).group("g", (selection,))


def test_residues_without_numbers_are_counted_from_one():
    made = app.Topology()
    chain = made.addChain()
    for number in ("LIG", "7"):
        made.addAtom("C", app.element.carbon, made.addResidue("MOL", chain, number))
    assert AtomNames(made).atoms("d", ("resid 2",)) == (1,)


@pytest.mark.parametrize("count", [1, 5])
def test_any_number_of_places_is_refused_in_words(count):
    check_places("h", "a CV of one's own", tuple(range(count)), count)
    with pytest.raises(ValueError, match=f"needs {count} different atoms"):
        check_places("h", "a CV of one's own", (0, 0), count)
