"""All chains of the batch engine as one group: they jump and move together, in one process."""

import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from cvflow.core.frames import Frame
from cvflow.core.streams import Purpose, sequence
from cvflow.core.torch_streams import seeded_generator
from cvflow.engines.batch.paths import Paths
from cvflow.host.faults import blaming
from cvflow.sampler.ensemble import EnsembleMove, EnsembleState, let_by, step
from cvflow.sampler.jump_proposal import JumpProposal, Learned
from cvflow.sampler.walkers.base import EquilibratedGroup, GroupState, TurnResult, WalkerGroup
from cvflow.sampler.walkers.turn_rows import CVsOfATurn, Seconds, turn_rows


@dataclass(frozen=True)
class BatchGroup(WalkerGroup[EnsembleState]):
    """All chains of a run, which take their turns as one batch.

    Attributes:
        walkers: their numbers.
        seed: of all random numbers.
        paths: how jumps are realised.
        jump: how they are proposed.
        local: the move after each jump, or none.
        dtype: of the configurations.
        device: where they lie.
        threads: cores that torch uses.
    """

    walkers: tuple[int, ...]
    seed: int
    paths: Paths
    jump: JumpProposal
    local: EnsembleMove | None
    dtype: torch.dtype
    device: torch.device
    threads: int = 1

    def state_at(self, x: Float[np.ndarray, " chains *shape"]) -> GroupState[EnsembleState]:
        """Where the chains stand, given their configurations."""
        flat = torch.as_tensor(x, dtype=self.dtype, device=self.device).flatten(1)
        return self._group_state(EnsembleState(flat, self.paths.kernel.cv.value(flat)))

    def equilibrated(
        self, group_state: GroupState[EnsembleState], moves: EnsembleMove, samples: int
    ) -> EquilibratedGroup[EnsembleState]:
        """Sample the starts' surroundings by so many local moves.

        Raises:
            ArithmeticError: most chains never moved: the time step is too long, or the starts are bad.
            UserFunctionError: the user's potential or CV fails.
        """
        torch.set_num_threads(self.threads)
        with blaming("equilibration"):
            return self._equilibrated(group_state.state, moves, samples)

    def _equilibrated(
        self, state: EnsembleState, moves: EnsembleMove, samples: int
    ) -> EquilibratedGroup[EnsembleState]:
        visited, steps = [], 0
        generator = self._generator(Purpose.EQUILIBRATION, 0)
        moved = torch.zeros(len(self.walkers), dtype=torch.bool, device=self.device)
        for _ in range(samples):
            before = state.x
            state, info = moves.step(state, self.paths, generator)
            steps += int(info.path.steps.sum())
            moved |= (state.x != before).any(dim=1)
            visited.append(_array(state.cv))
        stuck = int((~moved).sum())
        if 2 * stuck > len(moved):
            raise ArithmeticError(
                f"{stuck} of {len(moved)} chains did not move in {samples} local moves of {moves.steps} "
                "steps: shorten run.local_timestep"
            )
        return EquilibratedGroup(self._group_state(state), np.stack(visited, axis=1), steps)

    def take_turn(
        self, executor: Executor, group_state: GroupState[EnsembleState], jump: int, learned: Learned
    ) -> "Future[TurnResult[EnsembleState]]":
        return executor.submit(self._turn, group_state.state, jump, learned)

    def _turn(self, state: EnsembleState, jump: int, learned: Learned) -> TurnResult[EnsembleState]:
        """Run one turn.

        Raises:
            UserFunctionError: the user's potential or CV fails.
        """
        torch.set_num_threads(self.threads)
        with blaming(f"turn {jump}"):
            return self._turned(state, jump, learned)

    def _turned(self, state: EnsembleState, jump: int, learned: Learned) -> TurnResult[EnsembleState]:
        generator = self._generator(Purpose.TURN, jump)
        begun = time.perf_counter()
        jumped, info = step(state, self.jump, learned, self.paths, generator)
        between = time.perf_counter()
        after, local = jumped, None
        if self.local is not None:
            after, local = self.local.step(jumped, self.paths, generator)
            after, local = let_by(learned.state_bias, jumped, after, local, generator)
        cvs = CVsOfATurn(state.cv, jumped.cv, after.cv)
        info, local, cvs = (_in_numpy(part) for part in (info, local, cvs))
        seconds = Seconds(between - begun, time.perf_counter() - between)
        return TurnResult(self._group_state(after), turn_rows(self.walkers, jump, info, local, cvs, seconds))

    def _group_state(self, state: EnsembleState) -> GroupState[EnsembleState]:
        shape = self.paths.kernel.potential.shape
        return GroupState(state, [Frame(x, None) for x in _array(state.x).reshape(-1, *shape)])

    def _generator(self, purpose: Purpose, index: int) -> torch.Generator:
        return seeded_generator(sequence(self.seed, purpose, index), self.device)


def _in_numpy(part: Any) -> Any:
    """A result with arrays in the place of its tensors, however deep."""
    if isinstance(part, torch.Tensor):
        return part.cpu().numpy()
    if isinstance(part, tuple) and hasattr(part, "_fields"):
        return type(part)(*map(_in_numpy, part))
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{item.name: _in_numpy(getattr(part, item.name)) for item in fields(part)})
    return part


def _array(x: torch.Tensor) -> np.ndarray:
    """As the store holds it, in double precision."""
    return x.cpu().double().numpy()


def one_thread() -> ThreadPoolExecutor:
    """An executor for turns: one worker thread of this process."""
    return ThreadPoolExecutor(1, "chains")
