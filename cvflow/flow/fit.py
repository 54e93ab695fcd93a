"""Maximum-likelihood training with a held-out part for the stopping rule.

Source: Gabrié, Rotskoff, Vanden-Eijnden, PNAS 2022 (training on what the chains visit).
"""

import time
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from cvflow.flow.learned import LearnedProposal, spline_flow


@dataclass(frozen=True)
class FitSettings:
    """How a flow is built and trained.

    Raises:
        ValueError: a setting is out of range.
    """

    transforms: int = 3
    epsilon: float = 0.05
    epochs: int = 150
    patience: int = 25
    learning_rate: float = 0.02
    holdout: float = 0.2
    most_samples: int = 5000
    """Drawn from all of them, where many chains visit more: the fit's error is then the network's, not the samples'."""

    def __post_init__(self) -> None:
        if self.transforms < 1 or self.epochs < 1 or self.patience < 1:
            raise ValueError("flow: transforms, epochs and patience must be at least 1")
        if not 0 < self.epsilon < 1:
            raise ValueError(f"flow: epsilon must lie between 0 and 1, got {self.epsilon}")
        if not 0 < self.holdout < 1:
            raise ValueError(f"flow: holdout must lie between 0 and 1, got {self.holdout}")


class Training(NamedTuple):
    """A trained proposal, its negative log likelihood per held-out sample (the whole mixture, nats), and the cost."""

    proposal: LearnedProposal
    holdout_nll: float
    epochs: int
    samples: int
    seconds: float


def fit(
    samples: Float[np.ndarray, "samples cvs"],
    blur: Float[np.ndarray, "cvs"],
    settings: FitSettings,
    previous: LearnedProposal | None,
    rng: np.random.Generator,
) -> Training:
    """Train a proposal on CV samples, warm-started from the previous one.

    Args:
        samples: CV values that the walkers visited.
        blur: standard deviation of λ around ξ(x), (βκ)^(-1/2): the flow learns the density of λ, so each epoch sees
            the samples with fresh noise of this width.
        settings: the network and the optimiser.
        previous: where the weights start from; None for the first training, whose weights are drawn.
        rng: noise, split and initial weights.

    Raises:
        ValueError: fewer than ten samples.
    """
    if len(samples) < 10:
        raise ValueError(f"flow: at least 10 samples are needed to train, got {len(samples)}")
    begun = time.perf_counter()
    proposal = _untrained(samples, blur, settings, previous, rng)
    order = rng.permutation(len(samples))[: settings.most_samples]
    held_out, seen = np.split(samples[order], [max(1, round(settings.holdout * len(order)))])
    held_out = held_out + blur * rng.standard_normal(held_out.shape)

    optimiser = torch.optim.Adam(proposal.flow.parameters(), lr=settings.learning_rate)
    best_nll, best_weights, best_epoch = np.inf, deepcopy(proposal.flow.state_dict()), 0
    for epoch in range(settings.epochs):
        nll = -float(proposal.log_density(held_out).mean())
        if nll < best_nll:
            best_nll, best_weights, best_epoch = nll, deepcopy(proposal.flow.state_dict()), epoch
        if epoch - best_epoch > settings.patience:
            break
        noisy = (seen + blur * rng.standard_normal(seen.shape) - proposal.mean) / proposal.scale
        loss = -proposal.log_flow(torch.from_numpy(noisy)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    proposal.flow.load_state_dict(best_weights)
    return Training(proposal, best_nll, epoch + 1, len(samples), time.perf_counter() - begun)


def _untrained(
    samples: Float[np.ndarray, "samples cvs"],
    blur: Float[np.ndarray, "cvs"],
    settings: FitSettings,
    previous: LearnedProposal | None,
    rng: np.random.Generator,
) -> LearnedProposal:
    """The proposal before training: a copy of the previous one, or new weights and the samples' statistics."""
    if previous is not None:
        return replace(previous, flow=deepcopy(previous.flow), version=previous.version + 1)
    with torch.random.fork_rng():
        torch.manual_seed(int(rng.integers(2**31)))
        flow = spline_flow(samples.shape[1], settings.transforms)
    scale = np.sqrt(samples.var(axis=0) + blur**2)
    return LearnedProposal(flow, settings.transforms, samples.mean(axis=0), scale, settings.epsilon, version=0)
