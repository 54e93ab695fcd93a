"""Replica exchange: replicas on the way from reference to target, which swap places with their neighbours."""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cvflow.core.acceptance import accepted, log_acceptance
from cvflow.cv.batch import Batch, Each
from cvflow.engines.batch.kernels.base import nothing, uniforms
from cvflow.explore.base import FEWEST_GROUPS, Estimated, Explored, Explorer, jackknife
from cvflow.explore.bridge import Bridge, Evaluated, taken
from cvflow.explore.hybrid import adapted, hybrid_move
from cvflow.explore.sequential import SequentialMonteCarlo

MOST_RUNGS = 400
"""Of a ladder."""

FIRST_SCANS, ROUNDS = 10, 4
"""Scans of the first round in which the ladder is set, and rounds, each twice as long as the one before."""

PARTICLES = 64
"""Of the short annealing whose temperatures are the first ladder."""


class Scanned(NamedTuple):
    """Replicas after a scan, (ladders, rungs) in rows; what moved, and the swaps' chances.

    Attributes:
        places: ladder by ladder, from the reference's rung to the target's.
        fresh: whether a replica's last end of the ladder was the reference.
        arrived: replicas that came from the reference to the target in this scan.
        rejection: of the swaps between neighbours that were tried, NaN of the others.
        accepted: share of the moves on each rung.
    """

    places: Evaluated
    fresh: Bool[Tensor, "ladders rungs"]
    arrived: int
    rejection: Float[Tensor, " pairs"]
    accepted: Float[Tensor, " rungs"]


@dataclass(frozen=True)
class Ladder:
    """Rungs β from 0 to 1, and the time step of moves on each."""

    beta: Float[Tensor, " rungs"]
    timestep: Float[Tensor, " rungs"]

    def __len__(self) -> int:
        return len(self.beta)


