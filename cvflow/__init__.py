"""cvflow: exact sampling of metastable molecular systems.

A normalizing flow over a few collective variables proposes jumps between states, a steered nonequilibrium path realises
each jump, and the path is accepted by its Jarzynski-Crooks ratio.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0.dev0"
__all__ = [
    "AseSystem",
    "MolecularSystem",
    "Potential",
    "Result",
    "TorchSystem",
    "__version__",
    "ase_system",
    "cv",
    "openmm_system",
    "resume",
    "sample",
    "wall",
]
_HOMES = {
    "Potential": "cvflow.engines.batch.potential",
    "TorchSystem": "cvflow.engines.batch.system",
    "wall": "cvflow.core.walls",
}


def __getattr__(name: str) -> Any:
    """Import the public names on first use: worker processes and `cvflow --help` need no torch."""
    if name == "cv":
        return import_module("cvflow.cv")
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "cvflow.api")), name)
    raise AttributeError(f"module 'cvflow' has no attribute {name!r}")
