"""Named states without an end: what is free to leave in them, and where a periodic box would end them."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from cvflow.core.frames import Frame
from cvflow.core.state_bounds import Reach, reach_of
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable

NEAR = 0.9
"""Of half the box: a length from there on is near it."""


def open_notes(
    cvs: Sequence[CollectiveVariable],
    states: Mapping[str, str],
    walls: Sequence[Wall],
    starts: Mapping[str, Frame],
) -> tuple[str, ...]:
    """Warnings, a line each, of states that no bound and no wall ends, and of lengths near half the box.

    Args:
        cvs: as they are of the engine's particles.
        states: expressions by name.
        walls: part of the potential.
        starts: by the name of their state.
    """
    return (*_unbounded(cvs, states, walls), *_near_half_box(cvs, states, walls, starts))


def _unbounded(
    cvs: Sequence[CollectiveVariable], states: Mapping[str, str], walls: Sequence[Wall]
) -> Iterator[str]:
    free = []
    for name, text in states.items():
        for cv in cvs:
            reach = _held(reach_of(text, cv.name), cv.name, walls)
            free += [(name, cv.name, "upper")] * (reach.high == cv.grows.high == inf)
            free += [(name, cv.name, "lower")] * (reach.low == cv.grows.low == -inf)
    if free:
        _, cv_name, side = free[0]
        listed = ", ".join(f"{cv} has no {end} bound in {state}" for state, cv, end in free)
        yield (
            f"warning: {listed}: what is free to leave does, and ΔF then depends on how far it may go; if the "
            f'potential does not hold it, a wall does: [[wall]] cv = "{cv_name}", {side} = …, kappa = … (in Python '
            f'walls=[cvflow.wall("{cv_name}", {side}=…, kappa=…)])'
        )


def _near_half_box(
    cvs: Sequence[CollectiveVariable], states: Mapping[str, str], walls: Sequence[Wall], starts: Mapping[str, Frame]
) -> Iterator[str]:
    for whole, part in ((cv, part) for cv in cvs for part in cv.parts):
        half = min((part.half_box(frame.box) for frame in starts.values()), default=inf)
        values = {name: part.evaluate(frame) for name, frame in starts.items()}
        near = [f"the start of {name} ({value:.3g})" for name, value in values.items() if value > NEAR * half]
        if part is whole:
            near += [
                f"state {name}"
                for name, text in states.items()
                if _held(reach_of(text, part.name), part.name, walls).high > NEAR * half
            ]
        if near:
            yield (
                f"warning: {part.name} comes near half the box, {half:.3g}, in {' and '.join(near)}: beyond it another "
                "image is the nearest, its force jumps, and a state there is one of the box: take a larger box, or a "
                f"wall below {NEAR * half:.3g}"
            )


def _held(reach: Reach, cv: str, walls: Sequence[Wall]) -> Reach:
    """How far a state reaches between the walls on a CV."""
    mine = [wall for wall in walls if wall.cv == cv]
    low = max((wall.at for wall in mine if not wall.upper), default=-inf)
    high = min((wall.at for wall in mine if wall.upper), default=inf)
    return reach.both(Reach(low, high))
