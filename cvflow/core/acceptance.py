"""The one acceptance formula, for one walker and for a batch. Nothing else in the package computes an acceptance."""

import math
from typing import Any, TypeVar

import numpy as np

Real = TypeVar("Real")
"""A float, or a torch tensor with one number a chain."""


def log_acceptance(log_q_old: Real, log_q_new: Real, work: Real) -> Real:
    """Metropolis log ratio of a jump proposed by an independence proposal and realised by a path.

    Args:
        log_q_old: log density of the proposal at the point the path started from.
        log_q_new: log density of the proposal at the point it was steered to.
        work: protocol plus shadow work of the whole path [kT]; NaN for a failed path.

    Source: docs/theory.md, eq. (5); Nilmeier et al., PNAS 2011.
    """
    return log_q_old - log_q_new - work  # type: ignore[operator]


def interim_log_acceptance(log_q_old: Real, free_energy: Real, work: Real) -> Real:
    """What the log ratio would be if the path ended here.

    Args:
        log_q_old: log density of the proposal at the point the path started from.
        free_energy: in the place of -log q here [kT]. Any function of the place that is the same in both directions
            keeps the chain exact; a good one saves steps.
        work: of the path so far [kT].

    Source: docs/theory.md, eq. (17).
    """
    return log_acceptance(log_q_old, -free_energy, work)  # type: ignore[operator]


def log_threshold(rng: np.random.Generator) -> float:
    """Draw ln u of a Metropolis decision: a jump is accepted if its log ratio lies above."""
    return math.log(1.0 - rng.random())


def accepts(log_ratio: float, rng: np.random.Generator) -> bool:
    """Draw the Metropolis decision. One uniform number is drawn whatever the ratio; NaN rejects."""
    return bool(log_threshold(rng) < log_ratio)


def log_thresholds(uniform: Any) -> Any:
    """Logarithms ln u of the Metropolis decisions, from a torch tensor of uniform numbers in [0, 1)."""
    return (1.0 - uniform).log()


def accepted(log_ratio: Any, uniform: Any) -> Any:
    """The Metropolis decision of each chain from its uniform number in [0, 1); NaN rejects.

    Args:
        log_ratio: torch tensor, one number a chain.
        uniform: torch tensor of the same shape.
    """
    return log_thresholds(uniform) < log_ratio
