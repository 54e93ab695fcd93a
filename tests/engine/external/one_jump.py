"""The one-jump test through an external program and its files: exact draws, a bad flow, coarse steps.

A process a path allows some thousand draws, not 100,000: the targets are small enough for the mutants to show at that.
Mutants of the decision are other decisions on the same paths.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cvflow.accept import log_acceptance
from cvflow.engine.external import ExternalSpec
from cvflow.flow.proposal import Proposal
from cvflow.jump import JumpState, RestraintJump, step
from cvflow.state import Frame, Outcome
from cvflow.walker import available_cores, pinned_pool
from tests.engine.stationarity import Sample, Target

CHUNKS = 8


class Case(NamedTuple):
    """A program, exact draws of its target, and a jump.

    Attributes:
        spec: the engine, for pickling a function of nothing.
        draws: exact configurations (count, atoms, 3) or of whatever shape the program has.
        box: of the frames.
        value: the CV of configurations.
        observables: functions of configurations.
        flow: a bad one.
        kappa, steps, span, period: of the jump.
        count: of draws.
    """

    spec: Callable[[], ExternalSpec]
    draws: Callable[[int, np.random.Generator], np.ndarray]
    box: Callable[[], np.ndarray | None]
    value: Callable[[np.ndarray], np.ndarray]
    observables: Callable[[np.ndarray], dict[str, np.ndarray]]
    flow: Proposal
    kappa: float
    steps: int
    span: float
    period: float
    count: int


@lru_cache(maxsize=4)
def jumps(case: Case) -> Sample:
    """Apply one jump to exact draws."""
    with pinned_pool(len(available_cores())) as pool:
        parts = list(pool.map(_chunk, [case] * CHUNKS, range(CHUNKS)))
    target = Target(None, case.draws, case.observables, case.flow, case.spec().kT, case.span)  # type: ignore[arg-type]
    return Sample(*(np.concatenate(columns) for columns in zip(*parts, strict=True)), target=target)


def _chunk(case: Case, chunk: int) -> tuple[np.ndarray, ...]:
    rng, spec = np.random.default_rng([17, chunk]), case.spec()
    engine = spec.build()
    kernel = RestraintJump(
        spec.kT, np.array([case.kappa]), case.steps, case.span * case.kappa**0.5, np.array([case.period])
    )
    before, rows = case.draws(case.count // CHUNKS, rng), []
    for positions, value in zip(before, case.value(before), strict=True):
        state, info = step(JumpState(Frame(positions, case.box()), np.array([value])), kernel, case.flow, engine, rng)
        path, order = info.path, info.order
        assert path.outcome in (Outcome.COMPLETED, Outcome.DIVERGED)
        works = (order.log_q_old, order.log_q_new, path.work, path.protocol_work, path.heat)
        rows.append((state.frame.positions, path.frame.positions, *works, order.steering.start, order.steering.end))
    return before, *(np.array(column) for column in zip(*rows, strict=True))


MUTANTS: dict[str, Callable[[Sample], np.ndarray]] = {
    "no flow's density": lambda sample: -sample.work,
    "no reverse density": lambda sample: -sample.log_q_new - sample.work,
    "work of the protocol": lambda sample: log_acceptance(sample.log_q_old, sample.log_q_new, sample.protocol_work),
    "no work": lambda sample: log_acceptance(sample.log_q_old, sample.log_q_new, 0 * sample.work),
    "work of the other sign": lambda sample: log_acceptance(sample.log_q_old, sample.log_q_new, -sample.work),
}
