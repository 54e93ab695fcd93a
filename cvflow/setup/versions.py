"""The programs that decide what a run's numbers are, to the last digit."""

from collections.abc import Iterator
from functools import cache
from importlib import metadata

from cvflow import __version__
from cvflow.config.cv_given import PlumedSection
from cvflow.config.cv_section import with_terms
from cvflow.config.engine_section import ProgramSection
from cvflow.config.settings import Config

_ALWAYS = ("numpy", "torch", "zuko")


def versions(config: Config) -> dict[str, str]:
    """Version of cvflow and of every package that a run of this config computes with."""
    return {"cvflow": __version__} | {name: _version(name) for name in (*_ALWAYS, *_used(config))}


def _used(config: Config) -> Iterator[str]:
    """The engine inside this process, and PLUMED's wrapper for CVs of its text."""
    inside = not isinstance(config.engine, ProgramSection)
    if inside and config.engine.name in ("openmm", "lammps", "ase"):
        yield config.engine.name
    if inside and any(isinstance(section, PlumedSection) for section in with_terms(config.cv)):
        yield "plumed"


@cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # built by hand, or by conda without pip's record
        return "unknown"
