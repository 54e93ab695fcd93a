"""Where a named state lies in CV space: points well inside it, from its expression alone."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree
from scipy.stats.qmc import Sobol

from cvflow.core.frames import Point
from cvflow.core.state_bounds import bounds_in, named_in
from cvflow.core.states import States

LOG2_POINTS = 13
"""How many points are looked at, besides those between the numbers of the expressions."""

MOST_CELLS = 4096
"""How many of those, at most."""

Ranges = Sequence[tuple[float, float]]
"""Values that each CV can take."""


def deciding(states: States, state: int) -> list[int]:
    """Indices of the CVs that decide whether a point lies in a state: those in its expression, and in earlier ones."""
    names = list(states.cv_names)
    texts = list(states.expressions.values())[: state + 1]
    found = set[str]().union(*map(named_in, texts))
    return [index for index, name in enumerate(names) if name in found]


def points_inside(
    states: States, state: int, start: Point, periods: Point, ranges: Ranges, most: int
) -> Float[np.ndarray, "points cvs"]:
    """Points of a state, the one farthest from its borders first, and others apart from it.

    CVs that do not decide are those of the start. What is unbounded is looked at as far beyond its border as the start
    is before it.

    Args:
        states: the named states.
        state: index of the state.
        start: CVs of a configuration elsewhere.
        periods: of the CVs; infinite on a line.
        ranges: that they can take.
        most: points, at most.

    Returns:
        None at all where no point was found.
    """
    which = deciding(states, state)
    if not which:
        return np.empty((0, len(start)))
    bounds = [_span(states, cv, float(start[cv]), float(periods[cv]), ranges[cv]) for cv in which]
    low = np.array([bound[0] for bound in bounds], dtype=float)
    width = np.array([bound[1] for bound in bounds], dtype=float) - low
    scaled = np.array(list(_candidates(states, which, low, width)))
    points = np.tile(start, (len(scaled), 1))
    points[:, which] = low + width * scaled
    inside = states.assign(points) == state
    if not inside.any():
        return np.empty((0, len(start)))
    closed = np.array([np.isclose(bounds[i], ranges[cv]) & np.isinf(periods[cv]) for i, cv in enumerate(which)])
    depth = _depth(scaled, inside, np.isfinite(periods[which]), closed)
    return points[inside][_apart(scaled[inside], depth, most)]


def _numbers(states: States, cv: int) -> list[float]:
    """What a CV is compared with, in any of the states."""
    name = list(states.cv_names)[cv]
    return sorted(set[float]().union(*(bounds_in(text, name) for text in states.expressions.values())))


def _span(states: States, cv: int, start: float, period: float, possible: tuple[float, float]) -> tuple[float, float]:
    """Between which values points are looked for."""
    if np.isfinite(period):
        return -0.5 * period, 0.5 * period
    known = [*_numbers(states, cv), start]
    margin = max(max(known) - min(known), 0.1 * max(map(abs, known)), 1e-3)
    return max(min(known) - margin, possible[0]), min(max(known) + margin, possible[1])


def _candidates(states: States, which: list[int], low: Point, width: Point) -> Iterator[Point]:
    """Points in units of the span: between each two numbers that a CV is compared with, and all over."""
    cells = []
    for i, cv in enumerate(which):
        edges = sorted({0.0, 1.0, *((x - low[i]) / width[i] for x in _numbers(states, cv))})
        edges = [edge for edge in edges if 0 <= edge <= 1]
        cells.append([0.5 * (a + b) for a, b in pairwise(edges)])
    if np.prod([len(cell) for cell in cells]) <= MOST_CELLS:
        yield from map(np.array, product(*cells))
    yield from Sobol(len(which), scramble=False).random_base2(LOG2_POINTS)


def _depth(
    scaled: Float[np.ndarray, "points named"],
    inside: Bool[np.ndarray, " points"],
    circular: Bool[np.ndarray, " named"],
    closed: Bool[np.ndarray, "named 2"],
) -> Float[np.ndarray, " inside"]:
    """Distance of the points inside from those outside, and from the ends of what the CVs can take."""
    mine, others = scaled[inside], scaled[~inside]
    depth = np.full(len(mine), np.inf)
    if len(others):
        depth = KDTree(others, boxsize=circular.astype(float)).query(mine)[0]
    for i, (lower, upper) in enumerate(closed):
        if lower:
            depth = np.minimum(depth, mine[:, i])
        if upper:
            depth = np.minimum(depth, 1 - mine[:, i])
    return depth


def _apart(points: Float[np.ndarray, "inside named"], depth: Float[np.ndarray, " inside"], most: int) -> list[int]:
    """Indices of the deepest point, and of others at least half as far from each other as it is from the border."""
    chosen: list[int] = []
    order = np.argsort(-depth, kind="stable")
    apart = 0.5 * float(min(depth[order[0]], 1.0))
    for index in order:
        if all(np.linalg.norm(points[index] - points[other]) >= apart for other in chosen):
            chosen.append(int(index))
        if len(chosen) == most:
            break
    return chosen
