"""The run: walkers take turns on an executor while the flow learns, then production with the flow frozen.

Determinism: what a turn does depends on its walker, its number and the flow version its number prescribes, never on
which turn finished first. Adaptation is cut into blocks of jumps. Version v is trained on all walkers' samples of
blocks 0 … v-1, beside the walkers while they work on block v, and draws the proposals of block v+1; the last version
trained this way is frozen and draws all of production. So training never stalls a walker, unless it takes longer than
a block.
"""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.engine.openmm import OpenMMSpec
from cvflow.flow.fit import Training, fit
from cvflow.flow.io import from_bytes, to_bytes
from cvflow.flow.learned import LearnedProposal
from cvflow.flow.proposal import Proposal
from cvflow.interrupt import deferred_interrupt
from cvflow.jump import JumpState, RestraintJump
from cvflow.plan import Plan
from cvflow.random import Purpose, stream
from cvflow.state import Outcome
from cvflow.states import States
from cvflow.store import Commit, FlowEntry, Record, Store, turn_type
from cvflow.trajectory import Trajectories
from cvflow.walker import Turn, TurnResult, take_turn

RESPONSE_SECONDS = 0.5
"""Ctrl-C is noticed after this time at most; turns under way are dropped, and come out the same when resumed."""

COMMIT_SECONDS = 2.0
"""A crash loses at most this much work."""


class Progress(NamedTuple):
    """Where a run stands, for whoever watches."""

    turns: int
    total: int
    production: bool
    proposed: int
    accepted: int
    mode_changes: int
    steps: int
    seconds: float


@dataclass
class _Standing:
    """Counters for the progress line, over the turns seen by this process."""

    states: States
    last_mode: dict[int, int] = field(default_factory=dict)
    proposed: int = 0
    accepted: int = 0
    mode_changes: int = 0
    steps: int = 0

    def add(self, turn: np.ndarray) -> None:
        walker = int(turn["walker"])
        old, kept, after = self.states.assign(np.stack([turn["cv_old"], turn["cv_kept"], turn["cv"]]))
        last = self.last_mode.get(walker, int(old))
        self.mode_changes += int(last >= 0 and kept >= 0 and kept != last)
        self.last_mode[walker] = next((int(mode) for mode in (after, kept) if mode >= 0), last)
        self.proposed += 1
        self.accepted += int(turn["accepted"])
        self.steps += int(turn["steps"]) + int(turn["local_steps"])


