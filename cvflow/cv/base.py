"""The collective variable's law."""

import re
from abc import ABC, abstractmethod

from cvflow.state import Frame

_NAME = re.compile(r"[A-Za-z]\w*\Z")


class CollectiveVariable(ABC):
    """A differentiable function ξ of the positions, unbounded for the restraint's sake.

    Law: `evaluate` depends on the frame alone, and an engine's restraint built from the CV has the energy
    κ/2 (evaluate(frame) - λ)² (contract test in tests/engine).
    """

    name: str
    """Used in state expressions, COLVAR, fes.dat and figures."""
    unit: str
    """Printed in tables and on axes; empty in reduced units."""

    @property
    @abstractmethod
    def highest_atom(self) -> int:
        """The largest atom index the CV reads, counted from 0, for range checks."""

    @abstractmethod
    def evaluate(self, frame: Frame) -> float:
        """Value of the CV, in its unit."""


def checked_name(name: str) -> str:
    """Return the name if it can stand in state expressions and file headers.

    Raises:
        ValueError: it cannot.
    """
    if not _NAME.match(name) or name in {"and", "or", "not", "time"}:
        raise ValueError(f"a CV's name must be a word of letters, digits and _ (not and, or, not, time), got {name!r}")
    return name
