"""Paths that drag the CVs themselves."""

from dataclasses import dataclass, replace

import numpy as np

from cvflow.engines.base import EngineSpec
from cvflow.sampler.cv_jump import restraint_jump
from cvflow.sampler.local import LocalMove
from cvflow.sampler.plan import Plan
from cvflow.sampler.walkers.process import ProcessGroup
from cvflow.setup.specification import Setup, Springs, SteeredPart, Visited
from cvflow.setup.wells import well_variance

BLUR = 0.4
"""kappa = "auto": standard deviation of λ around ξ(x), in standard deviations of the CV within a well."""

WIDE = 1 / 30
"""Standard deviation of λ around ξ(x), in periods of a circle, from which "auto" is in doubt: few wells are as wide."""


@dataclass(frozen=True)
class SteeredCVs(SteeredPart):
    """The CVs, by a restraint or held exactly."""

    def springs(self, setup: Setup, samples: Visited) -> Springs:
        """As configured, or so that λ strays by 0.4 of the CV's spread within a well: a state may have several.

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
        spread = np.mean([well_variance(points, periods) for points in present], axis=0) if present else np.zeros(1)
        if not (spread > 0).all():
            raise ArithmeticError("a CV did not move during equilibration: set path.kappa, or a shorter time step")
        return setup.kT / (BLUR**2 * spread)

    def doubts(self, setup: Setup, samples: Visited) -> tuple[str, ...]:
        """Springs may be soft where no wells were told apart: with them a torsion snaps across barriers."""
        if setup.settings.path.kappa is not None or not setup.settings.path.restrained:
            return ()
        kappa = self.springs(setup, samples)
        softest = setup.kT / (WIDE * np.array(setup.space.periods)) ** 2
        soft = [f"{name} {spring:.2g}" for name, spring, least in zip(setup.space.names, kappa, softest, strict=True)
                if spring < least]  # fmt: skip
        if not soft:
            return ()
        return (
            f'warning: path.kappa = "auto" gives soft springs, {", ".join(soft)}: walkers saw wide wells, or several '
            "that too few samples tell apart, and CVs may snap across barriers, at a loss; set path.kappa, to "
            f"{9 * softest.max():.0f} say",
        )

    def planned(self, plan: Plan, setup: Setup, kappa: Springs) -> Plan:
        """A restraint's centre strays from the CV by its spring, and can be any number where the CV is bounded."""
        if not setup.settings.path.restrained:
            return plan
        return replace(plan, scale=np.sqrt(kappa), blur=np.sqrt(setup.kT / kappa), space=setup.space.unbounded)

    def group(self, walker: int, spec: EngineSpec, local: LocalMove, setup: Setup, kappa: Springs) -> ProcessGroup:
        settings, periods = setup.settings, np.array(setup.space.periods)
        jump = restraint_jump(setup.kT, kappa, settings.path.steps, periods)
        return ProcessGroup(walker, spec, settings.run.seed, local, jump, kappa)
