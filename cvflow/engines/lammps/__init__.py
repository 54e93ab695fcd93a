"""LAMMPS as an embedded engine."""

from cvflow.engines.lammps.engine import LammpsEngine, LammpsSpec
from cvflow.engines.lammps.model import LammpsModel, LongBond

__all__ = ["LammpsEngine", "LammpsModel", "LammpsSpec", "LongBond"]
