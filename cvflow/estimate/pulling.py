"""F along a CV from the works of paths through stages, one way or both, which begin in equilibrium under a restraint.

Each stage has its free-energy difference by Bennett's acceptance ratio, or by Jarzynski's equality where paths go one
way alone. A configuration on the way of a path, weighted by its work so far, is one under the restraint where its
centre is then (Hummer and Szabo, PNAS 98, 3658 (2001)), both ways counted as well as each path tells (Minh and Adib,
Phys. Rev. Lett. 100, 180602 (2008)); all moments of all stages are put together as windows of umbrella sampling are,
by the free energies that the works give them: docs/theory.md, section 5.2.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import log_expit, logsumexp

from cvflow.estimate.bennett import difference
from cvflow.estimate.free_energy import FreeEnergyProfile
from cvflow.estimate.grid import Axis

_FINE = 0.125
"""Of the restraint's width: the grid on which its pull is tabulated."""

_BLOCKS, _BOOTSTRAPS = 10, 100
"""Stretches of a window's starts that are drawn with replacement, and how often."""

Moments = Float[np.ndarray, " moments"]


class PulledPaths(NamedTuple):
    """Paths through one stage, all told as if they went onward: those that came back with their works turned round.

    Attributes:
        onward: whether a path went from the first end to the second. Those of each way are in the order of their
            starts, one a start, and all stages have as many starts in their windows.
        centre: of the restraint, at each moment of the way, both ends included.
        work: done by then since the first end [kT].
        cv: ξ(x) then, on a line: a circle is unrolled along the way.
    """

    onward: Bool[np.ndarray, " paths"]
    centre: Moments
    work: Float[np.ndarray, "paths moments"]
    cv: Float[np.ndarray, "paths moments"]

    def only(self, paths: Int[np.ndarray, " some"]) -> "PulledPaths":
        """Some of the paths."""
        return self._replace(onward=self.onward[paths], work=self.work[paths], cv=self.cv[paths])


class StageResult(NamedTuple):
    """What the works of a stage say.

    Attributes:
        difference: of the restrained free energies at its ends [kT].
        stderr: of that [kT].
        loss: mean work that is lost on the way, of the ways that paths went [kT].
        effective: Kish's number of the paths by their weights in the difference, the smaller one of both ways.
    """

    difference: float
    stderr: float
    loss: float
    effective: float


class PulledProfile(NamedTuple):
    """What works say of a CV.

    Attributes:
        curve: F along it, zero at its lowest bin; the error is that against the lowest bin.
        stages: that it was pulled through.
        difference: of the restrained free energies of the last window and the first [kT].
        stderr: of that [kT].
    """

    curve: FreeEnergyProfile
    stages: tuple[StageResult, ...]
    difference: float
    stderr: float


def log_weights(stage: PulledPaths, ends: float) -> Float[np.ndarray, "paths moments"]:
    """Logarithm of each path's weight at each moment, in the ensemble that sets out from the first end.

    Args:
        stage: the paths.
        ends: free-energy difference of its ends [kT].
    """
    there, back = int(stage.onward.sum()), int((~stage.onward).sum())
    told = np.zeros(len(stage.onward))
    if back:
        told = log_expit(stage.work[:, -1] - ends - np.log(back / there))
    return (told - np.log(there))[:, None] - stage.work


class _Slices(NamedTuple):
    """All configurations of all moments of all stages.

    Attributes:
        centre: of the restraint, at each moment.
        free_energy: under the restraint there, from the first window on [kT].
        cv: of each configuration.
        weight: of each; those of a moment add up to one.
    """

    centre: Moments
    free_energy: Moments
    cv: Float[np.ndarray, " slices"]
    weight: Float[np.ndarray, " slices"]


def _slices(stages: Sequence[PulledPaths]) -> _Slices:
    level, found = 0.0, list[_Slices]()
    for stage in stages:
        ends = difference(stage.work[:, -1], stage.onward)
        weights = log_weights(stage, ends)
        total = logsumexp(weights, axis=0)
        found.append(_Slices(stage.centre, level - total, stage.cv.ravel(), np.exp(weights - total).ravel()))
        level += ends
    return _Slices(*map(np.concatenate, zip(*found, strict=True)))


