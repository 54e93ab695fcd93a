"""Paths of many chains at once: the schedule, each chain's own length, and the steps in blocks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cvflow.core.early_rejection import EarlyRejection, PathMonitor
from cvflow.core.frames import Outcome
from cvflow.core.schedule import Schedule
from cvflow.cv.batch import Batch, Each, Points
from cvflow.engines.batch.compilation import compiled
from cvflow.engines.batch.kernels.base import Ending, KernelState, Needs, Noise, RelaxationKernel, normals, uniforms

Lengths = Int[np.ndarray, " chains"]


class BatchPath(NamedTuple):
    """What paths return, one row a chain; works in kT.

    `outcome` is the code of a `cvflow.core.frames.Outcome`; a path that failed or was given up has work NaN, and x and
    cv of its start. `log_survival` is the log probability of not being given up before the end, given the path;
    `interim` the work at the knots of `cvflow.core.early_rejection.FRACTIONS`, NaN where nobody looked.
    """

    x: Batch
    cv: Points
    work: Each
    protocol_work: Each
    heat: Each
    steps: Int[Tensor, " chains"]
    outcome: Int[Tensor, " chains"]
    log_survival: Each
    interim: Float[Tensor, "chains knots"]


class _Stretch(NamedTuple):
    """Points of the schedules, and which chains are still under way, for some steps ahead."""

    centres: Float[Tensor, "centres chains cvs"]
    active: Bool[Tensor, "steps chains"]

    def taken(self, rows: Int[Tensor, " rows"]) -> "_Stretch":
        return _Stretch(self.centres[:, rows], self.active[:, rows])


_AHEAD = 32
"""Blocks whose schedule is made at once."""


@dataclass(frozen=True)
class Paths(Generic[KernelState]):
    """Drives batches of chains along a schedule by a relaxation kernel.

    A block of steps runs on the chains that are still under way: a long path holds up nobody but itself.

    Attributes:
        kernel: what a step is.
        schedule: how the CV gets from start to end.
        block: steps between two looks at which chains are done; also what is compiled as one piece.
        compiled: whether blocks go through torch.compile, which pays for many steps and few chains.
        patience: steps between two looks at whether a path is to be given up, at least; each look costs an energy.
    """

    kernel: RelaxationKernel[KernelState]
    schedule: Schedule
    block: int = 8
    compiled: bool = False
    patience: int = 16

    @property
    def look(self) -> int:
        """Steps between two looks at whether a path is to be given up; its length is a multiple of them, or shorter."""
        return self.block * -(-self.patience // self.block)

    def drive(
        self,
        x: Batch,
        start: Points,
        end: Points,
        lengths: Lengths,
        generator: torch.Generator,
        criterion: EarlyRejection | None = None,
    ) -> BatchPath:
        """Run one path a chain, from CV `start` to CV `end` in `lengths` steps.

        Args:
            x: configurations; for a kernel that holds the CV exactly, ξ(x) = start.
            start: first points of the schedules.
            end: last points.
            lengths: steps of each path, at least one.
            generator: source of all random numbers.
            criterion: what decides the paths, to give them up on their way; all are run to their end without. Paths
                longer than `look` must be multiples of it then.
        """
        way = self._way(start, end)
        monitor = PathMonitor(lengths, criterion)
        with torch.no_grad():
            state = self._start(x, start, self._noise(self.kernel.start_needs, x, generator))
            state = self._march(state, start, way, monitor, generator)
            ending = self._finish(state, start + way)
            return _judged(ending, x, self.kernel, monitor)

    def _way(self, start: Points, end: Points) -> Points:
        return self.kernel.cv.wrapped(end - start)

    def _march(
        self, state: KernelState, first: Points, way: Points, monitor: PathMonitor, generator: torch.Generator
    ) -> KernelState:
        """All steps of all paths."""
        done, lengths = [], monitor.lengths
        rows = np.arange(len(lengths))
        # A compiled block has its length; any other need not be longer than the longest path.
        block = self.block if self.compiled else min(self.block, int(lengths.max(initial=1)))
        begin, stretch = 0, self._stretch(0, 0, first, way, lengths)
        while (under_way := rows[monitor.ends[rows] > begin]).size:
            place = begin // block % _AHEAD
            # Two at least: torch.compile takes a single chain for another program.
            if len(under_way) < min(2, len(rows)):
                under_way = np.sort([under_way[0], rows[rows != under_way[0]][0]])
            if len(under_way) < len(rows):
                left = np.setdiff1d(rows, under_way, assume_unique=True)
                done.append((left, _taken(state, np.searchsorted(rows, left))))
                stay = np.searchsorted(rows, under_way)
                state, rows = _taken(state, stay), under_way
                if place:
                    stretch = stretch.taken(torch.as_tensor(stay, device=first.device))
            if place == 0:
                longest = int(monitor.ends[rows].max())
                ahead = min(begin + _AHEAD * block, begin + -(-(longest - begin) // block) * block)
                here = torch.as_tensor(rows, device=first.device)
                stretch = self._stretch(begin, ahead, first[here], way[here], lengths[rows])
            steps = slice(place * block, (place + 1) * block)
            # Copies, not views: torch.compile makes another program for every layout.
            centres = stretch.centres[steps.start : steps.stop + 1].clone(memory_format=torch.contiguous_format)
            active = stretch.active[steps].clone(memory_format=torch.contiguous_format)
            noise = self._noise(self.kernel.step_needs, state[0], generator, block)
            state = self._run_block(state, centres, active, noise)
            begin += block
            if monitor.criterion is not None and begin % self.look == 0:
                work = self._finish(state, centres[-1]).work
                fraction = self.schedule.fraction(np.minimum(begin / lengths[rows], 1.0))
                monitor.look(begin, rows, fraction, work.cpu().double().numpy())
        return _gathered([*done, (rows, state)])

    def _stretch(self, begin: int, end: int, first: Points, way: Points, lengths: Lengths) -> "_Stretch":
        """The schedule of the next blocks: made at once, since it costs as much for one block as for many."""
        at = np.arange(begin, end + 1)
        time = np.minimum(at[:, None] / lengths, 1.0)
        fraction = self.schedule.fraction(time.reshape(-1)).reshape(time.shape)
        moved = torch.as_tensor(fraction, dtype=first.dtype, device=first.device)
        # lerp is exact at both ends, and the same from either.
        centres = torch.lerp(first, first + way, moved[:, :, None])
        return _Stretch(centres, torch.as_tensor(at[:-1, None] < lengths, device=first.device))

    @cached_property
    def _run_block(self) -> Callable[[KernelState, Tensor, Tensor, Noise], KernelState]:
        def run(state: KernelState, centres: Tensor, active: Tensor, noise: Noise) -> KernelState:
            return run_block(self.kernel, state, centres, active, noise)

        return compiled(run) if self.compiled else run

    @cached_property
    def _start(self) -> Callable[[Batch, Points, Noise], KernelState]:
        return compiled(lambda *arguments: self.kernel.start(*arguments)) if self.compiled else self.kernel.start

    @cached_property
    def _finish(self) -> Callable[[KernelState, Points], Ending]:
        return compiled(lambda *arguments: self.kernel.finish(*arguments)) if self.compiled else self.kernel.finish

    def _noise(self, needs: Needs, like: Batch, generator: torch.Generator, *block: int) -> Noise:
        """Random numbers from the one generator, on its device, for a block of steps or for a start."""
        if needs == Needs():
            return Noise(like.new_empty((*block, 0)), like.new_empty((*block, 0)))
        normal = normals((*block, needs.normals, *like.shape), like, generator)
        return Noise(normal, uniforms((*block, needs.uniforms, len(like)), like, generator))


def run_block(
    kernel: RelaxationKernel[KernelState],
    state: KernelState,
    centres: Float[Tensor, "centres chains cvs"],
    active: Bool[Tensor, "steps chains"],
    noise: Noise,
) -> KernelState:
    """Some steps of the chains that still have some to go; the others stay as they are."""
    for k in range(len(active)):
        moved = kernel.step(state, centres[k], centres[k + 1], Noise(noise.normal[k], noise.uniform[k]))
        state = _like(state, (_chosen(active[k], new, old) for new, old in zip(moved, state, strict=True)))
    return state


def _chosen(keep: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(keep.reshape(-1, *(1,) * (new.ndim - 1)), new, old)


def _like(state: KernelState, tensors: Iterable[Tensor]) -> KernelState:
    """A state of the same kind."""
    return type(state)(*tensors)


def _taken(state: KernelState, rows: np.ndarray) -> KernelState:
    index = torch.as_tensor(rows, device=state[0].device)
    return _like(state, (field[index] for field in state))


def _gathered(parts: list[tuple[np.ndarray, KernelState]]) -> KernelState:
    """States of all chains in their own order."""
    if len(parts) == 1:
        return parts[0][1]
    back = np.argsort(np.concatenate([rows for rows, _ in parts]), kind="stable")
    index = torch.as_tensor(back, device=parts[0][1][0].device)
    return _like(parts[0][1], (torch.cat(fields)[index] for fields in zip(*(state for _, state in parts), strict=True)))


def _judged(ending: Ending, begun: Batch, kernel: RelaxationKernel, monitor: PathMonitor) -> BatchPath:
    """Outcome of each path. A path that is not finite at its end has failed: finite is never reached again from it."""
    finite = torch.isfinite(ending.work) & torch.isfinite(ending.x).all(dim=1)
    given_up = torch.as_tensor(monitor.given_up, device=begun.device)
    completed = finite & ending.converged & ~given_up
    failed = torch.where(ending.converged, Outcome.DIVERGED, Outcome.UNCONVERGED)
    outcome = torch.where(completed, Outcome.COMPLETED, failed)
    outcome = torch.where(given_up, Outcome.GIVEN_UP, outcome)
    x = torch.where(completed[:, None], ending.x, begun)
    work, protocol_work, heat = (
        torch.where(completed, work, torch.nan) for work in (ending.work, ending.protocol_work, ending.heat)
    )
    steps = torch.as_tensor(monitor.ends, device=begun.device)
    seen = monitor.log_survival, monitor.interim(work.cpu().double().numpy())
    log_survival, interim = (torch.as_tensor(column).to(begun) for column in seen)
    return BatchPath(x, kernel.cv.value(x), work, protocol_work, heat, steps, outcome, log_survival, interim)
