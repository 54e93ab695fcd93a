"""Programs that PLUMED is built into, run path by path: one process a path, its inputs and outputs in files."""

from cvflow.engine.external.custom import Custom
from cvflow.engine.external.engine import ExternalEngine, ExternalSpec
from cvflow.engine.external.gromacs import Gromacs
from cvflow.engine.external.lammps import Lammps
from cvflow.engine.external.pesmd import PesMD
from cvflow.engine.external.process import ProgramFailedError
from cvflow.engine.external.program import Program

__all__ = ["Custom", "ExternalEngine", "ExternalSpec", "Gromacs", "Lammps", "PesMD", "Program", "ProgramFailedError"]