class Run:
    """Drives the walkers to the end of the plan. One use: build it, call `go`."""

    def __init__(
        self,
        plan: Plan,
        spec: OpenMMSpec,
        store: Store,
        pilot: Float[np.ndarray, "walkers samples cvs"],
        states: list[JumpState],
        trajectories: Trajectories | None = None,
        watch: Callable[[Progress], None] = lambda progress: None,
        wall_before: float = 0.0,
    ) -> None:
        self._plan, self._spec, self._store, self._watch = plan, spec, store, watch
        self._trajectories = trajectories
        self._walkers = list(states)
        self._next = [0] * plan.walkers
        self._samples = [list(samples) for samples in pilot]
        self._pilot_length = pilot.shape[1]
        self._flows: list[tuple[Proposal, float]] = []
        self._standing = _Standing(plan.states)
        self._wall_before = wall_before
        self._begun = self._committed = time.perf_counter()

    def restore(self, record: Record) -> None:
        """Take up a run where its last commit left it."""
        for turn in record.turns:
            self._samples[turn["walker"]].append(turn["cv"])
            self._next[turn["walker"]] += 1
            self._standing.add(np.asarray(turn))
        self._flows = [(from_bytes(flow.data), flow.span) for flow in record.flows]
        self._wall_before = record.commit.wall_seconds

    def go(self, executor: Executor) -> None:
        """Run to the end of the plan. What is done is committed, also when this is interrupted."""
        with deferred_interrupt() as check, ThreadPoolExecutor(1, thread_name_prefix="training") as trainer:
            pending: dict[Future, int] = {}
            training: Future[Training] | None = None
            try:
                if not self._flows:
                    self._first_flow()
                    self.commit()
                while min(self._next) < self._plan.total:
                    training = training or self._train(trainer)
                    self._submit(executor, pending)
                    waited = [*pending, *([training] if training else [])]
                    done, _ = wait(waited, timeout=RESPONSE_SECONDS, return_when=FIRST_COMPLETED)
                    for future in done - {training}:
                        self._collect(pending.pop(future), future.result())
                    if training in done:
                        self._add_flow(training.result())
                        training = None
                    if time.perf_counter() - self._committed > COMMIT_SECONDS:
                        self.commit()
                    check()
            finally:
                for future in pending:
                    future.cancel()
                self.commit()

    def commit(self) -> None:
        """Make everything so far durable."""
        frames = [state.frame for state in self._walkers]
        sizes = self._trajectories.sizes() if self._trajectories else [0] * self._plan.walkers
        self._store.commit(Commit(frames, self._wall_before + time.perf_counter() - self._begun, sizes))
        self._committed = time.perf_counter()

    def _submit(self, executor: Executor, pending: dict[Future, int]) -> None:
        """Give every idle walker its next turn, unless the flow it needs is still being trained."""
        busy = set(pending.values())
        for walker, jump in enumerate(self._next):
            version = self._plan.version_at(jump)
            if walker in busy or jump >= self._plan.total or version >= len(self._flows):
                continue
            proposal, span = self._flows[version]
            state = self._walkers[walker]
            kernel = RestraintJump(self._plan.kT, self._plan.kappa, self._plan.path_steps, span)
            order = kernel.propose(state, proposal, stream(self._plan.seed, Purpose.PROPOSAL, walker, jump))
            turn = Turn(self._plan.seed, walker, jump, state, order, self._plan.local)
            pending[executor.submit(take_turn, self._spec, turn)] = walker

    def _collect(self, walker: int, result: TurnResult) -> None:
        jump = self._next[walker]
        turn = _row(walker, jump, jump >= self._plan.adapt_jumps, result)
        self._walkers[walker] = result.state
        self._next[walker] += 1
        self._samples[walker].append(result.state.cv)
        self._store.append_turn(turn)
        if self._trajectories:
            self._trajectories.append(walker, result.state.frame)
        self._standing.add(turn)
        self._watch(self._progress())

    def _progress(self) -> Progress:
        seen, turns = self._standing, sum(self._next)
        production = min(self._next) >= self._plan.adapt_jumps
        seconds = self._wall_before + time.perf_counter() - self._begun
        total = self._plan.total * self._plan.walkers
        return Progress(turns, total, production, seen.proposed, seen.accepted, seen.mode_changes, seen.steps, seconds)

    def _first_flow(self) -> None:
        """Version 0: the fixed proposal, or a flow trained on the walkers' equilibration."""
        samples = self._pooled(0)
        if self._plan.fixed:
            self._keep(self._plan.fixed, FlowEntry(0, self._plan.span(samples), float("nan"), 0, 0, 0.0, b""))
            return
        rng = stream(self._plan.seed, Purpose.TRAINING, 0)
        self._add_flow(fit(samples, self._plan.blur, self._plan.fit, None, rng))

    def _train(self, trainer: Executor) -> "Future[Training] | None":
        """Start the next training, if it is wanted and all walkers have finished the block it learns from."""
        version = len(self._flows)
        if version > self._plan.last_version or min(self._next) < version * self._plan.block:
            return None
        previous = self._flows[-1][0]
        assert isinstance(previous, LearnedProposal)
        rng = stream(self._plan.seed, Purpose.TRAINING, version)
        return trainer.submit(fit, self._pooled(version), self._plan.blur, self._plan.fit, previous, rng)

    def _pooled(self, version: int) -> Float[np.ndarray, "samples cvs"]:
        """Samples that a version learns from: every walker's equilibration and blocks 0 … version-1."""
        length = self._pilot_length + version * self._plan.block
        return np.concatenate([np.array(samples[:length]) for samples in self._samples])

    def _add_flow(self, training: Training) -> None:
        version = training.proposal.version
        span = self._plan.span(self._pooled(version))
        entry = FlowEntry(version, span, training.holdout_nll, training.samples, training.epochs, training.seconds, b"")
        self._keep(training.proposal, entry)

    def _keep(self, proposal: Proposal, entry: FlowEntry) -> None:
        self._flows.append((proposal, entry.span))
        self._store.append_flow(entry._replace(data=to_bytes(proposal, list(self._plan.states.cv_names))))


def _row(walker: int, jump: int, production: bool, result: TurnResult) -> np.ndarray:
    """The turn as the store holds it."""
    info, path, local = result.jump, result.jump.path, result.local
    outcomes = list(Outcome)
    row = np.zeros((), dtype=turn_type(len(info.cv_old)))
    row["walker"], row["jump"], row["production"] = walker, jump, production
    row["flow_version"] = info.order.flow_version
    row["accepted"], row["outcome"], row["steps"] = info.accepted, outcomes.index(path.outcome), path.steps
    row["centre_old"], row["centre_new"] = info.order.steering.start, info.order.steering.end
    row["cv_old"], row["cv_end"], row["cv_kept"] = info.cv_old, path.cv, result.kept
    row["log_q_old"], row["log_q_new"] = info.order.log_q_old, info.order.log_q_new
    row["work"], row["protocol_work"], row["heat"] = path.work, path.protocol_work, path.heat
    row["log_acceptance"] = info.log_acceptance
    row["local_accepted"], row["local_outcome"] = local.accepted, outcomes.index(local.path.outcome)
    row["local_steps"], row["local_work"] = local.path.steps, local.path.work
    row["cv"] = result.state.cv
    row["path_seconds"], row["local_seconds"] = result.path_seconds, result.local_seconds
    return row
