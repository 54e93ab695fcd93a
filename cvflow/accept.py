"""The one acceptance formula. Nothing else in the package computes an acceptance."""

import math

import numpy as np


def log_acceptance(log_q_old: float, log_q_new: float, work: float) -> float:
    """Metropolis log ratio of a jump proposed by an independence proposal and realised by a path.

    Args:
        log_q_old: log density of the proposal at the point the path started from.
        log_q_new: log density of the proposal at the point it was steered to.
        work: protocol plus shadow work of the whole path [kT]; NaN for a failed path.

    Source: docs/theory.md, eq. (5); Nilmeier et al., PNAS 2011.
    """
    return log_q_old - log_q_new - work


def accepts(log_ratio: float, rng: np.random.Generator) -> bool:
    """Draw the Metropolis decision. One uniform number is drawn whatever the ratio; NaN rejects."""
    return bool(math.log(1.0 - rng.random()) < log_ratio)
