"""What CVs may be called, and where that is asked."""

from dataclasses import replace

import openmm
import pytest

import cvflow
from cvflow.core.states import States
from cvflow.cv.names import LONGEST_NAME, RESERVED, check_together, checked_name
from cvflow.estimate.free_energy import profile
from cvflow.report.plumed_text import colvar_text, fes_text, jumps_text
from cvflow.setup.molecules.cvs import check_force_files
from cvflow.store import Header
from tests.report.synthetic import POLYMER, THREE, Lengths, fake_record


@pytest.mark.parametrize("name", ["r", "phi_1", "Rg", "t1me", "r" * LONGEST_NAME, "jumps", "cv"])
def test_words_are_names(name):
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "1r", "_r", "r-1", "r 1", "r\n", "a/b", "../../x", "and", "None", "lambda", "r" * 65, "r" + "é" * 40]
)
def test_other_texts_are_not(name):
    with pytest.raises(ValueError, match="a CV's name") as refused:
        checked_name(name)
    assert len(str(refused.value)) < 300


def test_columns_of_the_files_are_reserved():
    """All that stand beside the CVs, as the files have them; others bear a prefix with a dot, which no CV has."""
    record = fake_record(POLYMER, Lengths(2, 4, 40))
    texts = [colvar_text(record), jumps_text(record), fes_text(profile(record, "r", 5), 1.0)]
    colvar, jumps, fes = (set(text.splitlines()[0].split()[2:]) for text in texts)
    assert (colvar | fes) - {"r"} == RESERVED
    assert {column for column in jumps if "r" in column.split(".")[1:]} == {"cv_old.r", "from.r", "to.r", "cv_end.r"}
    for name in RESERVED:
        with pytest.raises(ValueError, match=f"cannot be called '{name}'"):
            checked_name(name)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["r", "z", "r"], "two CVs have the same name"),
        (["R", "z", "r"], "R and r differ in capitals alone"),
        (["a", "b", "a_b"], "fes_a_b.png would be of a_b, and of a and b"),
        (["b_c", "A_b_C", "a"], "fes_A_b_C.png would be of A_b_C, and of a and b_c"),
        (["z", "walker"], "cannot be called 'walker'"),
    ],
)
def test_names_whose_files_would_be_one_are_refused(names, said):
    with pytest.raises(ValueError, match=said):
        check_together(names)


def test_names_that_differ_are_not():
    check_together(["a", "a_b", "b_a", "a_a"])


@pytest.mark.parametrize("name", ["../../outside", "walker", "/etc/x", ""])
def test_a_store_that_was_made_up_names_no_files(name):
    """Figures are written to fes_<cv>.png: a header's names are those of a stranger."""
    header = fake_record(THREE, Lengths(2, 4, 8)).header
    assert Header.from_json(header.to_json()) == header
    with pytest.raises(ValueError, match="CV"):
        Header.from_json(replace(header, cvs=[name, "psi"]).to_json())


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[31m", "s" * 300])
def test_names_of_states(name):
    with pytest.raises(ValueError, match="a state's name"):
        States({name: "r < 1", "other": "r >= 1"}, ["r"])
    assert States({"compact state (1)": "r < 1", "φ": "r >= 1"}, ["r"]).names == ["compact state (1)", "φ"]


def test_two_forces_of_one_name_are_refused():
    """Terms of combinations lie in files named after them: the second would take the first one's place."""

    def half(length):
        force = openmm.CustomBondForce(f"r - {length}")
        force.addBond(0, 1, [])
        return force

    def combined(name, term, length):
        return cvflow.cv.combination(name, {cvflow.cv.from_force(term, half(length)): 1.0})

    check_force_files([combined("s", "a", 1.0), combined("t", "b", 2.0), combined("u", "a", 1.0)])
    with pytest.raises(ValueError, match=r"called a and A: cv_A\.xml keeps one"):
        check_force_files([combined("s", "a", 1.0), combined("t", "A", 2.0)])
