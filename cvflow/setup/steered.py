"""Paths that drag the CVs themselves."""

from dataclasses import dataclass, replace

import numpy as np

from cvflow.core.periodic import variance
from cvflow.engines.base import EngineSpec
from cvflow.sampler.cv_jump import restraint_jump
from cvflow.sampler.local import LocalMove
from cvflow.sampler.plan import Plan
from cvflow.sampler.walkers.process import ProcessGroup
from cvflow.setup.specification import Setup, Springs, SteeredPart, Visited

BLUR = 0.4
"""kappa = "auto": standard deviation of λ around ξ(x), in standard deviations of the CV within the states."""


@dataclass(frozen=True)
class SteeredCVs(SteeredPart):
    """The CVs, by a restraint or held exactly."""

    def springs(self, setup: Setup, samples: Visited) -> Springs:
        """As configured, or so that λ strays by 0.4 of the CV's spread within the states.

        Raises:
            ArithmeticError: a CV did not move.
        """
        given, space = setup.settings.path.kappa, setup.space
        if given is not None:
            return np.broadcast_to(np.array(given, dtype=float), len(space.names)).copy()
        pooled, states = samples.reshape(-1, samples.shape[-1]), setup.states
        inside = states.assign(pooled)
        present = [pooled[inside == i] for i in range(len(states.names)) if (inside == i).sum() > 1]
        periods = np.array(space.periods)
        spread = np.mean([variance(points, periods) for points in present], axis=0) if present else np.zeros(1)
        if not (spread > 0).all():
            raise ArithmeticError("a CV did not move during equilibration: set path.kappa, or a shorter time step")
        return setup.kT / (BLUR**2 * spread)

    def planned(self, plan: Plan, setup: Setup, kappa: Springs) -> Plan:
        """A restraint's centre strays from the CV by its spring, and can be any number where the CV is bounded."""
        if not setup.settings.path.restrained:
            return plan
        return replace(plan, scale=np.sqrt(kappa), blur=np.sqrt(setup.kT / kappa), space=setup.space.unbounded)

    def group(self, walker: int, spec: EngineSpec, local: LocalMove, setup: Setup, kappa: Springs) -> ProcessGroup:
        settings, periods = setup.settings, np.array(setup.space.periods)
        jump = restraint_jump(setup.kT, kappa, settings.path.steps, periods)
        return ProcessGroup(walker, spec, settings.run.seed, local, jump, kappa)
