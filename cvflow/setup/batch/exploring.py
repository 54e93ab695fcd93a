"""Exploration before a run of the batch engine: starts of the chains, and samples for the flow's first training."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from cvflow.config.explore_section import ExchangeSection, ExploreSection, SequentialSection
from cvflow.core.states import States
from cvflow.core.streams import Purpose, sequence
from cvflow.core.torch_streams import seeded_generator
from cvflow.engines.batch.system import TorchSystem
from cvflow.estimate.schema import Exploration, Share
from cvflow.explore.base import Explored, Explorer
from cvflow.explore.bridge import Bridge, GaussianReference
from cvflow.explore.exchange import ReplicaExchange
from cvflow.explore.sequential import SequentialMonteCarlo

HANDED = 4096
"""Samples that the flow's first training is given, of all chains together, at most."""


class Findings(NamedTuple):
    """What exploration leaves to a run.

    Attributes:
        starts: one configuration a chain, drawn by the samples' weights.
        samples: CV values for the flow's first training, drawn likewise.
        summary: for the record.
    """

    starts: Float[np.ndarray, " chains *shape"]
    samples: Float[np.ndarray, "chains samples cvs"]
    summary: Exploration


@dataclass(frozen=True)
class Exploring:
    """An exploration that is still to be made.

    Attributes:
        explorer: the method.
        spread: of the Gaussian that the target is reached from.
    """

    explorer: Explorer
    spread: float

    def found(
        self, system: TorchSystem, states: States, starts: Float[np.ndarray, " chains *shape"], seed: int,
        dtype: torch.dtype, device: torch.device,
    ) -> Findings:  # fmt: skip
        """Explore a system from the chains' starts.

        Raises:
            ArithmeticError: it came to nothing, or found fewer than two of the states.
        """
        generator = seeded_generator(sequence(seed, Purpose.EXPLORE), device)
        x = torch.as_tensor(starts, dtype=dtype, device=device).flatten(1)
        reference = GaussianReference(x.mean(dim=0), self.spread)
        explored = self.explorer.explore(Bridge(system.potential, system.kT, system.masses, reference), x, generator)
        each = min(HANDED, len(explored.weights)) // len(x) or 1
        begin, seen = (explored.resampled(count, generator) for count in (len(x), len(x) * each))
        summary = _summary(self.explorer, explored, states, system)
        missed = [share.state for share in summary.shares if share.value == 0]
        if len(summary.shares) - len(missed) < 2:
            raise ArithmeticError(
                f"{self.explorer.name} has found nothing of {', '.join(missed)}: give it a wider explore.spread than "
                f"{self.spread:.3g}, or more to do"
            )
        points = system.cv.value(seen).cpu().double().numpy()
        return Findings(begin.cpu().double().numpy().reshape(starts.shape), points.reshape(len(x), each, -1), summary)


def exploring(section: ExploreSection, starts: Float[np.ndarray, " chains *shape"]) -> Exploring:
    """The exploration that `[explore]` asks for.

    Raises:
        ValueError: its words do not go together, or the starts give no spread.
    """
    explorer = _explorer(section)
    flat = starts.reshape(len(starts), -1)
    spread = section.spread or float(np.sqrt(flat.var(axis=0).mean()))
    if not spread > 0:
        raise ValueError("explore.spread is needed: all chains start at one point, which does not say how far to look")
    return Exploring(explorer, spread)


def _explorer(section: ExploreSection) -> Explorer:
    words = section.model_dump(exclude={"method", "spread"})
    kinds = {SequentialSection: SequentialMonteCarlo, ExchangeSection: ReplicaExchange}
    try:
        explorer: Explorer = kinds[type(section)](**words)
    except ValueError as error:
        raise ValueError(f"explore: {error}") from error
    return explorer


def _summary(explorer: Explorer, explored: Explored, states: States, system: TorchSystem) -> Exploration:
    points = system.cv.value(explored.x)
    inside = states.assign(points.cpu().double().numpy())
    shares = []
    for index, state in enumerate(states.names):
        member = torch.as_tensor(inside == index, device=explored.x.device).to(explored.weights)
        shares.append(Share(state=state, **explored.average(member)._asdict()))
    return Exploration(
        method=explorer.name,
        claim=explorer.claim,
        words=explored.words,
        evaluations=explored.evaluations,
        samples=len(explored.weights),
        effective_samples=explored.effective_samples,
        log_z=explored.log_z.value,
        log_z_stderr=explored.log_z.stderr,
        shares=tuple(shares),
    )
