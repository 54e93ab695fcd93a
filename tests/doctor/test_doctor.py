"""`cvflow doctor`: one line for each thing, and an exit code that says whether a run can be made."""

import pytest

from cvflow.cli.commands import execute
from cvflow.doctor import Finding, Verdict, fit

NEEDED = Finding("OpenMM", Verdict.OK, "8.6", needed=True)
OTHER = Finding("GROMACS", Verdict.MISSING, "no gmx on the PATH", "install it")


def test_what_only_some_want_may_be_missing():
    assert fit([NEEDED, OTHER])


@pytest.mark.parametrize("verdict", [Verdict.MISSING, Verdict.WRONG])
def test_what_the_default_engine_needs_may_not(verdict, monkeypatch, capsys):
    findings = [Finding("OpenMM", verdict, "not there", "pip install openmm", needed=True), OTHER]
    monkeypatch.setattr("cvflow.doctor.examination", lambda: iter(findings))
    assert execute(["doctor"]) == 1
    output = capsys.readouterr()
    assert output.out.splitlines() == [finding.line for finding in findings]
    assert "what the default engine needs is not all there" in output.err


def test_a_bare_machine_can_run_the_default_engine(machine, capsys):
    """Where there is nothing but what cvflow itself depends on."""
    machine.lacks("lammps", "ase", "plumed")
    machine.monkeypatch.setattr("cvflow.engines.openmm.platforms.GPU_PLATFORMS", ())
    assert execute(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    whats = [line[9:].split(":")[0] for line in lines]
    assert whats == [
        "OpenMM", "torch", "LAMMPS", "ASE", "GROMACS", "PLUMED kernel", "PLUMED program", "py-plumed",
        "action CVFLOW", "cores",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines] == ["ok"] * 2 + ["missing"] * 7 + ["ok"]
    assert all("mend: " in line for line in lines if line.startswith("missing"))
