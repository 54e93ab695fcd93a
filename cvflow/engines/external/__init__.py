"""Programs that PLUMED is built into, run path by path: one process a path, its inputs and outputs in files."""

from cvflow.engines.external.custom import Custom
from cvflow.engines.external.engine import ExternalEngine, ExternalSpec
from cvflow.engines.external.gromacs import Gromacs
from cvflow.engines.external.lammps import Lammps
from cvflow.engines.external.pesmd import PesMD
from cvflow.engines.external.process import ProgramFailedError
from cvflow.engines.external.program import Program

__all__ = ["Custom", "ExternalEngine", "ExternalSpec", "Gromacs", "Lammps", "PesMD", "Program", "ProgramFailedError"]
