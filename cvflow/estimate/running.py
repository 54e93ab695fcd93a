"""ΔF, R-hat and effective samples as a run goes on: what it would have said, had it ended after fewer jumps."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cvflow.estimate.comparison import compared
from cvflow.estimate.convergence import Chains, cv_chains, effective_sample_size, production, r_hat
from cvflow.store import Record

_POINTS = 16
"""Lengths at which it is estimated, at most."""

FEWEST_JUMPS = 8
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
    jumps = _lengths(record)
    names = list(record.header.states)[1:]
    found = [compared(first_jumps(record, int(count))) for count in jumps] if names else [[] for _ in jumps]
    value, stderr = (
        np.array([[getattr(one.best.found, field) for one in at] for at in found]).reshape(len(jumps), len(names))
        for field in ("value", "stderr")
    )
    return RunningDifferences(names, jumps, evaluations_after(record, jumps), value, stderr)


class RunningConvergence(NamedTuple):
    """R-hat and effective samples of every CV after ever more jumps of production; NaN where nothing can be said yet.

    Attributes:
        jumps: of each walker in production.
        r_hat: rank-normalised, of split chains.
        bulk: effective samples for means.
        tail: effective samples for the 5 and 95 % quantiles.
    """

    jumps: Int[np.ndarray, " lengths"]
    r_hat: Float[np.ndarray, "lengths cvs"]
    bulk: Float[np.ndarray, "lengths cvs"]
    tail: Float[np.ndarray, "lengths cvs"]


def running_convergence(record: Record) -> RunningConvergence:
    """R-hat and effective samples anew from the first n jumps of each walker, for rising n.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    jumps, chains = _lengths(record), cv_chains(record)
    found = [[_converged(chains[:, : 2 * count, cv]) for cv in range(chains.shape[2])] for count in jumps]
    r_hats, bulk, tail = np.moveaxis(np.array(found), 2, 0)
    return RunningConvergence(jumps, r_hats, bulk, tail)


def _converged(chains: Chains) -> tuple[float, float, float]:
    effective = effective_sample_size(chains)
    bulk, tail = (np.nan if count is None else count for count in (effective.bulk, effective.tail))
    return r_hat(chains), bulk, tail


def _lengths(record: Record) -> Int[np.ndarray, " lengths"]:
    """Jumps of each walker after which something is estimated."""
    longest = production(record).shape[1]
    return np.unique(np.linspace(min(FEWEST_JUMPS, longest), longest, _POINTS).round().astype(int))


def first_jumps(record: Record, count: int) -> Record:
    """The record as it was when each walker had made so many jumps of production."""
    return record._replace(turns=record.turns[_place(record) < count])


def evaluations_after(record: Record, jumps: Int[np.ndarray, " lengths"]) -> Int[np.ndarray, " lengths"]:
    """Force evaluations of a run that had ended when each walker had made so many jumps of production.

    All by all walkers are counted: paths, local moves, and what came before production as far as the store knows it.
    """
    header, place = record.header, _place(record)
    before = (header.equilibration_steps or 0) + (header.pilot_steps or 0)
    before += header.exploration["evaluations"] if header.exploration else 0
    steps = record.turns["steps"].astype(np.int64) + record.turns["local_steps"]
    return np.array([before + int(steps[place < count].sum()) for count in jumps])


def _place(record: Record) -> Int[np.ndarray, " turns"]:
    """Number of each turn among its walker's in production; negative before it."""
    turns, made = record.turns, record.turns[record.turns["production"]]
    begins = np.full(record.header.walkers, np.iinfo(turns["jump"].dtype).max)
    np.minimum.at(begins, made["walker"], made["jump"])
    return np.asarray(turns["jump"] - begins[turns["walker"]])
