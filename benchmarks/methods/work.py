"""What is compared: a molecule's work, and what every method says of it as its force evaluations grow."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from biased import Grid, grid_of, spec_of
from jaxtyping import Float, Int

from cvflow.config.settings import load
from cvflow.core.states import States
from cvflow.setup import Setup, from_config


@dataclass(frozen=True)
class Work:
    """A molecule stuck between two named states, and what each method is told of it.

    Attributes:
        config: of cvflow's run; the other methods take its molecule, CVs, states, temperature, time step and starts.
        reference: ΔF of the second state against the first and its standard error [kT].
        evaluations: of the forces, that each method may spend.
        jumps: of each walker in cvflow's production, enough for them.
        width: of metadynamics' hills, in the CVs' unit.
        kernel: standard deviation within a state that OPES is told of, in the CVs' unit.
        barrier: that OPES is told of [kJ/mol].
        bins: of a surface along each CV.
        limits: of CVs without an end: name, lowest, highest.
        windows: of umbrella sampling: CV, lowest, highest, count, κ [kJ/mol per unit squared].
        drag: time steps on the way to a window.
        hold: time steps there before it is sampled.
        hottest: of replica exchange, in temperatures of the run.
        replicas: from that temperature to the hottest.
    """

    config: Path
    reference: tuple[float, float]
    evaluations: int
    jumps: int
    width: float
    kernel: float
    barrier: float
    bins: int
    windows: list[list[Any]]
    drag: int
    hold: int
    hottest: float
    replicas: int
    limits: list[list[Any]] = field(default_factory=list)

    def setup(self, seed: int) -> Setup:
        """The run of this seed."""
        return from_config(load(self.config, [f"run.seed={seed}"]), self.config.parent)

    def grid(self, setup: Setup) -> Grid:
        """Of surfaces."""
        return grid_of(spec_of(setup), self.limits, self.bins)


def delta_f_of_visits(states: States, values: Sequence[Float[np.ndarray, " cvs"]]) -> float:
    """From how often each state was visited; NaN where one was not."""
    if not values:
        return float("nan")
    counts = np.bincount(states.assign(np.array(values)) + 1, minlength=3)[1:3]
    return float(np.log(counts[0] / counts[1])) if counts.all() else float("nan")


def delta_f_of_surface(states: States, surface: Float[np.ndarray, " points"], grid: Grid) -> float:
    """From free energies [kT] at a grid's points."""
    index, weights = states.assign(grid.points), np.exp(np.nanmin(surface) - surface)
    first, second = (np.nansum(weights[index == state]) for state in (0, 1))
    return float(np.log(first / second)) if first and second else float("nan")


def starting_walker(setup: Setup) -> int:
    """Seeds begin in one state and the other in turn."""
    return setup.settings.run.seed % setup.settings.run.walkers


def lengths(checkpoints: Sequence[int]) -> Int[np.ndarray, " checkpoints"]:
    """From each checkpoint to the next."""
    return np.diff(np.array([0, *checkpoints]))
