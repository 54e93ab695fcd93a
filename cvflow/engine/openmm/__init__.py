"""OpenMM as the embedded engine."""

from cvflow.engine.openmm.engine import OpenMMEngine, OpenMMSpec
from cvflow.engine.openmm.preparation import prepare
from cvflow.engine.openmm.volume import default_box

__all__ = ["OpenMMEngine", "OpenMMSpec", "default_box", "prepare"]
