"""One small system in each library."""

from collections.abc import Callable
from importlib.util import find_spec

import openmm
import pytest

from cvflow.doctor.verify import dumbbell
from cvflow.engines.lammps import LammpsSpec
from cvflow.engines.openmm import OpenMMSpec
from cvflow.engines.verlet import VerletEngine, VerletSpec
from tests.engines import triangle
from tests.engines.lammps_missing import REASON

XML = openmm.XmlSerializer.serialize(dumbbell.system())

MISSING = {"lammps": REASON, "ase": "NO ASE: pip install 'cvflow[ase]' runs these tests"}


def need(library: str) -> None:
    """Skip where a library is not installed: all tests in this one place, which pytest folds into one line."""
    if find_spec(library) is None:
        pytest.skip(MISSING[library])


def of_openmm(**changes) -> OpenMMSpec:
    settings = {"system_xml": XML, "cvs": (dumbbell.native_cv(),), "kT": 1.0, "timestep": 0.05, "platform": "Reference"}
    return OpenMMSpec(**(settings | changes))


def of_lammps(**changes) -> LammpsSpec:
    need("lammps")
    settings = {"model": triangle.of_long_bonds(), "cvs": (triangle.cv(),), "kT": triangle.KT, "timestep": 0.05}
    return LammpsSpec(**(settings | changes))


def of_ase(**changes) -> VerletSpec:
    need("ase")
    from cvflow.engines.ase import AseSpec
    from tests.engines.ase_case import atoms

    settings = {"source": atoms, "cvs": (dumbbell.native_cv(),), "kT": dumbbell.KT, "timestep": 0.05}
    return AseSpec(**(settings | changes))


LIBRARIES: dict[str, Callable[..., VerletSpec]] = {"OpenMM": of_openmm, "LAMMPS": of_lammps, "ASE": of_ase}


def mixed(wrong: type, spec: VerletSpec) -> VerletEngine:
    """The engine of a specification, with something wrong mixed in."""
    return type(wrong.__name__, (wrong, type(spec.build())), {})(spec)
