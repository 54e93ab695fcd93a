"""OpenMM as the embedded engine."""

from cvflow.engine.openmm.engine import OpenMMEngine, OpenMMSpec
from cvflow.engine.openmm.preparation import prepare

__all__ = ["OpenMMEngine", "OpenMMSpec", "prepare"]
