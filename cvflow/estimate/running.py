"""ΔF as a run goes on: what it would have said, had it ended after fewer jumps."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cvflow.estimate.comparison import compared
from cvflow.estimate.convergence import production
from cvflow.store import Record

_POINTS = 16
"""Lengths at which it is estimated, at most."""

_FIRST = 8
"""Jumps of each walker below which nothing is estimated."""


class RunningDifferences(NamedTuple):
    """The best ΔF of every named state from the first, after ever more jumps of production.

    Attributes:
        names: of the states but the first.
        jumps: of each walker in production.
        evaluations: of the forces, by all walkers, paths and local moves, what came before production included as far
            as the store knows it.
        value: ΔF [kT]; NaN where it was not determined yet.
        stderr: its standard error [kT].
    """

    names: list[str]
    jumps: Int[np.ndarray, " lengths"]
    evaluations: Int[np.ndarray, " lengths"]
    value: Float[np.ndarray, "lengths differences"]
    stderr: Float[np.ndarray, "lengths differences"]


def running_differences(record: Record) -> RunningDifferences:
    """Estimate ΔF anew from the first n jumps of each walker, for rising n, all of them last.

    The points are not independent: each holds the ones before it.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    longest = production(record).shape[1]
    jumps = np.unique(np.linspace(min(_FIRST, longest), longest, _POINTS).round().astype(int))
    names = list(record.header.states)[1:]
    found = [compared(first_jumps(record, int(count))) for count in jumps] if names else [[] for _ in jumps]
    value, stderr = (
        np.array([[getattr(one.best.found, field) for one in at] for at in found]).reshape(len(jumps), len(names))
        for field in ("value", "stderr")
    )
    return RunningDifferences(names, jumps, _evaluations(record, jumps), value, stderr)


def first_jumps(record: Record, count: int) -> Record:
    """The record as it was when each walker had made so many jumps of production."""
    return record._replace(turns=record.turns[_place(record) < count])


def _place(record: Record) -> Int[np.ndarray, " turns"]:
    """Number of each turn among its walker's in production; negative before it."""
    turns, made = record.turns, record.turns[record.turns["production"]]
    begins = np.full(record.header.walkers, np.iinfo(turns["jump"].dtype).max)
    np.minimum.at(begins, made["walker"], made["jump"])
    return np.asarray(turns["jump"] - begins[turns["walker"]])


def _evaluations(record: Record, jumps: Int[np.ndarray, " lengths"]) -> Int[np.ndarray, " lengths"]:
    header, place = record.header, _place(record)
    before = (header.equilibration_steps or 0) + (header.pilot_steps or 0)
    before += header.exploration["evaluations"] if header.exploration else 0
    steps = record.turns["steps"].astype(np.int64) + record.turns["local_steps"]
    return np.array([before + int(steps[place < count].sum()) for count in jumps])
