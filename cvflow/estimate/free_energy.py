"""Free energies from chain averages."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.core.states import States
from cvflow.estimate.convergence import chain_weights, cv_chains
from cvflow.estimate.correlation import standard_error
from cvflow.estimate.curve import from_cells
from cvflow.estimate.grid import Axis, axis
from cvflow.estimate.joined_density import PassedCells, WeightedCells
from cvflow.estimate.modes import joined
from cvflow.estimate.path_density import path_slices
from cvflow.store import Record


class Difference(NamedTuple):
    """F(to) - F(from) [kT] with its standard error; NaN where it is not determined, and then `reason` says why."""

    start: str
    end: str
    value: float
    stderr: float
    reason: str = ""


class FreeEnergyProfile(NamedTuple):
    """F along one CV [kT], zero at its minimum, with its error; both are NaN where there is no error.

    The error is that of the curve as it is shown, against one that is zero at its own minimum, which may be another
    one: where two wells are as deep within their errors, the minimum has an error as well. There is none where too few
    independent visits or paths tell it, and where no chain has come and gone between there and the minimum.
    """

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

    The error is that of the ratio of two averages (delta method), with the chains' autocorrelation in it. Where chains
    did not go from one state to the other and back, the time in each says where they started: nothing is determined.
    """
    names = list(record.header.states)
    reason = _undetermined(record, start, end)
    if reason:
        return Difference(names[start], names[end], float("nan"), float("nan"), reason)
    first, other = (share.mean() for share in _inside(record, start, end))
    value = float(-np.log(other / first) - record.state_energies[end] + record.state_energies[start])
    return Difference(names[start], names[end], value, standard_error(chain_influence(record, start, end)))


def chain_influence(record: Record, start: int, end: int) -> Float[np.ndarray, "walkers turns"]:
    """What each turn adds to the chains' ΔF, over their number, to first order; NaN if a state is not visited."""
    first, other = _inside(record, start, end)
    with np.errstate(divide="ignore", invalid="ignore"):
        return first / first.mean() - other / other.mean()


def profile(record: Record, cv: str, bins: int) -> FreeEnergyProfile:
    """F(ξ) = -ln p(ξ) along one CV, with the standard error of each bin, from chains and from the works of paths.

    Raises:
        ValueError: the CV is unknown, or there are fewer than two bins.
    """
    bins_of = axis(record, cv, bins)
    column, (chains, weights) = record.header.cvs.index(cv), (cv_chains(record), chain_weights(record))
    slices = path_slices(record)
    passed = PassedCells(slices, bins_of.bin_inside(slices.cv[:, column]), len(chains), chains.shape[1] // 2)
    cells = WeightedCells(bins_of.bin_of(chains[:, :, column]), weights)
    return FreeEnergyProfile(bins_of, *from_cells(record, cells, passed, bins))


def _inside(record: Record, *of: int) -> list[Float[np.ndarray, "walkers turns"]]:
    """Part of each turn's two samples that lies in each of some states."""
    states = States(record.header.states, record.header.cvs)
    visited = np.stack([states.assign(chain) for chain in cv_chains(record)])
    return [(visited == index).reshape(len(visited), -1, 2).mean(axis=2) for index in of]


def _undetermined(record: Record, start: int, end: int) -> str:
    """Why the chains do not know a difference; nothing if they do."""
    names = list(record.header.states)
    for index, share in zip((start, end), _inside(record, start, end), strict=True):
        if not share.any():
            return f"production did not visit {names[index]}"
    groups = joined(record)
    if groups[start] != groups[end]:
        return f"in production no walkers went from {names[start]} to {names[end]} and back"
    return ""
