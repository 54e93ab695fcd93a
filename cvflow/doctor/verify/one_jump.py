"""The one-jump test: exact draws, one application of a kernel, paired z over joint observables.

The paths of a case are run once. Mutants of the acceptance are then other decisions on the same paths; mutants of the
path are engines of their own. docs/theory.md, section 6.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.acceptance import log_acceptance
from cvflow.core.frames import Frame, Point
from cvflow.core.schedule import Linear, Schedule
from cvflow.core.states import States
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable
from cvflow.doctor.verify import dumbbell
from cvflow.engines.openmm import OpenMMEngine, OpenMMSpec
from cvflow.engines.openmm.platforms import Properties
from cvflow.engines.verlet import VerletEngine
from cvflow.host.cores import available_cores
from cvflow.host.pool import Pool
from cvflow.proposals import GaussianMixture, Proposal
from cvflow.sampler.cv_jump import CVJump, restraint_jump
from cvflow.sampler.interim_free_energy import InterimFreeEnergy
from cvflow.sampler.jump import JumpState, WalkerJump, step
from cvflow.sampler.jump_proposal import JumpProposal, Learned
from cvflow.sampler.local import HybridMonteCarlo

DRAWS_IN_ALL = 100_000
CHUNKS = 8
BAD_FLOW = GaussianMixture(((1.9,), (2.8,)), ((0.4,), (0.3,)), (0.3, 0.7))
"""Wrong weights, wrong widths, shifted: p(r) has its modes near 1.6 and 3.0."""

_Configurations = Float[np.ndarray, "draws atoms 3"]
PerDraw = Float[np.ndarray, " draws"]


@dataclass(frozen=True)
class Target:
    """A system with exact draws; `span` is about the distance of the modes. Another engine's has no OpenMM System.

    `flow` proposes jumps; None where the case brings what does.
    """

    system: Callable[[], openmm.System] | None
    exact_draws: Callable[[int, np.random.Generator], _Configurations]
    observables: Callable[[_Configurations], dict[str, PerDraw]]
    flow: Proposal | None
    kT: float
    span: float
    interim_free_energy: Callable[[], InterimFreeEnergy] = dumbbell.interim_free_energy


DUMBBELL = Target(dumbbell.system, dumbbell.exact_draws, dumbbell.observables, BAD_FLOW, dumbbell.KT, span=1.4)


@dataclass(frozen=True)
class Case:
    """One setting of the kernel.

    Attributes:
        steps: length of a path over the target's span.
        timestep: ps.
        kappa: spring constant of the restraint.
        friction: 1/ps.
        schedule: of the restraint's centre.
        platform: OpenMM's.
        properties: the platform's.
        devices: of the platform, for the workers in turn.
        cv: what is steered.
        engine: a mutant, or the engine itself.
        jumps: in a row.
        draws: in all.
        target: what is drawn from.
        kind: of jump; a mutant, or the jump itself.
        gives_up: whether paths are given up early.
        skips: states within which no jump is made.
        walls: on CVs.
    """

    steps: int
    timestep: float
    kappa: float
    friction: float = 0.0
    schedule: Schedule = field(default_factory=Linear)
    platform: str = "Reference"
    properties: Properties = ()
    devices: tuple[int, ...] = ()
    cv: CollectiveVariable = field(default_factory=dumbbell.native_cv)
    engine: type[VerletEngine] = OpenMMEngine
    jumps: int = 1
    draws: int = DRAWS_IN_ALL
    target: Target = DUMBBELL
    kind: type[CVJump] = CVJump
    gives_up: bool = False
    skips: Callable[[], States] | None = None
    walls: tuple[Wall, ...] = ()

    @property
    def springs(self) -> Point:
        """Spring constants of whatever is steered."""
        return np.array([self.kappa])

    def jump(self) -> JumpProposal:
        """What proposes a jump."""
        jump = restraint_jump(self.target.kT, self.springs, self.steps, np.array([self.cv.period]))
        return of_kind(self.kind, jump)

    def learned(self) -> Learned:
        """What the jump is drawn from."""
        assert self.target.flow is not None
        interim_free_energy = self.target.interim_free_energy() if self.gives_up else None
        span = self.target.span * float(np.sqrt(self.kappa))
        return Learned(self.target.flow, span, interim_free_energy, self.skips and self.skips())

    def build(self) -> VerletEngine:
        """The engine on the target."""
        assert self.target.system is not None
        xml = openmm.XmlSerializer.serialize(self.target.system())
        spec = OpenMMSpec(xml, (self.cv,), self.target.kT, self.timestep, self.friction, self.schedule, self.platform)
        return self.engine(replace(spec, properties=self.properties, devices=self.devices, walls=self.walls))


class Sample(NamedTuple):
    """Paired configurations and the acceptance's ingredients, one row a draw."""

    before: _Configurations
    after: _Configurations
    path_end: _Configurations
    log_q_old: PerDraw
    log_q_new: PerDraw
    work: PerDraw
    protocol_work: PerDraw
    heat: PerDraw
    start: Float[np.ndarray, "draws cvs"]
    end: Float[np.ndarray, "draws cvs"]
    target: Target

    @property
    def moved(self) -> float:
        """Fraction of the draws that the kernel has moved: none or all prove nothing."""
        return float((self.after != self.before).any(axis=(1, 2)).mean())

    def decided(self, log_ratio: PerDraw) -> "Sample":
        """The same paths under another acceptance."""
        accepted = np.log(np.random.default_rng(7).random(len(log_ratio))) < log_ratio
        return self._replace(after=np.where(accepted[:, None, None], self.path_end, self.before))

    def largest_z(self) -> float:
        """Largest |mean paired difference| in standard errors over all observables."""
        before, after = self.target.observables(self.before), self.target.observables(self.after)
        z = []
        for name in before:
            difference = after[name] - before[name]
            z.append(abs(difference.mean()) / (difference.std() / np.sqrt(len(difference))))
        return float(max(z))


