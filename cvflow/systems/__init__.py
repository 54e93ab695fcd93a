"""Reference systems, one file each."""

from cvflow.systems.base import ReferenceSystem
from cvflow.systems.polymer import Polymer

BUILT_IN: dict[str, type[ReferenceSystem]] = {"polymer": Polymer}
"""The built-in systems by the name that `[system] name` takes."""

__all__ = ["BUILT_IN", "Polymer", "ReferenceSystem"]
