"""The one-jump test through an external program and its files: exact draws, a bad flow, coarse steps.

A process a path allows some thousand draws, not 100,000: the targets are small enough for the mutants to show at that.
Mutants of the decision are other decisions on the same paths.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from cvflow.core.frames import Frame, Outcome
from cvflow.doctor.verify.one_jump import ACCEPTANCE_MUTANTS, Sample, Target, log_ratios, row
from cvflow.engines.external import ExternalSpec
from cvflow.engines.openmm.certificates import THRESHOLD
from cvflow.host.cores import available_cores
from cvflow.host.pool import Pool
from cvflow.proposals.base import Proposal
from cvflow.sampler.cv_jump import restraint_jump
from cvflow.sampler.jump import JumpState, step
from cvflow.sampler.jump_proposal import Learned

CHUNKS = 8

MUTANTS = ACCEPTANCE_MUTANTS | {"work left out": lambda sample: log_ratios(sample, work=0 * sample.work)}
"""Of the decision; a path that failed stays rejected."""


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
    with Pool(len(available_cores())) as pool:
        parts = list(pool.map(_chunk, [case] * CHUNKS, range(CHUNKS)))
    target = Target(None, case.draws, case.observables, case.flow, case.spec().kT, case.span)  # type: ignore[arg-type]
    return Sample(*(np.concatenate(columns) for columns in zip(*parts, strict=True)), target=target)


def _chunk(case: Case, chunk: int) -> tuple[np.ndarray, ...]:
    rng, spec = np.random.default_rng([17, chunk]), case.spec()
    kappa, learned = np.array([case.kappa]), Learned(case.flow, case.span * case.kappa**0.5)
    jump = restraint_jump(spec.kT, kappa, case.steps, np.array([case.period]))
    before, rows = case.draws(case.count // CHUNKS, rng), []
    for positions, value in zip(before, case.value(before), strict=True):
        engine = spec.build()  # for each path: of two in a row that blow up, the second would stop a run
        begun = JumpState(Frame(positions, case.box()), np.array([value]))
        state, info = step(begun, jump, learned, kappa, engine, rng)
        assert info.path.outcome in (Outcome.COMPLETED, Outcome.DIVERGED)
        rows.append(row(state, info))
    return before, *(np.array(column) for column in zip(*rows, strict=True))


def passes(case: Case) -> None:
    """The jump leaves the target alone, and does something."""
    sample = jumps(case)
    moved = (sample.after != sample.before).any(axis=(1, 2)).mean()
    print(f"{case.steps} steps: acceptance {moved:.3f}, largest |z| {sample.largest_z():.2f}")
    assert moved > 0.05
    assert sample.largest_z() < THRESHOLD


def shows(case: Case, mutant: str) -> None:
    """Another decision on the same paths is found to be wrong."""
    sample = jumps(case)
    found = sample.decided(MUTANTS[mutant](sample)).largest_z()
    print(f"{mutant}: {found:.1f}")
    assert found > THRESHOLD
