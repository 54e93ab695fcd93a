"""CVs that are computed in Python at every step of an engine."""

from abc import abstractmethod

from cvflow.core.frames import Frame, Positions
from cvflow.cv.base import CollectiveVariable
from cvflow.cv.selection import Group, indices, positions


class PythonCV(CollectiveVariable):
    """Law: `value_and_gradient` is of the atoms' positions [nm] alone, and the gradient is that of the value."""

    atoms: Group

    @abstractmethod
    def value_and_gradient(self, x: Positions) -> tuple[float, Positions]:
        """ξ and ∂ξ/∂x of the CV's atoms, in their order."""

    @property
    def highest_atom(self) -> int:
        return max(indices(self.name, self.atoms))

    def evaluate(self, frame: Frame) -> float:
        return self.value_and_gradient(positions(self.name, self.atoms, frame))[0]
