"""Free energies from chain averages."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.estimate.convergence import cv_chains, standard_error
from cvflow.estimate.grid import Axis, axis
from cvflow.estimate.work import Difference
from cvflow.states import States
from cvflow.store import Record


class Profile(NamedTuple):
    """F along one CV [kT], zero at its minimum; NaN where no sample fell."""

    axis: Axis
    free_energy: Float[np.ndarray, " bins"]
    stderr: Float[np.ndarray, " bins"]

    @property
    def cv(self) -> str:
        """The CV's name."""
        return self.axis.cv

    @property
    def centres(self) -> Float[np.ndarray, " bins"]:
        """Middles of the bins, in the CV's unit."""
        return self.axis.centres


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
    bins_of = axis(record, cv, bins)
    index = bins_of.bin_of(cv_chains(record)[:, :, record.header.cvs.index(cv)])
    probability = np.array([np.mean(index == i) for i in range(bins)])
    errors = np.array([standard_error((index == i).astype(float)) for i in range(bins)])
    with np.errstate(divide="ignore", invalid="ignore"):
        free_energy = np.where(probability > 0, -np.log(probability), np.nan)
        stderr = np.where(probability > 0, errors / probability, np.nan)
    return Profile(bins_of, free_energy - np.nanmin(free_energy), stderr)
