"""Paths of many chains at once: the schedule, each chain's own length, and the steps in blocks."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cvflow.cv.batch import Batch, Points
from cvflow.potential import Each
from cvflow.relax.base import Ending, Needs, Noise, RelaxationKernel, normals, uniforms
from cvflow.schedule import Schedule
from cvflow.state import Outcome

Lengths = Int[np.ndarray, "chains"]


class BatchPath(NamedTuple):
    """What paths return, one row a chain; works in kT.

    `outcome` counts through `cvflow.state.Outcome`; a path that failed has work NaN, and x and cv of its start.
    """

    x: Batch
    cv: Points
    work: Each
    protocol_work: Each
    heat: Each
    steps: Int[Tensor, "chains"]
    outcome: Int[Tensor, "chains"]


class _Stretch(NamedTuple):
    """Points of the schedules, and which chains are still under way, for some steps ahead."""

    centres: Float[Tensor, "centres chains cvs"]
    active: Bool[Tensor, "steps chains"]


_AHEAD = 32
"""Blocks whose schedule is made at once."""


@dataclass(frozen=True)
class Paths:
    """Drives batches of chains along a schedule by a relaxation kernel.

    Chains are sorted by the lengths of their paths, so that those still under way are always the first ones, and a
    block of steps runs on these alone: a long path holds up nobody but itself.

    Attributes:
        kernel: what a step is.
        schedule: how the CV gets from start to end.
        block: steps between two looks at which chains are done; also what is compiled as one piece.
        compiled: whether blocks go through torch.compile, which pays for many steps and few chains.
    """

    kernel: RelaxationKernel
    schedule: Schedule
    block: int = 8
    compiled: bool = False

    def drive(self, x: Batch, start: Points, end: Points, lengths: Lengths, generator: torch.Generator) -> BatchPath:
        """Run one path a chain, from CV `start` to CV `end` in `lengths` steps.

        Args:
            x: configurations; for a kernel that holds the CV exactly, ξ(x) = start.
            start: first points of the schedules.
            end: last points.
            lengths: steps of each path, at least one.
            generator: source of all random numbers.
        """
        order = np.argsort(-lengths, kind="stable")
        arranged = torch.as_tensor(order, device=x.device)
        lengths, begun = lengths[order], x[arranged]
        first, way = start[arranged], self._way(start, end)[arranged]
        with torch.no_grad():
            state = self._start(begun, first, self._noise(self.kernel.start_needs, begun, generator))
            state = self._march(state, first, way, lengths, generator)
            ending = self._finish(state, first + way)
            steps = torch.as_tensor(lengths.astype(np.int64), device=x.device)
            path = _judged(ending, begun, self.kernel, steps)
        back = torch.as_tensor(np.argsort(order, kind="stable"), device=x.device)
        return BatchPath._make(field[back] for field in path)

    def _way(self, start: Points, end: Points) -> Points:
        return self.kernel.cv.wrapped(end - start)

    def _march(self, state: Any, first: Points, way: Points, lengths: Lengths, generator: torch.Generator) -> Any:
        """All steps of all paths; `lengths` falls, so the paths still under way come first."""
        kind, done = type(state), []
        # A compiled block has its length; any other need not be longer than the longest path.
        block = self.block if self.compiled else min(self.block, int(lengths.max(initial=1)))
        for begin in range(0, int(lengths.max(initial=0)), block):
            # Two at least: torch.compile takes a single chain for another program.
            under_way = max(int(np.searchsorted(-lengths, -begin, side="left")), min(2, len(lengths)))
            if under_way < len(state[0]):
                done.append(kind(*(field[under_way:] for field in state)))
                state = kind(*(field[:under_way].clone() for field in state))
            if begin % (_AHEAD * block) == 0:
                ahead = min(begin + _AHEAD * block, -(-int(lengths[0]) // block) * block)
                stretch = self._stretch(begin, ahead, first[:under_way], way[:under_way], lengths[:under_way])
            here = slice(begin % (_AHEAD * block), begin % (_AHEAD * block) + block)
            # Copies, not views: torch.compile makes another program for every layout.
            centres = stretch.centres[here.start : here.stop + 1, :under_way].clone(
                memory_format=torch.contiguous_format
            )
            active = stretch.active[here, :under_way].clone(memory_format=torch.contiguous_format)
            noise = self._noise(self.kernel.step_needs, state[0], generator, block)
            state = self._run_block(state, centres, active, noise)
        return kind(*(torch.cat([field, *(part[i] for part in reversed(done))]) for i, field in enumerate(state)))

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
    def _run_block(self) -> Callable[..., Any]:
        def run(state: Any, centres: Tensor, active: Tensor, noise: Noise) -> Any:
            return run_block(self.kernel, state, centres, active, noise)

        return compiled(run) if self.compiled else run

    @cached_property
    def _start(self) -> Callable[..., Any]:
        return compiled(lambda *arguments: self.kernel.start(*arguments)) if self.compiled else self.kernel.start

    @cached_property
    def _finish(self) -> Callable[..., Any]:
        return compiled(lambda *arguments: self.kernel.finish(*arguments)) if self.compiled else self.kernel.finish

    def _noise(self, needs: Needs, like: Batch, generator: torch.Generator, *block: int) -> Noise:
        """Random numbers from the one generator, on its device, for a block of steps or for a start."""
        if needs == Needs():
            return Noise(like.new_empty((*block, 0)), like.new_empty((*block, 0)))
        normal = normals((*block, needs.normals, *like.shape), like, generator)
        return Noise(normal, uniforms((*block, needs.uniforms, len(like)), like, generator))


def run_block(
    kernel: RelaxationKernel,
    state: Any,
    centres: Float[Tensor, "centres chains cvs"],
    active: Bool[Tensor, "steps chains"],
    noise: Noise,
) -> Any:
    """Some steps of the chains that still have some to go; the others stay as they are."""
    for k in range(len(active)):
        moved = kernel.step(state, centres[k], centres[k + 1], Noise(noise.normal[k], noise.uniform[k]))
        state = type(state)(*(_chosen(active[k], new, old) for new, old in zip(moved, state, strict=True)))
    return state


def _chosen(keep: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(keep.reshape(-1, *(1,) * (new.ndim - 1)), new, old)


def _judged(ending: Ending, begun: Batch, kernel: RelaxationKernel, steps: Int[Tensor, "chains"]) -> BatchPath:
    """Outcome of each path. A path that is not finite at its end has failed: finite is never reached again from it."""
    finite = torch.isfinite(ending.work) & torch.isfinite(ending.x).all(dim=1)
    completed = finite & ending.converged
    outcomes = list(Outcome)
    failed = torch.where(ending.converged, outcomes.index(Outcome.DIVERGED), outcomes.index(Outcome.UNCONVERGED))
    outcome = torch.where(completed, outcomes.index(Outcome.COMPLETED), failed)
    x = torch.where(completed[:, None], ending.x, begun)
    work, protocol_work, heat = (
        torch.where(completed, work, torch.nan) for work in (ending.work, ending.protocol_work, ending.heat)
    )
    return BatchPath(x, kernel.cv.value(x), work, protocol_work, heat, steps, outcome)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function through torch.compile, for any number of chains.

    torch counts recompilations by code object, so each function gets one of its own: or a process with several systems
    would soon run uncompiled.
    """
    function.__code__ = function.__code__.replace()
    return torch.compile(function, dynamic=True)


def compiler_available() -> bool:
    """Whether torch.compile finds the C++ compiler that it needs on a CPU."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return False
    return True


def compile_or_not(wanted: bool) -> bool:
    """Whether to compile; where no compiler is found, say so and go on without."""
    if wanted and not compiler_available():
        warnings.warn(
            "no C++ compiler found (g++ or clang++, or CXX): paths run without torch.compile, several times slower",
            stacklevel=2,
        )
        return False
    return wanted
