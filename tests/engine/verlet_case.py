"""One small system in each library."""

from collections.abc import Callable
from importlib.util import find_spec

import openmm
import pytest

from cvflow.engine.lammps import LammpsSpec
from cvflow.engine.openmm import OpenMMSpec
from cvflow.engine.verlet import VerletEngine, VerletSpec
from tests.engine import dumbbell, triangle
from tests.engine.lammps_missing import needs_lammps

XML = openmm.XmlSerializer.serialize(dumbbell.system())

needs_ase = pytest.mark.skipif(find_spec("ase") is None, reason="NO ASE: pip install 'cvflow[ase]' runs these tests")


def of_openmm(**changes) -> OpenMMSpec:
    settings = {"system_xml": XML, "cvs": (dumbbell.native_cv(),), "kT": 1.0, "timestep": 0.05, "platform": "Reference"}
    return OpenMMSpec(**(settings | changes))


def of_lammps(**changes) -> LammpsSpec:
    settings = {"model": triangle.of_long_bonds(), "cvs": (triangle.cv(),), "kT": triangle.KT, "timestep": 0.05}
    return LammpsSpec(**(settings | changes))


def of_ase(**changes) -> VerletSpec:
    from cvflow.engine.ase import AseSpec
    from tests.engine.ase_case import atoms

    settings = {"source": atoms, "cvs": (dumbbell.native_cv(),), "kT": dumbbell.KT, "timestep": 0.05}
    return AseSpec(**(settings | changes))


LIBRARIES = [
    pytest.param(of_openmm, id="OpenMM"),
    pytest.param(of_lammps, id="LAMMPS", marks=needs_lammps),
    pytest.param(of_ase, id="ASE", marks=needs_ase),
]

Build = Callable[..., VerletSpec]


def mixed(wrong: type, spec: VerletSpec) -> VerletEngine:
    """The engine of a specification, with something wrong mixed in."""
    return type(wrong.__name__, (wrong, type(spec.build())), {})(spec)
