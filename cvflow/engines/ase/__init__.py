"""Any ASE calculator as the engine."""

from cvflow.engines.ase.engine import AseEngine, AseSpec

__all__ = ["AseEngine", "AseSpec"]
