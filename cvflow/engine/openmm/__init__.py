"""OpenMM as the embedded engine."""

from cvflow.engine.openmm.engine import OpenMMEngine, OpenMMSpec
from cvflow.engine.openmm.hydrogens import with_hydrogen_mass
from cvflow.engine.openmm.positions import PositionsEngine, PositionsSpec
from cvflow.engine.openmm.preparation import prepare
from cvflow.engine.openmm.volume import default_box

__all__ = [
    "OpenMMEngine",
    "OpenMMSpec",
    "PositionsEngine",
    "PositionsSpec",
    "default_box",
    "prepare",
    "with_hydrogen_mass",
]
