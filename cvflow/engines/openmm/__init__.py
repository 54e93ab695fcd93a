"""OpenMM as the embedded engine."""

from cvflow.engines.openmm.engine import OpenMMEngine, OpenMMSpec
from cvflow.engines.openmm.hydrogens import with_hydrogen_mass
from cvflow.engines.openmm.positions import PositionsEngine, PositionsSpec
from cvflow.engines.openmm.preparation import adapted, particles_of, prepare
from cvflow.engines.openmm.rigid import frozen, put_right, rigid_parts
from cvflow.engines.openmm.volume import default_box, piston

__all__ = [
    "OpenMMEngine",
    "OpenMMSpec",
    "PositionsEngine",
    "PositionsSpec",
    "adapted",
    "default_box",
    "frozen",
    "particles_of",
    "piston",
    "prepare",
    "put_right",
    "rigid_parts",
    "with_hydrogen_mass",
]
