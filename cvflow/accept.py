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


def accepts(log_ratio: float, rng: np.random.Generator) -> bool:
    """Draw the Metropolis decision. One uniform number is drawn whatever the ratio; NaN rejects."""
    return bool(math.log(1.0 - rng.random()) < log_ratio)


def accepted(log_ratio: Any, uniform: Any) -> Any:
    """The Metropolis decision of each chain from its uniform number in [0, 1); NaN rejects.

    Args:
        log_ratio: torch tensor, one number a chain.
        uniform: torch tensor of the same shape.
    """
    return (1.0 - uniform).log() < log_ratio
