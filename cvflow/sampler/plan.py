"""What a run is to do: its lengths, and which flow version draws which jump."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Point
from cvflow.core.periodic import mean, wrapped
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.core.states import States
from cvflow.estimate.settling import window
from cvflow.proposals.base import Proposal
from cvflow.proposals.fit import FitSettings, Training
from cvflow.proposals.fit import fit as train

GROWTH = 4
"""A training is worth its time where samples have grown by one part in so many."""


@dataclass(frozen=True)
class Plan:
    """What a run is to do; every number of it is in the config.

    Attributes:
        seed: of all random numbers.
        walkers: number of chains.
        adapt_jumps: jumps per walker while the flow learns, as asked for.
        jumps: jumps per walker in production.
        retrain_every: samples, of all walkers together, between the first trainings (one sample a turn).
        scale: what one unit of each CV counts in the distance that path lengths are proportional to.
        blur: standard deviation of a path's first centre around ξ(x), which the flow has to learn; zero for kernels
            that hold the CV exactly.
        space: of the centres λ of paths: lines, circles, boxes.
        states: named states.
        fit: how the flow is trained.
        fixed: a proposal to use as it is, instead of a flow.
        state_bias: that the fixed proposal is used with.
        learn: what trains a proposal, with the arguments of `cvflow.proposals.fit.fit`.
        gives_up: whether paths of production that cannot be accepted any more are given up on their way.
        within_states: whether jumps of production within a state are realised; those of adaptation are, since they
            bring the flow more of what it learns from.
        flat: whether a bias makes chains visit every named state as much.
        adapt_limit: adaptation takes up to this many times `adapt_jumps`, until the states' populations have settled.
        times: how many times `adapt_jumps` it takes, as far as is known.
    """

    seed: int
    walkers: int
    adapt_jumps: int
    jumps: int
    retrain_every: int
    scale: Point
    blur: Point
    space: CVSpace
    states: States
    fit: FitSettings
    fixed: Proposal | None = None
    state_bias: StateBias = UNBIASED
    learn: Callable[..., Training] = train
    gives_up: bool = True
    within_states: bool = True
    flat: bool = False
    adapt_limit: int = 1
    times: int = 1

    @property
    def adaptation(self) -> int:
        """Jumps per walker before production, as far as is known."""
        return self.times * self.adapt_jumps

    @property
    def can_be_longer(self) -> bool:
        """Whether adaptation may go on."""
        return self.adapt_jumps > 0 and self.times < self.adapt_limit

    def longer(self) -> "Plan":
        """The same with `adapt_jumps` more of adaptation; what was planned so far is part of it, jump by jump."""
        return replace(self, times=self.times + 1)

    @property
    def block(self) -> int:
        """Jumps per walker between the first trainings."""
        return max(1, -(-self.retrain_every // self.walkers))

    @cached_property
    def trainings(self) -> tuple[int, ...]:
        """Jumps per walker that each version is trained on: a block more each time, later a quarter more.

        What a flow knows grows with the logarithm of its samples, and what a training costs with their number: with one
        at every block, many walkers of a cheap system would wait for nothing else. The last block of adaptation trains
        nothing, so that production need not wait for it.
        """
        most = 0 if self.fixed else max(0, self.adaptation - 1) // self.block
        blocks = [0]
        while (more := blocks[-1] + max(1, blocks[-1] // GROWTH)) <= most:
            blocks.append(more)
        return tuple(count * self.block for count in blocks)

    @property
    def last_version(self) -> int:
        """Version that production uses."""
        return len(self.trainings) - 1

    def production(self, jump: int) -> bool:
        """Whether a jump counts."""
        return jump >= self.adaptation

    @property
    def settled(self) -> int:
        """Jumps per walker that production looks back at, to learn what paths are held against.

        All groups have made them by then.
        """
        return window(self.adaptation).stop

    @property
    def total(self) -> int:
        """Jumps per walker."""
        return self.adaptation + self.jumps

    def version_at(self, jump: int) -> int:
        """Flow version that draws the proposals of this jump: the last but one, while the next is being trained."""
        if jump >= self.adaptation:
            return self.last_version
        return max(0, bisect_right(self.trainings, jump) - 2)

    def span(self, samples: Float[np.ndarray, "samples cvs"]) -> float:
        """Largest distance between two states' mean CVs, in the metric of `scale`, which takes the CVs' units off.

        Raises:
            ArithmeticError: fewer than two states were visited.
        """
        inside = self.states.assign(samples)
        present = [samples[inside == i] for i in range(len(self.states.names)) if (inside == i).any()]
        if len(present) < 2:
            names = [self.states.names[i] for i in sorted(set(inside)) if i >= 0]
            raise ArithmeticError(
                f"after equilibration all walkers are in {' '.join(names) or 'none of the named states'}: "
                "give starts that lie deeper in their states"
            )
        periods = np.array(self.space.periods)
        means = [mean(points, periods) for points in present]
        return max(float(np.linalg.norm(self.scale * wrapped(a - b, periods))) for a in means for b in means)