@dataclass(frozen=True)
class ReplicaExchange(Explorer):
    """Parallel tempering from a Gaussian reference, non-reversible, on a ladder that sets itself.

    A scan moves each replica by hybrid Monte Carlo on its rung, and draws that of the reference's rung afresh; then
    the even pairs of neighbours may swap, or the odd ones, in turn. The ladder's first rungs are the temperatures of a
    short annealing; in rounds that are not counted they are moved to where all swaps are rejected alike, as many of
    them as give that rejection. Several ladders run side by side: their spread is the error.

    Attributes:
        ladders: independent but for the rungs that they share.
        scans: that are counted, each one sample a ladder.
        rejection: of swaps, wanted.
        steps: time steps of a move.

    Raises:
        ValueError: a setting is out of range.

    Source: Syed, Bouchard-Côté, Deligiannidis, Doucet, J. R. Stat. Soc. B 84, 321 (2022).
    """

    ladders: int = 16
    scans: int = 1000
    rejection: float = 0.5
    steps: int = 5

    name: ClassVar[str] = "replica-exchange"
    claim: ClassVar[str] = (
        "exact in the limit of many scans; with the number at hand weights of modes are as good as the number of "
        "replicas that came from the reference to the target, and with none they are those of the starts"
    )

    def __post_init__(self) -> None:
        if self.ladders < FEWEST_GROUPS or self.scans < 1 or self.steps < 1:
            raise ValueError(
                f"{FEWEST_GROUPS} ladders, one scan and one step at least, got {self.ladders}, {self.scans} and "
                f"{self.steps}"
            )
        if not 0 < self.rejection < 1:
            raise ValueError(f"rejection must lie between 0 and 1, got {self.rejection}")

    def explore(self, target: Bridge, starts: Batch, generator: torch.Generator) -> Explored:
        ladder, spent = self._first_ladder(target, generator)
        rows = torch.arange(self.ladders, device=starts.device) % len(starts)
        places = target.at(starts[rows].repeat_interleave(len(ladder), dim=0))
        spent += len(places.x)
        fresh = torch.zeros((self.ladders, len(ladder)), dtype=torch.bool, device=starts.device)
        for number in range(ROUNDS):
            scans = FIRST_SCANS * 2**number
            places, fresh, rejected, ladder = self._round(target, places, fresh, ladder, scans, generator)
            spent += scans * self._cost(ladder)
            kept, ladder = respaced(ladder, rejected, self.rejection)
            all_rows = (torch.arange(self.ladders)[:, None] * fresh.shape[1] + kept).reshape(-1)
            places, fresh = taken(places, all_rows.to(starts.device)), fresh[:, kept]
        samples, log_ratios, arrived = [], [], 0
        for number in range(self.scans):
            log_ratios.append(_log_ratios(target, places, ladder))
            scanned = scan(target, places, fresh, ladder, number % 2, self.steps, generator)
            places, fresh, arrived = scanned.places, scanned.fresh, arrived + scanned.arrived
            samples.append(places.x.reshape(self.ladders, len(ladder), -1)[:, -1])
        spent += self.scans * self._cost(ladder)
        x = torch.cat(samples)
        groups = torch.arange(self.ladders, device=x.device).repeat(self.scans)
        words = f"{len(ladder)} rungs, {arrived} replicas from the reference to the target"
        weights = torch.full((len(x),), 1 / len(x), dtype=x.dtype, device=x.device)
        return Explored(x, weights, groups, stepping_stones(torch.stack(log_ratios)), spent, words)

    def _first_ladder(self, target: Bridge, generator: torch.Generator) -> tuple[Ladder, int]:
        """Temperatures of a short annealing, and what it cost."""
        annealing = SequentialMonteCarlo(PARTICLES, FEWEST_GROUPS, 0.5, moves=2, steps=self.steps)
        levels = list(annealing.levels(target, generator))
        spent = PARTICLES * (1 + (len(levels) - 1) * 2 * self.steps)
        beta = levels[0].timestep.new_tensor([level.beta for level in levels])
        return Ladder(beta, torch.stack([level.timestep for level in levels])), spent

    def _cost(self, ladder: Ladder) -> int:
        """Evaluations of a scan."""
        return self.ladders * (1 + (len(ladder) - 1) * self.steps)

    def _round(
        self, target: Bridge, places: Evaluated, fresh: Tensor, ladder: Ladder, scans: int, generator: torch.Generator
    ) -> tuple[Evaluated, Tensor, Tensor, Ladder]:
        """Some scans: where the replicas are, the pairs' mean rejection, and time steps that were mended on the way."""
        rejections = []
        for number in range(scans):
            scanned = scan(target, places, fresh, ladder, number % 2, self.steps, generator)
            places, fresh = scanned.places, scanned.fresh
            rejections.append(scanned.rejection)
            ladder = Ladder(ladder.beta, adapted(ladder.timestep, scanned.accepted))
        return places, fresh, torch.stack(rejections).nanmean(dim=0), ladder


def scan(
    target: Bridge,
    places: Evaluated,
    fresh: Tensor,
    ladder: Ladder,
    parity: int,
    steps: int,
    generator: torch.Generator,
) -> Scanned:
    """Move every replica on its rung, then try to swap the pairs of that parity."""
    ladders, rungs = fresh.shape
    beta, timestep = ladder.beta.repeat(ladders), ladder.timestep.repeat(ladders)
    first = torch.arange(ladders, device=places.x.device) * rungs
    rest = torch.ones(len(beta), dtype=torch.bool, device=places.x.device)
    rest[first] = False
    moved, takes = hybrid_move(target, taken(places, rest), beta[rest], timestep[rest], steps, generator)
    drawn = target.at(target.reference.draw(ladders, generator))
    places = _merged(rest, moved, drawn)
    acceptance = torch.cat([takes.new_ones((ladders, 1)), takes.reshape(ladders, -1)], dim=1).to(beta).mean(dim=0)
    fresh = fresh.clone()
    fresh[:, 0] = True
    places, fresh, chance = swapped(target, places, fresh, ladder.beta, parity, generator)
    arrived = int(fresh[:, -1].sum())
    fresh[:, -1] = False
    return Scanned(places, fresh, arrived, 1 - chance, acceptance)


