"""Training with a held-out part for the stopping rule: maximum likelihood, or a flow's own way there.

Source: Gabrié, Rotskoff, Vanden-Eijnden, PNAS 2022 (training on what the chains visit).
"""

import time
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch

from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Point
from cvflow.core.torch_streams import fenced
from cvflow.proposals.base import CVPoints, Proposal
from cvflow.proposals.flows.base import Architecture
from cvflow.proposals.flows.spline import AutoregressiveSpline
from cvflow.proposals.history import Split, Visits, effective_size, replayed, split
from cvflow.proposals.learned import LearnedProposal
from cvflow.proposals.standard_coordinates import StandardCoordinates

BATCH = 8192
"""Numbers (samples times CVs) that one step of the optimiser sees at most."""

STEPS_AN_EPOCH = 2
"""Steps of the optimiser in one epoch at most, whatever the number of samples; a flow may ask for several of each."""

LOOK = 5
"""Epochs between two looks at the held-out samples."""

DRIFT, SPREAD = 0.5, 1.5
"""Standard coordinates are renewed where a line's mean has moved by half its scale, or its scale by a factor of 1.5."""


FEWEST_SAMPLES = 10
"""Samples that a flow is trained on."""


@dataclass(frozen=True)
class FitSettings:
    """How a flow is built and trained.

    Raises:
        ValueError: a setting is out of range.
    """

    architecture: Architecture = field(default_factory=AutoregressiveSpline)
    epsilon: float = 0.05
    epochs: int = 150
    patience: int = 40
    """Epochs without a better held-out likelihood, after which training stops."""
    learning_rate: float = 0.02
    """At the beginning; it falls to zero along half a cosine. Half of it where training continues from a flow."""
    holdout: float = 0.2
    most_samples: int = 5000
    """Of all walkers: the fit's error is then the network's, not the samples'."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.patience < 1:
            raise ValueError("flow: epochs and patience must be at least 1")
        if not 0 < self.epsilon < 1:
            raise ValueError(f"flow: epsilon must lie between 0 and 1, got {self.epsilon}")
        if not 0 < self.holdout <= 0.5:
            raise ValueError(f"flow: holdout must be above 0 and at most 0.5, got {self.holdout}")


class Training(NamedTuple):
    """A trained proposal, how well it does and what it cost.

    Attributes:
        proposal: with the weights of the epoch that did best on the held-out samples.
        holdout_nll: its negative log likelihood per held-out sample (the whole mixture, nats).
        training_nll: the same over the samples it learned from; well below `holdout_nll`, it knows them by heart.
        epochs: how many were made; fewer than asked for, if the held-out likelihood got worse.
        kept_epoch: after how many it was best.
        samples: CV values that all walkers have visited.
        effective_samples: how many independent ones they are worth, NaN if that cannot be told.
        seconds: of wall time.
    """

    proposal: Proposal
    holdout_nll: float
    training_nll: float
    epochs: int
    kept_epoch: int
    samples: int
    effective_samples: float
    seconds: float


def fit(
    chains: Visits,
    space: CVSpace,
    blur: Point,
    settings: FitSettings,
    previous: LearnedProposal | None,
    rng: np.random.Generator,
) -> Training:
    """Train a proposal on the walkers' histories, warm-started from the previous one.

    Args:
        chains: CV values that each walker visited, in the order of time.
        space: of λ.
        blur: standard deviation of λ around ξ(x), (βκ)^(-1/2): the flow learns the density of λ, so each step sees
            the samples with fresh noise of this width, on circles cut at half a period.
        settings: the network and the optimiser.
        previous: where the weights start from; None for the first training, whose weights are drawn.
        rng: noise, split, batches and initial weights.

    Raises:
        ValueError: fewer than ten samples.
    """
    count = sum(len(chain) for chain in chains)
    if count < FEWEST_SAMPLES:
        raise ValueError(f"flow: at least {FEWEST_SAMPLES} samples are needed to train, got {count}")
    begun = time.perf_counter()
    kept = replayed(chains, settings.most_samples)
    standard = StandardCoordinates.fitted(np.concatenate(kept), space, blur)
    proposal = _untrained(standard, settings, previous, rng)
    parts = split(kept, round(1 / settings.holdout), rng)
    holdout_nll, epochs, kept_epoch = _descend(proposal, parts, blur, settings, previous is not None, rng)
    return Training(
        proposal=proposal,
        holdout_nll=holdout_nll,
        training_nll=_nll(proposal, _blurred(parts.seen, blur, proposal.standard, rng)),
        epochs=epochs,
        kept_epoch=kept_epoch,
        samples=count,
        effective_samples=effective_size(chains, np.array(space.periods)),
        seconds=time.perf_counter() - begun,
    )


def _untrained(
    standard: StandardCoordinates, settings: FitSettings, previous: LearnedProposal | None, rng: np.random.Generator
) -> LearnedProposal:
    """The proposal before training: a copy of the previous one, or new weights in new standard coordinates.

    Weights mean nothing in other standard coordinates, so the old ones are kept as long as they serve: the first
    samples are few, and may be all from the bottom of the wells.
    """
    version = 0 if previous is None else previous.version + 1
    if previous is not None and not _outgrown(previous.standard, standard):
        return replace(previous, flow=deepcopy(previous.flow), version=version)
    with fenced(rng):
        flow = settings.architecture.build(standard.domains)
    return LearnedProposal(flow, settings.architecture, standard, settings.epsilon, version)


def _outgrown(old: StandardCoordinates, new: StandardCoordinates) -> bool:
    """Whether the samples have left the old standard coordinates: |u| > 5 on a line is not transformed at all."""
    moved = np.abs(new.centre - old.centre) > DRIFT * old.scale
    stretched = np.abs(np.log(new.scale / old.scale)) > np.log(SPREAD)
    return bool(((moved | stretched) & new.lines).any())


def _descend(
    proposal: LearnedProposal, parts: Split, blur: Point, settings: FitSettings, warm: bool, rng: np.random.Generator
) -> tuple[float, int, int]:
    """Train the proposal's flow in place; return the best held-out likelihood, the epochs made and the one kept."""
    flow, standard = proposal.flow, proposal.standard
    held_out = _blurred(parts.held_out, blur, standard, rng)
    batch = max(1, BATCH // held_out.shape[1])
    steps = flow.many_steps * min(STEPS_AN_EPOCH, -(-len(parts.seen) // batch))
    optimiser = torch.optim.Adam(flow.parameters(), lr=settings.learning_rate * (0.5 if warm else 1.0))
    cooling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps * settings.epochs)
    best_nll, best_weights, best_epoch = _nll(proposal, held_out), deepcopy(flow.state_dict()), 0
    for epoch in range(1, settings.epochs + 1):
        for _ in range(steps):
            some = parts.seen if len(parts.seen) <= batch else rng.choice(parts.seen, batch, replace=False)
            u = torch.from_numpy(standard.inward(_blurred(some, blur, standard, rng)))
            optimiser.zero_grad()
            flow.loss(u, rng).backward()
            optimiser.step()
            cooling.step()
        if epoch % LOOK == 0 or epoch == settings.epochs:
            nll = _nll(proposal, held_out)
            if nll < best_nll:
                best_nll, best_weights, best_epoch = nll, deepcopy(flow.state_dict()), epoch
            if epoch - best_epoch >= settings.patience:
                break
    flow.load_state_dict(best_weights)
    return best_nll, epoch, best_epoch


def _nll(proposal: LearnedProposal, points: CVPoints) -> float:
    """Of the weights as they are now: the proposal itself takes them as they will be after training."""
    return -float(replace(proposal).log_density(points).mean())


def _blurred(
    points: CVPoints, blur: Point, standard: StandardCoordinates, rng: np.random.Generator
) -> CVPoints:
    """The points with noise, as λ | x has it: normal, on circles truncated at half a period."""
    return points + standard.noise(blur, len(points), rng)
