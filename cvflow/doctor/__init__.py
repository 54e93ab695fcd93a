"""What of this machine cvflow can use: the engines, PLUMED and the action, the cores; and how to mend the rest."""

from collections.abc import Iterable, Iterator

from cvflow.doctor.engines import ase, cores, gpus, gromacs, lammps, openmm, torch
from cvflow.doctor.finding import Finding, Verdict
from cvflow.doctor.plumed import action, kernel, program, wrapper

__all__ = ["Finding", "Verdict", "examination", "fit"]


def examination() -> Iterator[Finding]:
    """All findings, one after the other as they are made."""
    yield openmm()
    yield from gpus()
    for examine in (torch, lammps, ase, gromacs, kernel, program, wrapper, action, cores):
        yield examine()


def fit(findings: Iterable[Finding]) -> bool:
    """Whether the default engine, OpenMM, can run and train its flow; all else is for those who want it."""
    return all(finding.verdict is Verdict.OK for finding in findings if finding.needed)
