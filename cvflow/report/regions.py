"""Named states along one CV, as intervals to shade in figures."""

from typing import NamedTuple

import numpy as np

from cvflow.core.states import States, parse
from cvflow.store import Header

_POINTS = 2001


class Interval(NamedTuple):
    """A stretch of one CV that belongs to one state; ends in the CV's unit."""

    state: str
    low: float
    high: float


def state_intervals(header: Header, cv: str, low: float, high: float) -> list[Interval]:
    """Stretches of [low, high] that belong to each state that is defined by this CV alone."""
    alone = {name: text for name, text in header.states.items() if _reads_only(name, text, cv)}
    states = States(alone, [cv])
    grid = np.linspace(low, high, _POINTS)
    inside = states.assign(grid[:, None])
    begins = np.flatnonzero(np.diff(inside, prepend=inside[0] - 1))
    ends = np.append(begins[1:], _POINTS - 1)
    return [
        Interval(states.names[inside[begin]], float(grid[begin]), float(grid[end]))
        for begin, end in zip(begins, ends, strict=True)
        if inside[begin] >= 0
    ]


def _reads_only(name: str, text: str, cv: str) -> bool:
    try:
        parse(name, text, [cv])
    except ValueError:  # it names another CV
        return False
    return True
