"""Whether CVs and potential are functions of the positions alone: every start is looked at twice, far apart in time."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Frame, Point
from cvflow.core.periodic import wrapped
from cvflow.engines.verlet import VerletEngine

SAME_VALUE = 1e-5
"""Relative difference of two values of one configuration that may come from the order of sums in single precision."""

ELSEWHERE = 1e-4
"""The same of a configuration whose molecules are a few boxes away: their positions are rounded more coarsely."""

STEADY = "it must be a function of the positions alone (dropout left on? the time? what was computed before?)"


class Looked(NamedTuple):
    """What the walkers' starts are like.

    Attributes:
        points: CVs.
        energies: potential energies [kJ/mol].
    """

    points: Float[np.ndarray, "walkers cvs"]
    energies: Float[np.ndarray, " walkers"]


def looked_at(engine: VerletEngine, frames: Sequence[Frame], names: Sequence[str], periods: Point) -> Looked:
    """CVs and energies of the walkers' starts.

    They are computed twice, the second time in the other order and with the engine's clock moved.

    Args:
        engine: of the run, for this alone.
        frames: one a walker; what stands for several walkers is looked at once.
        names: of the CVs.
        periods: of the CVs.

    Raises:
        ValueError: CVs or energies changed in between, or a CV is not finite.
    """
    first = _looked(engine, frames)
    for walker, point in enumerate(first.points):
        if not np.isfinite(point).all():
            name = names[int(np.flatnonzero(~np.isfinite(point))[0])]
            raise ValueError(f"CV {name} is not finite at the start of walker {walker}")
    engine.let_time_pass()
    second = Looked(*(column[::-1] for column in _looked(engine, frames[::-1])))
    check_same_points(first.points, second.points, names, periods, SAME_VALUE * np.abs(first.points).max(axis=0))
    check_same_energies(first.energies, second.energies, "the potential", 0.01 * engine.kT)
    _check_elsewhere(engine, frames, first, periods)
    return first


def _check_elsewhere(engine: VerletEngine, frames: Sequence[Frame], first: Looked, periods: Point) -> None:
    """Check that CVs and energies are the same where a library holds a configuration otherwise.

    Raises:
        ValueError: they are not.
    """
    others = {id(frame): engine.elsewhere(frame) for frame in frames}
    if all(others[id(frame)] is frame for frame in frames):
        return
    moved = _looked(engine, [others[id(frame)] for frame in frames])
    apart = np.abs(wrapped(moved.points - first.points, periods)) / (1 + np.abs(first.points))
    energy = np.abs(moved.energies - first.energies) / (1000 * engine.kT + np.abs(first.energies))
    if not (apart <= ELSEWHERE).all() or not (energy[np.isfinite(first.energies)] <= ELSEWHERE).all():
        raise ValueError(
            "this platform puts molecules back into the box on their way, and a CV or the potential is another then: "
            "take nearest images (periodicdistance in a CustomExternalForce, setUsesPeriodicBoundaryConditions(True), "
            "CVs with periodic = true), or the platform CPU"
        )


def check_same_points(
    first: Float[np.ndarray, "starts cvs"],
    second: Float[np.ndarray, "starts cvs"],
    names: Sequence[str],
    periods: Point,
    allowed: Point,
) -> None:
    """Check that CVs of the same configurations are the same, but for as much as is allowed of each.

    Raises:
        ValueError: one is not.
    """
    changed = ~(np.abs(wrapped(second - first, periods)) <= allowed)
    if changed.any():
        start, cv = np.argwhere(changed)[0]
        raise ValueError(
            f"CV {names[cv]} is {first[start, cv]:.9g} and then {second[start, cv]:.9g} for the same configuration: "
            f"{STEADY}"
        )


def check_same_energies(
    first: Float[np.ndarray, " starts"], second: Float[np.ndarray, " starts"], what: str, allowed: float
) -> None:
    """Check that energies of the same configurations are the same; one that is not finite is another fault.

    Args:
        first: energies [kJ/mol].
        second: the same, at another time.
        what: whose energy.
        allowed: difference that is none [kJ/mol], beside what single precision makes.

    Raises:
        ValueError: one is not.
    """
    for before, after in zip(first, second, strict=True):
        if np.isfinite(before) and not abs(after - before) <= SAME_VALUE * abs(before) + allowed:
            raise ValueError(f"{what} is {before:.9g} and then {after:.9g} kJ/mol for the same configuration: {STEADY}")


def _looked(engine: VerletEngine, frames: Sequence[Frame]) -> Looked:
    """CVs first: a CV that fails is named there, which inside an engine's forces it would not be."""
    points = _once_each(engine.cv_values, frames)
    return Looked(np.array(points), np.array(_once_each(engine.potential_energy, frames)))


def _once_each(function: Callable[[Frame], Point | float], frames: Sequence[Frame]) -> list:
    """Of each frame; those of several walkers are the same objects."""
    found = {key: function(frame) for key, frame in {id(frame): frame for frame in frames}.items()}
    return [found[id(frame)] for frame in frames]
