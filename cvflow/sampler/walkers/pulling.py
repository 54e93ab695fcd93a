"""Pulling a configuration into another state, slowly, to have a start there; what workers do.

No move of a chain: nothing is accepted, and nothing of it is counted.
"""

from typing import NamedTuple

from cvflow.core.frames import Frame, Outcome, Point, Steering
from cvflow.core.states import States
from cvflow.core.streams import Purpose, stream
from cvflow.engines.base import EngineSpec
from cvflow.engines.verlet import VerletEngine
from cvflow.sampler.walkers.process import engine_for


class Pull(NamedTuple):
    """An order to pull.

    Attributes:
        frame: from where.
        target: where the CVs shall be.
        kappa: spring constants; zero for CVs that are left alone.
        steps: time steps of the way.
        state: index of the state that it shall end in.
        seed: of the run.
        attempt: its number.
    """

    frame: Frame
    target: Point
    kappa: Point
    steps: int
    state: int
    seed: int
    attempt: int

    @property
    def effort(self) -> int:
        """Time steps, at most."""
        return 2 * self.steps  # and what goes downhill


class Pulled(NamedTuple):
    """Where a pull has ended.

    Attributes:
        outcome: of its way.
        origin: where it began, downhill in energy.
        frame: downhill in energy from where it ended, or where free dynamics leads from there, if the way down leaves
            the state.
        cv: CVs there.
        state: index of the state that it lies in; -1 for none.
        work: done on the way [kT].
        energy: there, against the origin's [kJ/mol].
        relaxed: whether that is downhill in energy.
        steps: time steps that were made.
    """

    outcome: Outcome
    origin: Frame
    frame: Frame
    cv: Point
    state: int
    work: float
    energy: float
    relaxed: bool
    steps: int


def pull(spec: EngineSpec, order: Pull, states: States, friction: float) -> Pulled:
    """Warm a configuration up, drag its CVs to the target, hold them there, let go, and look where it stays.

    Args:
        spec: the engine, with a friction for the way.
        order: what to pull, and where.
        states: the named states.
        friction: of the moves before [1/ps].
    """
    engine = engine_for(spec)
    assert isinstance(engine, VerletEngine)
    rng = stream(order.seed, Purpose.MADE_START, order.state, order.attempt)
    origin, moments = engine.relaxed(order.frame), max(1, order.steps // 10)
    warm = engine.free_path(origin, moments, friction, rng)
    way = engine.steer(warm.frame, Steering(warm.cv, order.target, order.kappa, order.steps), rng)
    held = engine.steer(way.frame, Steering(order.target, order.target, order.kappa, moments), rng)
    free = engine.free_path(held.frame, moments, friction, rng)
    paths = (warm, way, held, free)
    steps = sum(path.steps for path in paths)
    bad = [path.outcome for path in paths if path.outcome is not Outcome.COMPLETED]
    if bad:
        return Pulled(bad[0], origin, held.frame, held.cv, -1, way.work, float("nan"), False, steps)
    for frame in (engine.relaxed(held.frame), free.frame):
        cv = engine.cv_values(frame)
        state = int(states.assign(cv[None, : len(states.cv_names)])[0])
        if state == order.state:
            break
    relaxed = frame is not free.frame
    energy = engine.potential_energy(frame) - engine.potential_energy(origin)
    return Pulled(Outcome.COMPLETED, origin, frame, cv, state, way.work, energy, relaxed, steps)
