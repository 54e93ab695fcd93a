"""All chains of the batch engine as one group: they jump and move together, in this process."""

import time
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from cvflow.core.frames import Frame, Point
from cvflow.core.streams import Purpose, sequence
from cvflow.core.torch_streams import seeded_generator
from cvflow.engines.batch.paths import Paths
from cvflow.host.faults import blaming
from cvflow.sampler.ensemble import EnsembleInfo, EnsembleJump, EnsembleMove, EnsembleState, LocalInfo
from cvflow.sampler.walkers.base import GroupState, Learned, TurnResult, WalkerGroup
from cvflow.store import turn_type

PILOT_MOVES = 24
"""Local moves at the start, whose CV values train the first flow and give the states' mean CVs."""


@dataclass(frozen=True)
class BatchGroup(WalkerGroup):
    """All chains of a run, which take their turns as one batch.

    Attributes:
        walkers: their numbers.
        seed: of all random numbers.
        paths: how jumps are realised.
        steps: time steps of a path as long as the span.
        scale: what one unit of each CV counts in the distance that path lengths are proportional to.
        local: the move after each jump, or none.
        dtype: of the configurations.
        device: where they lie.
    """

    walkers: tuple[int, ...]
    seed: int
    paths: Paths
    steps: int
    scale: Point
    local: EnsembleMove | None
    dtype: torch.dtype
    device: torch.device

    def group_state(self, x: Float[np.ndarray, " chains *shape"]) -> GroupState:
        """Where the chains stand, given their configurations."""
        flat = torch.as_tensor(x, dtype=self.dtype, device=self.device).flatten(1)
        return self._group_state(EnsembleState(flat, self.paths.kernel.cv.value(flat)))

    def pilot(
        self, group_state: GroupState, moves: EnsembleMove
    ) -> tuple[GroupState, Float[np.ndarray, "chains samples cvs"]]:
        """Sample the starts' surroundings by local moves.

        Raises:
            ArithmeticError: most chains never moved: the time step is too long, or the starts are bad.
            UserFunctionError: the user's potential or CV fails.
        """
        with blaming("equilibration"):
            return self._piloted(group_state, moves)

    def _piloted(
        self, group_state: GroupState, moves: EnsembleMove
    ) -> tuple[GroupState, Float[np.ndarray, "chains samples cvs"]]:
        state, samples = group_state.state, []
        generator = self._generator(Purpose.EQUILIBRATION, 0)
        moved = torch.zeros(len(self.walkers), dtype=torch.bool, device=self.device)
        for _ in range(PILOT_MOVES):
            before = state.x
            state, _ = moves.step(state, self.paths, generator)
            moved |= (state.x != before).any(dim=1)
            samples.append(_array(state.cv))
        stuck = int((~moved).sum())
        if 2 * stuck > len(moved):
            raise ArithmeticError(
                f"{stuck} of {len(moved)} chains did not move in {PILOT_MOVES} local moves of {moves.steps} steps: "
                "shorten run.local_timestep"
            )
        return self._group_state(state), np.stack(samples, axis=1)

    def take_turn(
        self, executor: Executor, group_state: GroupState, jump: int, learned: Learned
    ) -> "Future[TurnResult]":
        return executor.submit(self._turn, group_state.state, jump, learned)

    def _turn(self, state: EnsembleState, jump: int, learned: Learned) -> TurnResult:
        """Run one turn.

        Raises:
            UserFunctionError: the user's potential or CV fails.
        """
        with blaming(f"turn {jump}"):
            return self._turned(state, jump, learned)

    def _turned(self, state: EnsembleState, jump: int, learned: Learned) -> TurnResult:
        generator = self._generator(Purpose.TURN, jump)
        scale = tuple(self.scale.tolist())
        mover = EnsembleJump(self.paths, self.steps, learned.span, scale, learned.interim_free_energy, learned.skips)
        begun = time.perf_counter()
        jumped, info = mover.step(state, learned.proposal, generator)
        between = time.perf_counter()
        after, local = jumped, None
        if self.local is not None:
            after, local = self.local.step(jumped, self.paths, generator)
        rows = self._rows(jump, state, info, jumped, after, local)
        rows["flow_version"] = learned.proposal.version
        # Shared out, so that the sum over rows is the time that passed.
        rows["path_seconds"] = (between - begun) / len(rows)
        rows["local_seconds"] = (time.perf_counter() - between) / len(rows)
        return TurnResult(self._group_state(after), rows)

    def _rows(
        self,
        jump: int,
        before: EnsembleState,
        info: EnsembleInfo,
        jumped: EnsembleState,
        after: EnsembleState,
        local: LocalInfo | None,
    ) -> np.ndarray:
        """The turn as the store holds it, one row a chain."""
        path = info.path
        columns = {
            "accepted": info.accepted, "outcome": path.outcome, "steps": path.steps,
            "centre_old": info.start, "centre_new": info.end,
            "cv_old": before.cv, "cv_end": path.cv, "cv_kept": jumped.cv, "cv": after.cv,
            "log_q_old": info.log_q_old, "log_q_new": info.log_q_new,
            "work": path.work, "protocol_work": path.protocol_work, "heat": path.heat,
            "log_acceptance": info.log_acceptance, "log_survival": path.log_survival, "interim": path.interim,
        }  # fmt: skip
        if local is not None:
            columns |= {
                "local_accepted": local.accepted, "local_outcome": local.path.outcome,
                "local_steps": local.path.steps, "local_work": local.path.work,
            }  # fmt: skip
        return _table(columns, self.walkers, jump)

    def _group_state(self, state: EnsembleState) -> GroupState:
        shape = self.paths.kernel.potential.shape
        return GroupState(state, [Frame(x, None) for x in _array(state.x).reshape(-1, *shape)])

    def _generator(self, purpose: Purpose, index: int) -> torch.Generator:
        return seeded_generator(sequence(self.seed, purpose, index), self.device)


def _table(columns: Mapping[str, torch.Tensor], walkers: tuple[int, ...], jump: int) -> np.ndarray:
    rows = np.zeros(len(walkers), dtype=turn_type(columns["cv"].shape[1]))
    rows["walker"], rows["jump"] = walkers, jump
    for name, column in columns.items():
        rows[name] = column.cpu().numpy()
    return rows


def _array(x: torch.Tensor) -> np.ndarray:
    """As the store holds it, in double precision."""
    return x.cpu().double().numpy()


def one_thread(threads: int | None) -> ThreadPoolExecutor:
    """An executor for turns: one worker thread of this process, whose torch uses so many cores (one if not said)."""
    return ThreadPoolExecutor(1, "chains", initializer=torch.set_num_threads, initargs=(threads or 1,))
