"""Any ASE calculator as the engine."""

from cvflow.engine.ase.engine import AseEngine, AseSpec

__all__ = ["AseEngine", "AseSpec"]
