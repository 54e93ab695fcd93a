"""Sequential Monte Carlo: particles that are weighted, resampled and moved on their way to the target."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cvflow.cv.batch import Batch, Each
from cvflow.engines.batch.kernels.base import uniforms
from cvflow.explore.base import FEWEST_GROUPS, Explored, Explorer, log_mean
from cvflow.explore.bridge import Bridge, Evaluated, taken
from cvflow.explore.hybrid import adapted, hybrid_move

HALVINGS = 60
"""Of the interval in which the next β is looked for."""

MOST_LEVELS = 2_000
"""Temperatures after which a target counts as out of the reference's reach."""


class Level(NamedTuple):
    """Particles at one β, the time step that moves them there, and each population's ln Z so far."""

    beta: float
    places: Evaluated
    timestep: Tensor
    log_z: Float[Tensor, " populations"]


@dataclass(frozen=True)
class SequentialMonteCarlo(Explorer):
    """Annealed importance sampling with resampling, on temperatures that are set by the effective sample size.

    Particles are drawn from the reference, in populations that are resampled apart, so that their spread is an error.
    The next β is where the weights of all particles are worth `efficiency` of their number; each is followed by
    systematic resampling and by `moves` of hybrid Monte Carlo at that β.

    Attributes:
        particles: of all populations; a multiple of their number.
        populations: independent but for the temperatures that they share.
        efficiency: effective share of the particles at each temperature, between 0 and 1.
        moves: at each temperature.
        steps: time steps of a move.

    Raises:
        ValueError: a setting is out of range.

    Source: Del Moral, Doucet, Jasra, J. R. Stat. Soc. B 68, 411 (2006); Dai, Heng, Jacob, Whiteley, J. Am. Stat. Assoc.
    117, 1587 (2022).
    """

    particles: int = 4096
    populations: int = 16
    efficiency: float = 0.9
    moves: int = 3
    steps: int = 10

    name: ClassVar[str] = "sequential-monte-carlo"
    claim: ClassVar[str] = (
        "exact in the limit of many particles; with the number at hand a mode that few of the reference's draws lead "
        "to may be missed or misweighted"
    )

    def __post_init__(self) -> None:
        count, groups = self.particles, self.populations
        if groups < FEWEST_GROUPS or count < 2 * groups or count % groups:
            raise ValueError(
                f"particles must be a multiple of populations, at least {FEWEST_GROUPS} populations of two: got "
                f"{count} in {groups}"
            )
        if not 0 < self.efficiency < 1:
            raise ValueError(f"efficiency must lie between 0 and 1, got {self.efficiency}")
        if self.moves < 1 or self.steps < 1:
            raise ValueError(f"moves and steps must be positive, got {self.moves} and {self.steps}")

    def explore(self, target: Bridge, starts: Batch, generator: torch.Generator) -> Explored:
        levels = list(self.levels(target, generator))
        last, count = levels[-1], self.particles // self.populations
        groups = torch.arange(self.populations, device=starts.device).repeat_interleave(count)
        weights = torch.softmax(last.log_z, dim=0)[groups] / count
        found = log_mean(last.log_z.cpu())
        cost = self.particles * (1 + (len(levels) - 1) * self.moves * self.steps)
        return Explored(last.places.x, weights, groups, found, cost, f"{len(levels) - 1} temperatures")

    def levels(self, target: Bridge, generator: torch.Generator) -> Iterator[Level]:
        """The particles at each β, from the reference's to the target's.

        Raises:
            ArithmeticError: no particle has a finite energy, or the target is out of reach.
        """
        places = target.at(target.reference.draw(self.particles, generator))
        if not torch.isfinite(places.energy).any():
            raise ArithmeticError(
                f"none of {self.particles} draws from the reference, of spread {target.reference.spread:.3g}, has a "
                "finite energy: give another explore.spread"
            )
        log_z = places.energy.new_zeros(self.populations)
        level = Level(0.0, places, places.x.new_tensor(target.reference.spread / places.x.shape[1] ** 0.25), log_z)
        yield level
        for _ in range(MOST_LEVELS):
            level = self._next(target, level, generator)
            yield level
            if level.beta == 1:
                return
        raise ArithmeticError(
            f"the target is not reached in {MOST_LEVELS} temperatures: give an explore.spread nearer to that of the "
            "target, or a lower explore.efficiency"
        )

    def _next(self, target: Bridge, level: Level, generator: torch.Generator) -> Level:
        gap = target.gap(level.places)
        beta = next_beta(gap, level.beta, self.efficiency)
        log_weights = (-(beta - level.beta) * gap).reshape(self.populations, -1)
        log_z = level.log_z + torch.logsumexp(log_weights, dim=1) - torch.log(torch.tensor(float(log_weights.shape[1])))
        # A population without a finite weight is dead: its Z is zero, wherever its particles go.
        alive = torch.isfinite(log_z)
        rows = systematic(torch.where(alive[:, None], log_weights, 0.0), generator)
        places, timestep = taken(level.places, rows), level.timestep
        all_at = gap.new_full((self.particles,), beta)
        for _ in range(self.moves):
            places, takes = hybrid_move(target, places, all_at, timestep.expand(self.particles), self.steps, generator)
            timestep = adapted(timestep, takes.to(timestep).mean())
        return Level(beta, places, timestep, log_z)


def next_beta(gap: Each, beta: float, efficiency: float) -> float:
    """The β at which weights e^(-(β' - β) gap) are worth that share of the particles that have a weight at all."""
    finite = gap[torch.isfinite(gap)]

    def worth(to: float) -> float:
        weights = torch.softmax(-(to - beta) * finite, dim=0)
        return float(1 / (weights * weights).sum()) / len(finite)

    if worth(1.0) >= efficiency:
        return 1.0
    low, high = beta, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if worth(middle) >= efficiency else (low, middle)
    return high


def systematic(
    log_weights: Float[Tensor, "populations particles"], generator: torch.Generator
) -> Int[Tensor, " all_particles"]:
    """Rows of particles that are kept, each about as often as its weight in its population says, by one number each.

    Law: a particle of weight w among n is expected n w times.
    """
    populations, count = log_weights.shape
    ends = torch.softmax(log_weights, dim=1).cumsum(dim=1)
    offset = uniforms((populations, 1), log_weights, generator)
    marks = (torch.arange(count, device=log_weights.device) + offset) / count
    rows = torch.searchsorted(ends, marks).clamp(max=count - 1)
    return (rows + count * torch.arange(populations, device=rows.device)[:, None]).reshape(-1)
