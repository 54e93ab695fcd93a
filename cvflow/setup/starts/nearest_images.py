"""Whether CVs that take atoms as they lie are what they are with nearest images: molecules that keep together."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cvflow.core.frames import Frame
from cvflow.cv import CollectiveVariable
from cvflow.cv.images import Cell, Molecules, image_shift

SAME_SHIFT = 1e-6
"""Difference of a CV from its value with nearest images that is rounding."""


@dataclass(frozen=True)
class NearestImages:
    """CVs, against themselves with nearest images.

    Attributes:
        cvs: of the atoms.
        molecules: atoms that are taken as they are among each other.
        periodic: directions in which the system repeats itself, where there is a box.
    """

    cvs: tuple[CollectiveVariable, ...]
    molecules: Molecules
    periodic: tuple[bool, ...] = (True, True, True)

    def check_walker(self, walker: int, frame: Frame) -> None:
        """Check a walker's configuration while the run lasts.

        Raises:
            ArithmeticError: a CV is another with nearest images: molecules have drifted apart.
        """
        if fault := self._fault(frame):
            raise ArithmeticError(
                f"walker {walker}: {fault}: molecules have drifted over the box's border, and the CV tells apart what "
                "is one configuration; give it in PLUMED's words (plumed = …), which take nearest images, or keep the "
                "molecules together"
            )

    def check_starts(self, starts: Iterable[tuple[str, Frame]]) -> None:
        """Check the starts, each with the name of its state.

        Raises:
            ValueError: a CV of one is another with nearest images.
        """
        for name, frame in starts:
            if fault := self._fault(frame):
                raise ValueError(
                    f"the start of {name}: {fault}: bring the molecules together in the structure, or give the CV in "
                    "PLUMED's words (plumed = …), which take nearest images"
                )

    def _fault(self, frame: Frame) -> str | None:
        """Words for the first CV that differs from its value with nearest images."""
        if frame.box is None:
            return None
        cell = Cell(frame.box * np.array(self.periodic)[:, None], self.molecules)
        for cv in self.cvs:
            shift = image_shift(cv, frame, cell)
            if abs(shift) > SAME_SHIFT:
                value = cv.evaluate(frame)
                return (
                    f"CV {cv.name} is {value:.3g} as the atoms lie, and {value + shift:.3g} with their nearest images"
                )
        return None
