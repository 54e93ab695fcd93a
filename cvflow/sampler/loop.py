"""The run: groups take turns on an executor while the flow learns, then production with the flow frozen.

Determinism: what a turn does depends on its group, its number and the flow version its number prescribes, never on
which turn finished first. Adaptation is cut into blocks of jumps. Version v is trained on all walkers' samples of
blocks 0 … v-1, beside the walkers while they work on block v, and draws the proposals of block v+1; the last version
trained this way is frozen and draws all of production. So training never stalls a walker, unless it takes longer than
a block.

Adaptation goes on until the populations of the states have settled (`cvflow.estimate.settling`), or to its limit. What
all walkers have made of it by a jump of a given number decides, again and again as it grows, so that a resumed run
decides the same.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from queue import Empty, SimpleQueue
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cvflow.core.frames import Frame
from cvflow.core.state_bias import UNBIASED, StateBias, flat
from cvflow.core.states import States
from cvflow.core.streams import Purpose, stream
from cvflow.estimate.settling import labelled, settling, window
from cvflow.estimate.transitions import free_energies
from cvflow.host.interrupt import deferred_interrupt
from cvflow.host.journal import LOG
from cvflow.host.stopping import NEVER, PausedError, Stopping
from cvflow.proposals.base import Proposal
from cvflow.proposals.fit import Training
from cvflow.proposals.io import from_bytes, to_bytes
from cvflow.proposals.threads import one_thread
from cvflow.sampler.interim_free_energy import (
    InterimFreeEnergy,
    ProgressCoordinate,
    estimated,
    progress_between,
    unknown,
)
from cvflow.sampler.jump_proposal import Learned
from cvflow.sampler.plan import Plan
from cvflow.sampler.walkers.base import GroupState, TurnResult, WalkerGroup
from cvflow.store import Commit, FlowEntry, Record, Store, sorted_turns, turn_type
from cvflow.store.trajectory import Trajectories

RESPONSE_SECONDS = 0.5
"""Ctrl-C is noticed after this time at most; turns under way are dropped, and come out the same when resumed."""

COMMIT_SECONDS = 2.0
"""A crash loses at most this much work, or, where commits are dear,"""

COMMIT_COSTS = 20
"""as much as so many commits take: of a run's time, one part in so many goes into keeping it."""


def commit_interval(cost: float) -> float:
    """Seconds until the next commit, after one that took `cost` seconds."""
    return max(COMMIT_SECONDS, COMMIT_COSTS * cost)


class Progress(NamedTuple):
    """Where a run stands, for whoever watches."""

    turns: int
    total: int
    production: bool
    accepted: int
    mode_changes: int
    steps: int
    seconds: float
    longer: bool = False
    """Whether adaptation goes on past the jumps asked for."""


class _Version(NamedTuple):
    """What was learned once."""

    proposal: Proposal
    span: float
    state_bias: StateBias


@dataclass
class _Counters:
    """For the progress line, over all turns of the run."""

    states: States
    last_mode: Int[np.ndarray, " walkers"]
    turns: int = 0
    accepted: int = 0
    mode_changes: int = 0
    steps: int = 0

    def add(self, rows: np.ndarray) -> None:
        """Count rows of different walkers, one turn each."""
        walkers = rows["walker"]
        old, kept, after = (self.states.assign(rows[name]) for name in ("cv_old", "cv_kept", "cv"))
        last = np.where(self.last_mode[walkers] == _NEVER, old, self.last_mode[walkers])
        self.mode_changes += int(((last >= 0) & (kept >= 0) & (kept != last)).sum())
        self.last_mode[walkers] = np.where(after >= 0, after, np.where(kept >= 0, kept, last))
        self.turns += len(rows)
        self.accepted += int(rows["accepted"].sum())
        self.steps += int(rows["steps"].sum()) + int(rows["local_steps"].sum())


def _no_turns(plan: Plan) -> np.ndarray:
    return np.zeros(0, dtype=turn_type(len(plan.states.cv_names)))


_NEVER = -2
"""Mode of a walker that was not seen yet."""


def _taken(ended: "SimpleQueue[Future]", seconds: float) -> "Iterator[Future]":
    """What has ended, waited for as long as that at most; a thousand that have not ended cost nothing."""
    try:
        yield ended.get(timeout=seconds)
        while True:
            yield ended.get_nowait()
    except Empty:
        return


