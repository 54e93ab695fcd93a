"""The one-jump test of the batch engine: exact draws, one application of a move, paired z over joint observables."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from unittest import mock

import numpy as np
import torch

from cvflow.core.acceptance import log_acceptance
from cvflow.core.schedule import Linear
from cvflow.doctor.verify.one_jump import of_kind
from cvflow.engines.batch.kernels.restraint import SoftRestraint
from cvflow.engines.batch.paths import Paths
from cvflow.proposals import Proposal
from cvflow.sampler.cv_jump import CVJump
from cvflow.sampler.ensemble import EnsembleMove, EnsembleState, jump_along, step
from cvflow.sampler.jump_proposal import Learned
from tests.engines.batch.targets import Target

DRAWS = 100_000
THRESHOLD = 5.0


@dataclass(frozen=True)
class Jump:
    """A jump of every chain.

    Attributes:
        paths: how it is realised.
        steps: of a path as long as `span`.
        span: distance in the CVs' own units.
        kind: how it is proposed; mutants have others.
        more: what else is learned.
    """

    paths: Paths
    steps: int
    span: float
    kind: type[CVJump] = CVJump
    more: dict = field(default_factory=dict)

    def step(self, state: EnsembleState, proposal: Proposal, generator: torch.Generator) -> tuple:
        jump = of_kind(self.kind, jump_along(self.paths, self.steps, np.ones(state.cv.shape[1])))
        return step(state, jump, Learned(proposal, self.span, **self.more), self.paths, generator)


@dataclass(frozen=True, eq=False)
class Case:
    """A move, the target that it must leave invariant, and the proposal it jumps by.

    Attributes:
        kernel: row of the table, such as "K3".
        setting: what tells this case from the others of the same kernel and target.
        target: the density.
        move: a jump or a local move.
        proposal: the target's own, unless a mutant has a wrong one.
        moves: applications, one or two.
        draws: exact configurations to start from.
        acceptance: the formula; mutants replace it.
        dtype: of all numbers.
    """

    kernel: str
    setting: str
    target: Target
    move: Jump | EnsembleMove
    proposal: Proposal | None = None
    moves: int = 1
    draws: int = DRAWS
    acceptance: Callable = log_acceptance
    dtype: torch.dtype = torch.float64

    @property
    def name(self) -> str:
        return f"{self.kernel} on {self.target.name}: {self.setting}"


class Verdict(NamedTuple):
    """z of each observable that changed at all; the shares of chains that ended elsewhere, and that failed."""

    names: tuple[str, ...]
    z: np.ndarray
    moved: float
    failed: float

    @property
    def largest(self) -> float:
        """Largest |z|; infinite where a mean is not even a number."""
        return float(np.abs(np.nan_to_num(self.z, nan=np.inf)).max())


@lru_cache(maxsize=256)
def run(case: Case) -> Verdict:
    """Apply the move to exact draws and compare the observables before and after, chain by chain."""
    generator = torch.Generator().manual_seed(zlib.crc32(case.name.encode()))
    x = case.target.configurations(case.draws).to(case.dtype)
    state, failures = EnsembleState(x, case.target.cv.value(x)), []
    with mock.patch("cvflow.sampler.ensemble.log_acceptance", case.acceptance):
        for _ in range(case.moves):
            state, outcome = _applied(case, state, generator)
            failures.append((outcome != 0).double().mean())
    return _compared(case.target, x, state.x, float(torch.stack(failures).mean()))


def _applied(case: Case, state: EnsembleState, generator: torch.Generator) -> tuple[EnsembleState, torch.Tensor]:
    if isinstance(case.move, EnsembleMove):
        after, info = case.move.step(state, _cv_of(case.target), generator)
    else:
        after, info = case.move.step(state, case.proposal or case.target.proposal, generator)
    return after, info.path.outcome


def _cv_of(target: Target) -> Paths:
    kernel = SoftRestraint(target.potential, target.cv, target.kT, 1.0, (1.0,) * len(target.cv.names))
    return Paths(kernel, Linear())


def _compared(target: Target, before: torch.Tensor, after: torch.Tensor, failed: float) -> Verdict:
    moved = (after != before).any(dim=1)
    start, end = (target.observables(x[moved].double()) for x in (before, after))
    count, names, z = len(before), [], []
    for name in start:
        difference = end[name] - start[name]
        # What cannot change, such as y in a jump that moves z alone, tests nothing.
        if bool((difference != 0).any()):
            # The chains that stayed count with a difference of zero.
            mean = difference.sum() / count
            variance = ((difference * difference).sum() - count * mean * mean) / (count - 1)
            names.append(name)
            z.append(float(mean / (variance / count) ** 0.5))
    return Verdict(tuple(names), np.array(z), float(moved.double().mean()), failed)