def density(
    stages: Sequence[PulledPaths], width: float, edges: Float[np.ndarray, " edges"]
) -> Float[np.ndarray, " bins"]:
    """Density of each bin, up to one factor for all; zero where no path came.

    Args:
        stages: in order.
        width: of the restraint, (kT/κ)^(1/2), in the CV's unit.
        edges: of the bins.
    """
    slices = _slices(stages)
    inside = (slices.cv >= edges[0]) & (slices.cv <= edges[-1])
    cv, weight = slices.cv[inside], slices.weight[inside]
    grid = np.linspace(edges[0], edges[-1], 2 + int(np.ptp(edges) / (_FINE * width)))
    apart = (grid[:, None] - slices.centre) / width
    log_pull = logsumexp(slices.free_energy - 0.5 * apart**2, axis=1)
    log_each = np.log(weight, where=weight > 0, out=np.full(len(weight), -np.inf)) - np.interp(cv, grid, log_pull)
    each, cell = np.exp(log_each - log_each.max()), np.clip(np.digitize(cv, edges) - 1, 0, len(edges) - 2)
    # By cells: a difference of running sums, which np.histogram takes, knows nothing below e^-36 of the whole.
    return np.bincount(cell, each, len(edges) - 1) / np.diff(edges)


def pulled_profile(stages: Sequence[PulledPaths], width: float, axis: Axis, seed: int) -> PulledProfile:
    """F along the CV with its error, from stretches of each window's starts, with all their paths, drawn again.

    Args:
        stages: in order.
        width: of the restraint, in the CV's unit.
        axis: the bins, from the first window to the last or the other way round.
        seed: of the draws.
    """
    drawn, differences = list[np.ndarray](), list[list[float]]()
    for again in _drawn_again(stages, np.random.default_rng(seed)):
        drawn.append(_free_energy(density(again, width, axis.edges)))
        differences.append([difference(stage.work[:, -1], stage.onward) for stage in again])
    errors = np.std(differences, axis=0, ddof=1)
    results = tuple(_result(stage, float(error)) for stage, error in zip(stages, errors, strict=True))
    ends = sum(result.difference for result in results)
    whole = float(np.std(np.sum(differences, axis=1), ddof=1))
    curve = _with_error(axis, _free_energy(density(stages, width, axis.edges)), np.array(drawn))
    return PulledProfile(curve, results, ends, whole)


def _with_error(
    axis: Axis, free_energy: Float[np.ndarray, " bins"], drawn: Float[np.ndarray, "draws bins"]
) -> FreeEnergyProfile:
    """A bin that is empty in some of the draws has no error, and no point.

    Raises:
        ArithmeticError: that is so of all bins.
    """
    shown = np.where(np.isfinite(drawn).all(axis=0), free_energy, np.nan)
    if np.isnan(shown).all():
        raise ArithmeticError("the paths pass too few bins to tell F: set more pull.paths, or fewer --bins")
    lowest = int(np.nanargmin(shown))
    stderr = np.where(np.isfinite(shown), np.std(drawn - drawn[:, [lowest]], axis=0, ddof=1), np.nan)
    return FreeEnergyProfile(axis, shown - free_energy[lowest], stderr)


def _free_energy(found: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " bins"]:
    return -np.log(found, where=found > 0, out=np.full(len(found), np.nan))


def _result(stage: PulledPaths, stderr: float) -> StageResult:
    work, onward = stage.work[:, -1], stage.onward
    ends = difference(work, onward)
    lost = [way for way in (work[onward] - ends, ends - work[~onward]) if len(way)]
    logs = [-lost[0]] if len(lost) == 1 else [log_expit(-way) for way in lost]
    effective = [float(np.exp(2 * logsumexp(log) - logsumexp(2 * log))) for log in logs]
    return StageResult(ends, stderr, float(np.mean([way.mean() for way in lost])), min(effective))


def _drawn_again(stages: Sequence[PulledPaths], rng: np.random.Generator) -> Iterator[list[PulledPaths]]:
    """Stages with the starts of each window drawn again: those of a stage's first end go onward, its second's back."""
    starts = int(stages[0].onward.sum())
    for _ in range(_BOOTSTRAPS):
        drawn = [_blocks(starts, rng) for _ in range(len(stages) + 1)]
        yield [_redrawn(stage, *drawn[number : number + 2]) for number, stage in enumerate(stages)]


def _blocks(count: int, rng: np.random.Generator) -> Int[np.ndarray, " starts"]:
    """Starts, in stretches: starts of one window that follow each other may know of each other."""
    blocks = np.array_split(np.arange(count), min(_BLOCKS, count))
    return np.concatenate([blocks[i] for i in rng.integers(len(blocks), size=len(blocks))])


def _redrawn(stage: PulledPaths, first: Int[np.ndarray, " starts"], second: Int[np.ndarray, " starts"]) -> PulledPaths:
    there, back = np.flatnonzero(stage.onward), np.flatnonzero(~stage.onward)
    return stage.only(np.concatenate([there[first], back[second] if len(back) else back]))