@contextmanager
def _training_thread() -> Iterator[Executor]:
    """Where flows are trained; a run that ends early doesn't wait for it."""
    trainer = ThreadPoolExecutor(1, thread_name_prefix="training")
    try:
        yield trainer
    except BaseException:
        trainer.shutdown(wait=False, cancel_futures=True)
        raise
    trainer.shutdown()


class Run:
    """Drives the groups to the end of the plan. One use: build it, call `go`."""

    def __init__(
        self,
        plan: Plan,
        groups: Sequence[WalkerGroup],
        store: Store,
        pilot: Float[np.ndarray, "walkers samples cvs"],
        group_states: Sequence[GroupState],
        trajectories: Trajectories | None = None,
        watch: Callable[[Progress], None] = lambda progress: None,
        wall_before: float = 0.0,
        check: Callable[[int, Frame], None] = lambda walker, frame: None,
        still_ours: Callable[[], None] = lambda: None,
    ) -> None:
        self._plan, self._groups, self._store, self._watch = plan, groups, store, watch
        self._trajectories, self._check = trajectories, check
        self._group_states = list(group_states)
        self._next = [0] * len(groups)
        self._idle = set(range(len(groups)))
        self._ended: SimpleQueue[Future] = SimpleQueue()
        self._pilot = pilot
        self._samples: list[list[np.ndarray]] = [[] for _ in groups]
        self._early: list[np.ndarray] = []
        self._versions: list[_Version] = []
        self._judged = 0
        self._seen = _Counters(plan.states, np.full(plan.walkers, _NEVER))
        self._wall_before, self._still_ours = wall_before, still_ours
        self._begun = self._committed = time.perf_counter()
        self._interval = COMMIT_SECONDS
        self._given = [0.0] * len(groups)
        self._longest = 0.0  # seconds of a turn, or of a training
        self._keeping = 0.0  # seconds of a commit

    def restore(self, record: Record) -> None:
        """Take up a run where its last commit left it."""
        for index, group in enumerate(self._groups):
            turns = record.turns[np.isin(record.turns["walker"], group.walkers)]
            turns = turns[np.argsort(turns["jump"], kind="stable")]
            done = int(turns["jump"].max(initial=-1)) + 1
            for rows in np.split(turns, np.searchsorted(turns["jump"], np.arange(1, done)))[:done]:
                self._count(index, rows)
        self._versions = [
            _Version(from_bytes(flow.data), flow.span, flow.bias(self._plan.states)) for flow in record.flows
        ]
        self._wall_before = record.commit.wall_seconds
        self._settle()

    def go(self, executor: Executor, stopping: Stopping = NEVER) -> None:
        """Run to the end of the plan. What is done is committed, also when this is interrupted.

        Raises:
            PausedError: `stopping` wanted it; turns under way were waited for, as far as there was time.
        """
        with deferred_interrupt() as check, one_thread(), _training_thread() as trainer:
            pending: dict[Future, int] = {}
            training: Future[Training] | None = None
            why = None
            try:
                if not self._versions:
                    self.commit()  # what was equilibrated: from here on a run can be resumed, not only begun again
                    self._first_flow()
                    self.commit()
                LOG.info("from jump %d to %d", min(self._next), self._plan.total)
                while min(self._next) < self._plan.total:
                    last = RESPONSE_SECONDS + 2 * self._keeping
                    why = why or stopping.wanted(self._longest + last)
                    if why and (not pending or stopping.overdue(last)):
                        raise PausedError(why)
                    if not why:
                        training = training or self._train(trainer)
                        self._submit(executor, pending)
                    done = list(_taken(self._ended, RESPONSE_SECONDS))
                    check()  # before a result is taken: the signal may have gone to the worker's program, too
                    for future in done:
                        if future is training:
                            self._add_flow(future.result())
                            training = None
                        else:
                            self._collect(pending.pop(future), future.result())
                    if time.perf_counter() - self._committed > self._interval:
                        self.commit()
                    check()
            finally:
                for future in pending:
                    future.cancel()
                self.commit()

    def commit(self) -> None:
        """Make everything so far durable, if the store is still this run's to write."""
        self._still_ours()
        where = {
            walker: frame
            for group, group_state in zip(self._groups, self._group_states, strict=True)
            for walker, frame in zip(group.walkers, group_state.frames, strict=True)
        }
        frames = [where[walker] for walker in range(self._plan.walkers)]
        begun = time.perf_counter()
        self._store.commit(Commit(frames, self._wall_before + begun - self._begun))
        self._committed = time.perf_counter()
        self._keeping = max(self._keeping, self._committed - begun)
        self._interval = commit_interval(self._committed - begun)

    def _submit(self, executor: Executor, pending: dict[Future, int]) -> None:
        """Give every idle group its next turn, unless the flow it needs is still being trained."""
        self._settle()
        for index in sorted(self._idle):
            group, jump = self._groups[index], self._next[index]
            version = self._plan.version_at(jump)
            if jump >= self._plan.total or version >= len(self._versions):
                continue
            if self._plan.production(jump) and min(self._next) < self._plan.settled:
                continue
            skips = self._plan.states if self._plan.production(jump) and not self._plan.within_states else None
            proposal, span, bias = self._versions[version]
            learned = Learned(proposal, span, self._interim_free_energy(jump), skips, bias)
            self._given[index] = time.perf_counter()
            turn = group.take_turn(executor, self._group_states[index], jump, learned)
            self._idle.remove(index)
            pending[turn] = index
            turn.add_done_callback(self._ended.put)

    def _settle(self) -> None:
        """Make adaptation longer for as long as what all groups have made of it says that populations move."""
        plan = self._plan
        while plan.can_be_longer and plan.times > self._judged and min(self._next) >= plan.settled:
            labels = labelled(self._made(), plan.states, plan.walkers)
            if settling(labels[:, window(plan.adaptation)]).passed:
                self._judged = plan.times
            else:
                plan = self._plan = plan.longer()

    def _made(self) -> np.ndarray:
        """Turns of adaptation that all groups have made by the time that production can begin, as chains."""
        turns = np.concatenate([*self._early, _no_turns(self._plan)])
        return sorted_turns(turns[turns["jump"] < self._plan.settled])

    def _interim_free_energy(self, jump: int) -> InterimFreeEnergy | None:
        """What paths are held against: nothing while they are only looked at, to learn it."""
        if not self._plan.gives_up:
            return None
        if self._plan.production(jump):
            return self._found
        return unknown(self._progress_coordinate(_no_turns(self._plan)["cv"]))

    @cached_property
    def _found(self) -> InterimFreeEnergy:
        """That of production, from the jumps of adaptation that all groups have made."""
        turns = self._without_bias(self._made())
        samples = np.concatenate([self._pilot.reshape(-1, turns["cv"].shape[1]), turns["cv"]])
        return estimated(turns, self._progress_coordinate(samples))

    def _without_bias(self, turns: np.ndarray) -> np.ndarray:
        """The densities at both ends of each turn over what the bias of its version makes of them."""
        turns = turns.copy()
        for version, each in enumerate(self._versions):
            made = turns["flow_version"] == version
            turns["log_q_old"][made] += each.state_bias.of(turns["cv_old"][made])
            turns["log_q_new"][made] += each.state_bias.of(turns["cv_end"][made])
        return turns

    def _progress_coordinate(self, samples: np.ndarray) -> ProgressCoordinate:
        plan = self._plan
        return progress_between(
            plan.states, samples.reshape(-1, samples.shape[-1]), plan.scale, np.array(plan.space.periods)
        )

    def _collect(self, index: int, result: TurnResult) -> None:
        rows = result.rows
        self._idle.add(index)
        self._longest = max(self._longest, time.perf_counter() - self._given[index])
        rows["production"] = self._plan.production(self._next[index])
        for walker, frame in zip(self._groups[index].walkers, result.group_state.frames, strict=True):
            self._check(walker, frame)
        self._group_states[index] = result.group_state
        self._store.append_turns(rows)
        if self._trajectories:
            for walker, frame in zip(self._groups[index].walkers, result.group_state.frames, strict=True):
                self._trajectories.append(walker, frame)
        self._count(index, rows)
        self._watch(self._progress())

    def _count(self, index: int, rows: np.ndarray) -> None:
        """One turn of one group; those of adaptation are kept, to learn and to judge from."""
        if not rows["production"].any():
            self._samples[index].append(rows["cv"])
            self._early.append(rows)
        self._next[index] += 1
        self._seen.add(rows)

    def _progress(self) -> Progress:
        seen = self._seen
        production = self._plan.production(min(self._next))
        seconds = self._wall_before + time.perf_counter() - self._begun
        total = self._plan.total * self._plan.walkers
        return Progress(
            seen.turns, total, production, seen.accepted, seen.mode_changes, seen.steps, seconds,
            longer=self._plan.times > 1 and not production,
        )  # fmt: skip

    def _first_flow(self) -> None:
        """Version 0: the fixed proposal, or a flow trained on the walkers' equilibration."""
        samples = self._pooled(0)
        if self._plan.fixed:
            entry = FlowEntry(0, self._plan.span(samples), float("nan"), 0, 0, 0.0, b"")
            self._keep(self._plan.fixed, entry._replace(state_bias=self._plan.state_bias.energies))
            return
        rng = stream(self._plan.seed, Purpose.TRAINING, 0)
        plan = self._plan
        self._add_flow(plan.learn(self._histories(0), plan.space, plan.blur, plan.fit, None, rng))

    def _train(self, trainer: Executor) -> "Future[Training] | None":
        """Start the next training, if it is wanted and all groups have made the turns it learns from.

        One that may be the last waits until it is known whether adaptation goes on, where its bias hangs on that.
        """
        self._settle()
        plan, version = self._plan, len(self._versions)
        if version > plan.last_version or min(self._next) < plan.trainings[version]:
            return None
        if plan.flat and version == plan.last_version and min(self._next) < plan.settled:
            return None
        previous = self._versions[-1].proposal
        rng = stream(plan.seed, Purpose.TRAINING, version)
        training = trainer.submit(plan.learn, self._histories(version), plan.space, plan.blur, plan.fit, previous, rng)
        training.add_done_callback(self._ended.put)
        return training

    def _pooled(self, version: int) -> Float[np.ndarray, "samples cvs"]:
        """The histories that a version learns from, in one."""
        return np.concatenate(self._histories(version))

    def _histories(self, version: int) -> list[Float[np.ndarray, "samples cvs"]]:
        """Samples that a version learns from: each walker's equilibration and the first turns of adaptation."""
        length = self._plan.trainings[version]
        chains: list[np.ndarray] = []
        for group, samples in zip(self._groups, self._samples, strict=True):
            for place, walker in enumerate(group.walkers):
                turns = [turn[place : place + 1] for turn in samples[:length]]
                chains.append(np.concatenate([self._pilot[walker], *turns]))
        return chains

    def _add_flow(self, training: Training) -> None:
        version = training.proposal.version
        span = self._plan.span(self._pooled(version))
        self._longest = max(self._longest, training.seconds)
        LOG.info("flow %d: %d samples, %d epochs, %.1f s", version, training.samples, training.epochs, training.seconds)
        entry = FlowEntry(
            version, span, training.holdout_nll, training.samples, training.epochs, training.seconds, b"",
            training.training_nll, training.kept_epoch, training.effective_samples, self._bias(version).energies,
        )  # fmt: skip
        self._keep(training.proposal, entry)

    def _bias(self, version: int) -> StateBias:
        """That of a version, from the turns that its proposal learned from.

        Production keeps the bias of the version before its own. A new proposal changes how chains move, a new bias what
        they sample, and they come from adaptation's last turns, made under that of the version before.
        """
        plan = self._plan
        if not plan.flat or version == 0:
            return UNBIASED
        if version == plan.last_version:
            return self._versions[-1].state_bias
        turns = np.concatenate(self._early)
        seen = sorted_turns(turns[turns["jump"] < plan.trainings[version]])
        return flat(plan.states, free_energies(seen, [each.state_bias for each in self._versions], plan.states))

    def _keep(self, proposal: Proposal, entry: FlowEntry) -> None:
        self._versions.append(_Version(proposal, entry.span, entry.bias(self._plan.states)))
        self._store.append_flow(entry._replace(data=to_bytes(proposal, list(self._plan.states.cv_names))))
