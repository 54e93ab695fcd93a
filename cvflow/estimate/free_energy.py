"""Free energies from chain averages."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.estimate.convergence import cv_chains, standard_error
from cvflow.estimate.work import Difference
from cvflow.states import States
from cvflow.store import Record


class Profile(NamedTuple):
    """F along one CV [kT], zero at its minimum; NaN where no sample fell. Centres and width in the CV's unit."""

    cv: str
    centres: Float[np.ndarray, "bins"]
    free_energy: Float[np.ndarray, "bins"]
    stderr: Float[np.ndarray, "bins"]


def chain_difference(record: Record, start: int, end: int) -> Difference:
    """ΔF between two named states (indices into the header's), from the time the chains spend in them.

    The error is that of the ratio of two averages (delta method), with the chains' autocorrelation in it.
    """
    states = States(record.header.states, record.header.cvs)
    inside = np.stack([states.assign(chain) for chain in cv_chains(record)])
    first, other = ((inside == index).astype(float) for index in (start, end))
    if not first.any() or not other.any():
        return Difference(states.names[start], states.names[end], float("nan"), float("nan"))
    influence = other / other.mean() - first / first.mean()
    value = float(-np.log(other.mean() / first.mean()))
    return Difference(states.names[start], states.names[end], value, standard_error(influence))


def chain_differences(record: Record) -> list[Difference]:
    """ΔF of each named state from the first."""
    return [chain_difference(record, 0, index) for index in range(1, len(record.header.states))]


def profile(record: Record, cv: str, bins: int) -> Profile:
    """F(ξ) = -ln p(ξ) along one CV, with the standard error of each bin.

    Raises:
        ValueError: the CV is unknown, or there are fewer than two bins.
    """
    if cv not in record.header.cvs:
        raise ValueError(f"unknown CV {cv!r}; the run has {', '.join(record.header.cvs)}")
    if bins < 2:
        raise ValueError(f"at least 2 bins are needed, got {bins}")
    chains = cv_chains(record)[:, :, record.header.cvs.index(cv)]
    edges = np.linspace(chains.min(), chains.max(), bins + 1)
    index = np.clip(np.digitize(chains, edges) - 1, 0, bins - 1)
    probability = np.array([np.mean(index == i) for i in range(bins)])
    errors = np.array([standard_error((index == i).astype(float)) for i in range(bins)])
    with np.errstate(divide="ignore", invalid="ignore"):
        free_energy = np.where(probability > 0, -np.log(probability), np.nan)
        stderr = np.where(probability > 0, errors / probability, np.nan)
    return Profile(cv, 0.5 * (edges[1:] + edges[:-1]), free_energy - np.nanmin(free_energy), stderr)
