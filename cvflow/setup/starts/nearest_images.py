"""Whether CVs that take atoms as they lie, unasked, are what they are with nearest images: molecules keep together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np

from cvflow.core.frames import Frame
from cvflow.core.periodic import into_period
from cvflow.cv import AtomsCV, CollectiveVariable, Combination, ForceCV, Particles
from cvflow.cv.force import atoms_of
from cvflow.cv.images import Cell, Molecules, gathered

SAME_SHIFT = 1e-6
"""Difference of a CV from its value with nearest images that is rounding."""

MEND = "make the force with setUsesPeriodicBoundaryConditions(True), or keep the molecules together"


@dataclass(frozen=True)
class NearestImages:
    """CVs, against themselves with nearest images.

    Attributes:
        cvs: that take atoms as they lie, unasked.
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
                f"is one configuration; {MEND}"
            )

    def check_starts(self, starts: Iterable[tuple[str, Frame]]) -> None:
        """Check the starts, each with the name of its state.

        Raises:
            ValueError: a CV of one is another with nearest images.
        """
        for name, frame in starts:
            if fault := self._fault(frame):
                raise ValueError(
                    f"the start of {name}: {fault}: bring the molecules together in the structure; or {MEND}"
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


def as_they_lie(cvs: Iterable[CollectiveVariable]) -> Iterator[CollectiveVariable]:
    """CVs whose forces take no images, and combinations of such: other CVs take them, or were told not to."""
    for cv in cvs:
        if isinstance(cv, ForceCV) or (isinstance(cv, Combination) and any(as_they_lie(cv.terms))):
            yield cv


@singledispatch
def image_shift(cv: CollectiveVariable, frame: Frame, cell: Cell) -> float:
    """By how much nearest images change the CV, on a circle the shorter way; zero where it takes them itself."""
    return 0.0


@image_shift.register
def _combination(cv: Combination, frame: Frame, cell: Cell) -> float:
    """Of its forces: its other terms take images, or were told not to."""
    pairs = zip(cv.coefficients, cv.terms, strict=True)
    shift = sum(factor * image_shift(term, frame, cell) for factor, term in pairs if not isinstance(term, AtomsCV))
    return into_period(shift, cv.period)


@image_shift.register
def _atoms(cv: AtomsCV, frame: Frame, cell: Cell) -> float:
    """One that takes atoms as they lie because the run has it so."""
    particles = Particles((), periodic=True, molecules=tuple(cell.molecules.tolist()))
    near = replace(cv, periodic=True).among(particles).evaluate(frame._replace(box=cell.box))
    return into_period(near - cv.evaluate(frame), cv.period)


@image_shift.register
def _force(cv: ForceCV, frame: Frame, cell: Cell) -> float:
    """A force that takes images itself is left to it, and so is one whose atoms it does not name."""
    atoms = np.array(sorted(set(atoms_of(cv.force))), dtype=int)
    if cv.force.usesPeriodicBoundaryConditions() or not len(atoms):
        return 0.0
    positions = frame.positions.copy()
    positions[atoms] = gathered(positions[atoms], Cell(cell.box, cell.molecules[atoms]))
    return into_period(cv.evaluate(frame._replace(positions=positions)) - cv.evaluate(frame), cv.period)
