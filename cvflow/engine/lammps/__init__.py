"""LAMMPS as an embedded engine."""

from cvflow.engine.lammps.engine import LammpsEngine, LammpsSpec
from cvflow.engine.lammps.model import LammpsModel, LongBond

__all__ = ["LammpsEngine", "LammpsModel", "LammpsSpec", "LongBond"]