def swapped(
    target: Bridge, places: Evaluated, fresh: Tensor, beta: Each, parity: int, generator: torch.Generator
) -> tuple[Evaluated, Tensor, Float[Tensor, " pairs"]]:
    """Try to swap the pairs (k, k + 1) with k of that parity, each with the chance min(1, e^((β' - β)(gap' - gap))).

    Returns:
        The places, `fresh` swapped with them, and each pair's mean chance, NaN for pairs that were not tried.
    """
    ladders, rungs = fresh.shape
    gap = target.gap(places).reshape(ladders, rungs)
    work = -(beta[1:] - beta[:-1]) * (gap[:, 1:] - gap[:, :-1])
    tried = torch.arange(rungs - 1, device=beta.device) % 2 == parity
    still = nothing(work.reshape(-1)).reshape(work.shape)
    log_ratio = log_acceptance(still, still, work)
    takes = accepted(log_ratio, uniforms(tuple(work.shape), work, generator)) & tried
    order = torch.arange(rungs, device=beta.device).repeat(ladders, 1)
    up = torch.nn.functional.pad(takes, (0, 1))
    down = torch.nn.functional.pad(takes, (1, 0))
    order = order + up.long() - down.long()
    rows = (order + rungs * torch.arange(ladders, device=beta.device)[:, None]).reshape(-1)
    chance = torch.nan_to_num(log_ratio, nan=-torch.inf).clamp(max=0).exp().mean(dim=0)
    return taken(places, rows), fresh.gather(1, order), torch.where(tried, chance, torch.nan)


def respaced(ladder: Ladder, rejected: Float[Tensor, " pairs"], wanted: float) -> tuple[Tensor, Ladder]:
    """Rungs between which swaps are rejected alike, and the old rung that each is nearest to.

    The rejections between neighbours add up to the ladder's barrier, whatever its rungs.
    """
    barrier = torch.nn.functional.pad(rejected.nan_to_num(0.0).clamp(min=1e-3).cumsum(dim=0), (1, 0))
    rungs = min(MOST_RUNGS, max(3, 1 + ceil(float(barrier[-1]) / wanted)))
    wanted_at = torch.linspace(0, float(barrier[-1]), rungs, dtype=barrier.dtype, device=barrier.device)
    right = torch.searchsorted(barrier, wanted_at[1:-1]).clamp(1, len(barrier) - 1)
    left = right - 1
    share = (wanted_at[1:-1] - barrier[left]) / (barrier[right] - barrier[left])
    # β spans orders of magnitude: between rungs it grows by factors, but for the first, which begins at zero.
    factor = (ladder.beta[right] / ladder.beta[left].clamp(min=1e-300)) ** share * ladder.beta[left]
    between = torch.where(left == 0, share * ladder.beta[right], factor)
    beta = torch.cat([ladder.beta[:1], between, ladder.beta[-1:]])
    near = torch.cat([torch.zeros_like(left[:1]), torch.where(share > 0.5, right, left), torch.full_like(left[:1], -1)])
    near = near % len(ladder)
    return near, Ladder(beta, ladder.timestep[near.clamp(min=1)])


def stepping_stones(log_ratios: Float[Tensor, "scans ladders pairs"]) -> Estimated:
    """Ln Z, from the mean of each rung's weights for the next; its error is from the spread of the ladders."""
    count = log_ratios.shape[1]
    each = torch.logsumexp(log_ratios, dim=0)
    without = torch.stack([torch.logsumexp(each[torch.arange(count) != k], dim=0) for k in range(count)])
    scans = torch.tensor(float(len(log_ratios)), dtype=log_ratios.dtype).log()
    whole = torch.logsumexp(each, dim=0) - scans - torch.tensor(float(count)).log()
    left_out = (without - scans - torch.tensor(float(count - 1)).log()).sum(dim=1)
    return Estimated(float(whole.sum()), jackknife(left_out.cpu()))


def _log_ratios(target: Bridge, places: Evaluated, ladder: Ladder) -> Float[Tensor, "ladders pairs"]:
    """Of each replica, the log weight of its next rung."""
    gap = target.gap(places).reshape(-1, len(ladder))
    return -(ladder.beta[1:] - ladder.beta[:-1]) * gap[:, :-1]


def _merged(rest: Bool[Tensor, " chains"], moved: Evaluated, drawn: Evaluated) -> Evaluated:
    """Chains that moved, and those that were drawn, in their places."""

    def together(new: Tensor, other: Tensor) -> Tensor:
        whole = new.new_empty((len(rest), *new.shape[1:]))
        whole[rest], whole[~rest] = new, other
        return whole

    return Evaluated(*(together(new, other) for new, other in zip(moved, drawn, strict=True)))
