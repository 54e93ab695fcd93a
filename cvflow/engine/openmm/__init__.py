"""OpenMM as the embedded engine."""

from cvflow.engine.openmm.engine import OpenMMEngine, OpenMMSpec
from cvflow.engine.openmm.hydrogens import with_hydrogen_mass
from cvflow.engine.openmm.positions import PositionsEngine, PositionsSpec
from cvflow.engine.openmm.preparation import particles_of, prepare
from cvflow.engine.openmm.volume import default_box, piston

__all__ = [
    "OpenMMEngine",
    "OpenMMSpec",
    "PositionsEngine",
    "PositionsSpec",
    "default_box",
    "particles_of",
    "piston",
    "prepare",
    "with_hydrogen_mass",
]
