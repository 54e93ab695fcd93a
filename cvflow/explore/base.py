"""What an explorer is, and what it gives: weighted samples, log Z, and the number of evaluations that they cost."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cvflow.cv.batch import Batch
from cvflow.explore.bridge import Bridge

SampleWeights = Float[Tensor, " samples"]


class Estimated(NamedTuple):
    """A number with its standard error."""

    value: float
    stderr: float


@dataclass(frozen=True)
class Explored:
    """What an explorer has found.

    Attributes:
        x: configurations.
        weights: of each; they add up to one.
        groups: which of the independent parts of the exploration a sample is from, counted from 0.
        log_z: ln ∫ e^(-U/kT) dx.
        evaluations: of the target's energy with its gradient, one for each configuration.
        words: how it went, in one line.
    """

    x: Batch
    weights: SampleWeights
    groups: Int[Tensor, " samples"]
    log_z: Estimated
    evaluations: int
    words: str

    def average(self, values: Float[Tensor, " samples"]) -> Estimated:
        """Mean of a function of the configurations; its error is from the spread of the groups.

        Raises:
            ValueError: there are fewer than four groups.
        """
        count = int(self.groups.max()) + 1
        mass = torch.zeros(count, dtype=self.weights.dtype).index_add_(0, self.groups, self.weights)
        sums = torch.zeros_like(mass).index_add_(0, self.groups, self.weights * values)
        return Estimated(float(sums.sum() / mass.sum()), jackknife((sums.sum() - sums) / (mass.sum() - mass)))

    @property
    def effective_samples(self) -> float:
        """How many samples of equal weight their weights are worth (Kish); correlations are not counted in."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())

    def resampled(self, count: int, generator: torch.Generator) -> Batch:
        """So many configurations of equal weight, drawn by their weights in a random order."""
        return self.x[torch.multinomial(self.weights, count, replacement=True, generator=generator)]


class Explorer(ABC):
    """A method that finds modes and gives samples: approximate, or exact in a limit.

    Law: what it gives follows from its settings, the target, the starts and the generator; every evaluation of the
    target is counted; the weights add up to one; groups are independent of each other.
    """

    name: ClassVar[str]
    """As `[explore] method` has it."""
    claim: ClassVar[str]
    """What its samples and weights may be taken for, in words."""

    @abstractmethod
    def explore(self, target: Bridge, starts: Batch, generator: torch.Generator) -> Explored:
        """Explore a target.

        Args:
            target: the potential, its kT, and the Gaussian that it is reached from.
            starts: configurations to begin with, where the method begins with any.
            generator: source of all random numbers, on the starts' device.

        Raises:
            ArithmeticError: it came to nothing; what, and the mend.
        """


FEWEST_GROUPS = 4
"""Independent groups from whose spread an error can be had."""


def jackknife(left_out: Float[Tensor, " groups"]) -> float:
    """Standard error of an estimate from its values with each of the independent groups left out.

    The spread of a few groups is itself uncertain: deviations in such errors follow Student's t, of whose standard
    deviation it is the unit, so that z-scores have one of 1 and not of √(ν/(ν-2)).

    Raises:
        ValueError: there are fewer than four groups, whose t has no standard deviation.
    """
    if len(left_out) < FEWEST_GROUPS:
        raise ValueError(f"a standard error needs {FEWEST_GROUPS} groups at least, got {len(left_out)}")
    freedom = len(left_out) - 1
    return sqrt(freedom * float(left_out.var(correction=0)) * freedom / (freedom - 2))


def log_mean(log_values: Float[Tensor, " groups"]) -> Estimated:
    """Logarithm of the mean of independent unbiased estimates, given their logarithms."""
    count = len(log_values)
    top = log_values.max()
    values = (log_values - top).exp()
    left_out = ((values.sum() - values) / (count - 1)).log()
    return Estimated(float(top + values.mean().log()), jackknife(left_out))
