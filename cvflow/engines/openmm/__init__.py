"""OpenMM as the embedded engine."""

from cvflow.engines.openmm.engine import OpenMMEngine, OpenMMSpec
from cvflow.engines.openmm.hydrogens import with_hydrogen_mass
from cvflow.engines.openmm.positions import PositionsEngine, PositionsSpec
from cvflow.engines.openmm.preparation import adapted, particles_of, prepare
from cvflow.engines.openmm.volume import default_box, piston

__all__ = [
    "OpenMMEngine",
    "OpenMMSpec",
    "PositionsEngine",
    "PositionsSpec",
    "adapted",
    "default_box",
    "particles_of",
    "piston",
    "prepare",
    "with_hydrogen_mass",
]