@lru_cache(maxsize=64)
def jumps(case: Case) -> Sample:
    """Apply the jump kernel to exact draws."""
    return _spread(_jump_chunk, case)


@lru_cache(maxsize=4)
def local_moves(case: Case) -> Sample:
    """Apply the Metropolised local move, `case.steps` long, to exact draws."""
    return _spread(_local_chunk, case)


def _spread(chunk: Callable[[Case, int], tuple[np.ndarray, ...]], case: Case) -> Sample:
    with Pool(min(CHUNKS, len(available_cores()))) as pool:
        parts = list(pool.map(chunk, [case] * CHUNKS, range(CHUNKS)))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Sample(*columns, target=case.target)  # type: ignore[misc, arg-type]


def _jump_chunk(case: Case, chunk: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng([11, chunk])
    engine, target = case.build(), case.target
    jump, learned, kappa = case.jump(), case.learned(), case.springs
    before = target.exact_draws(case.draws // CHUNKS, rng)
    rows = []
    for positions in before:
        frame = Frame(positions, None)
        state = JumpState(frame, engine.cv_values(frame))
        for _ in range(case.jumps):
            state, info = step(state, jump, learned, kappa, engine, rng)
        rows.append(row(state, info))
    return before, *(np.array(column) for column in zip(*rows, strict=True))


def of_kind(kind: type[CVJump], jump: CVJump) -> CVJump:
    """The same jump as one of another class, such as a mutant's."""
    return kind(**{item.name: getattr(jump, item.name) for item in fields(jump)})


def row(state: JumpState, info: WalkerJump) -> tuple[Any, ...]:
    """What a sample holds of a jump, after the draw that it began from."""
    path, orders = info.path, info.orders
    works = (orders.log_q_old[0], orders.log_q_new[0], path.work, path.protocol_work, path.heat)
    return state.frame.positions, path.frame.positions, *works, orders.start[0], orders.end[0]


def _local_chunk(case: Case, chunk: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng([13, chunk])
    engine, move = case.build(), HybridMonteCarlo(case.steps)
    before = case.target.exact_draws(case.draws // CHUNKS, rng)
    nowhere = np.zeros(1)
    rows = []
    for positions in before:
        frame = Frame(positions, None)
        state, info = move.step(JumpState(frame, engine.cv_values(frame)), engine, rng)
        works = (0.0, 0.0, info.path.work, 0.0, info.path.heat)
        rows.append((state.frame.positions, info.path.frame.positions, *works, nowhere, nowhere))
    return before, *(np.array(column) for column in zip(*rows, strict=True))


ACCEPTANCE_MUTANTS: dict[str, Callable[[Sample], PerDraw]] = {
    "log q of the start dropped": lambda s: log_ratios(s, log_q_old=0.0),
    "q ratio omitted": lambda s: log_ratios(s, log_q_old=0.0, log_q_new=0.0),
    "sign of W": lambda s: log_ratios(s, work=-s.work),
    "shadow work left out": lambda s: log_ratios(s, work=s.protocol_work),
}


def log_ratios(sample: Sample, **wrong: PerDraw | float) -> PerDraw:
    """The acceptance with some ingredients replaced."""
    right = {"log_q_old": sample.log_q_old, "log_q_new": sample.log_q_new, "work": sample.work}
    return np.vectorize(log_acceptance)(**(right | wrong))


def unadjusted(sample: Sample) -> PerDraw:
    """The decision that takes whatever has not blown up."""
    return np.where(np.isnan(sample.work), -np.inf, 0.0)
