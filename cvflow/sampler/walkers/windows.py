"""Windows along a CV, as umbrella sampling has them, and paths from one to the next; what workers do.

A window is the system with a restraint at rest. It is sampled by the engine's own paths, from fresh velocities,
accepted on their work: exactly, at any time step.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.core.acceptance import accepts, log_acceptance
from cvflow.core.frames import Frame, Looks, Outcome, PathResult, Point, Steering
from cvflow.core.streams import Purpose, stream
from cvflow.engines.base import Engine, EngineSpec
from cvflow.sampler.local import drawn_steps
from cvflow.sampler.walkers.process import engine_for

_WARM = 10
"""A start is warmed up for one part in so many of the steps to each window."""


class Drag(NamedTuple):
    """An order to bring a start from window to window.

    Attributes:
        frame: the start.
        centres: of the windows, in the order in which they are reached.
        kappa: spring constants; zero for CVs that are left alone.
        steps: time steps to each of them.
        friction: of the dynamics [1/ps].
        seed: of the run.
        number: of the drag.
    """

    frame: Frame
    centres: tuple[Point, ...]
    kappa: Point
    steps: int
    friction: float
    seed: int
    number: int

    @property
    def warming(self) -> int:
        """Time steps at the start."""
        return max(1, self.steps // _WARM)

    @property
    def effort(self) -> int:
        """Time steps."""
        return self.warming + len(self.centres) * self.steps


class Window(NamedTuple):
    """A window, and what to do in it.

    Attributes:
        frame: where it begins.
        centre: of the restraint.
        kappa: spring constants; zero for CVs that are left alone.
        onward: centres to which paths lead from here.
        equilibration: time steps before the first path.
        between: time steps between the starts of two paths.
        move: time steps of one accepted or refused move, on average.
        paths: to each of those centres.
        steps: time steps of a path.
        seed: of the run.
        number: of the window.
    """

    frame: Frame
    centre: Point
    kappa: Point
    onward: tuple[Point, ...]
    equilibration: int
    between: int
    move: int
    paths: int
    steps: int
    seed: int
    number: int

    @property
    def effort(self) -> int:
        """Time steps, about."""
        return self.equilibration + self.paths * (self.between + len(self.onward) * self.steps)


class Passages(NamedTuple):
    """Paths from one window to another, at some points of their way, both ends included.

    Attributes:
        fraction: of the restraint's way that is behind, the same for all paths.
        work: so far [kT].
        cv: ξ(x).
    """

    fraction: Float[np.ndarray, " looks"]
    work: Float[np.ndarray, "paths looks"]
    cv: Float[np.ndarray, "paths looks cvs"]


class WindowPaths(NamedTuple):
    """What was done in a window.

    Attributes:
        passages: to each of the centres onward.
        held: time steps in the window.
        pulled: time steps of paths.
        acceptance: of the moves in the window.
    """

    passages: tuple[Passages, ...]
    held: int
    pulled: int
    acceptance: float


def drag(spec: EngineSpec, order: Drag) -> list[Frame]:
    """Bring a start from window to window, slowly; the configuration in each.

    Raises:
        ArithmeticError: a path did not get to its end.
    """
    engine, rng = engine_for(spec), stream(order.seed, Purpose.PULL, 0, order.number)
    warm = engine.free_path(engine.relaxed(order.frame), order.warming, order.friction, rng)
    frame, here, frames = _ended(warm).frame, warm.cv, list[Frame]()
    for centre in order.centres:
        frame = _ended(engine.steer(frame, Steering(here, centre, order.kappa, order.steps), rng)).frame
        frames.append(frame)
        here = centre
    return frames


def sample_window(spec: EngineSpec, window: Window) -> WindowPaths:
    """Equilibrate a window, then draw starts from it, one after the other, and run paths to its neighbours from each.

    Raises:
        ArithmeticError: a path did not get to its end.
    """
    engine, rng = engine_for(spec), stream(window.seed, Purpose.PULL, 1, window.number)
    chain = _Chain(engine, window, rng, window.frame)
    chain.go(window.equilibration)
    found: list[list[tuple[Point, PathResult]]] = [[] for _ in window.onward]
    for _ in range(window.paths):
        chain.go(window.between)
        begun = engine.cv_values(chain.frame)
        for target, paths in zip(window.onward, found, strict=True):
            order = Steering(window.centre, target, window.kappa, window.steps)
            paths.append((begun, _ended(engine.steer(chain.frame, order, rng))))
    pulled = sum(path.steps for paths in found for _, path in paths)
    return WindowPaths(tuple(map(_passages, found)), chain.steps, pulled, chain.accepted / max(1, chain.moves))


@dataclass
class _Chain:
    """A configuration that moves in a window."""

    engine: Engine
    window: Window
    rng: np.random.Generator
    frame: Frame
    steps: int = 0
    moves: int = 0
    accepted: int = 0

    def go(self, steps: int) -> None:
        """Move for about so many time steps: in parts of random length, each accepted on its work, or undone."""
        until = self.steps + steps
        while self.steps < until:
            part = drawn_steps(min(self.window.move, steps), self.rng)
            at_rest = Steering(self.window.centre, self.window.centre, self.window.kappa, part)
            path = self.engine.steer(self.frame, at_rest, self.rng)
            accepted = accepts(log_acceptance(0.0, 0.0, path.work), self.rng) and path.outcome is Outcome.COMPLETED
            self.frame = path.frame if accepted else self.frame
            self.steps, self.moves, self.accepted = self.steps + part, self.moves + 1, self.accepted + accepted


def _passages(found: list[tuple[Point, PathResult]]) -> Passages:
    """Both ends, and what was seen in between."""
    looks = [path.looks or Looks(np.zeros(0), np.zeros(0), np.zeros((0, len(begun)))) for begun, path in found]
    ends = list(zip(found, looks, strict=True))
    return Passages(
        np.array([0.0, *looks[0].fraction, 1.0]),
        np.array([[0.0, *seen.work, path.work] for (_, path), seen in ends]),
        np.array([[begun, *seen.cv, path.cv] for (begun, path), seen in ends]),
    )


def _ended(path: PathResult) -> PathResult:
    """A path that got to its end: works that leave some out are others than those of the system.

    Raises:
        ArithmeticError: it did not.
    """
    if path.outcome is not Outcome.COMPLETED:
        raise ArithmeticError(f"a path between two windows {path.outcome.words}: is the time step too long?")
    return path
