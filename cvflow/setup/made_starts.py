"""Starts for states that have none: pulled there from another state's, looked at, and told in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cvflow.config.resolved import PathSettings
from cvflow.core.frames import Frame, Outcome, Point
from cvflow.core.periodic import wrapped
from cvflow.cv import CollectiveVariable, Torsion
from cvflow.engines.base import EngineSpec
from cvflow.engines.verlet import VerletSpec
from cvflow.sampler.walkers.pulling import Pull, Pulled, pull
from cvflow.setup.specification import Setup
from cvflow.setup.starts.region import deciding, points_inside
from cvflow.setup.starts.same_geometry import changes
from cvflow.setup.starts.walker_starts import in_turn, opened, start_notes

TARGETS = 3
"""Points of a state that are tried, one after the other."""

LEVELS = 3
"""How often each is tried, slower and with stiffer springs each time."""

FRICTION = 1.0
"""Of the way there [1/ps]."""

LONGER = 10
"""How many times as long as `path.steps` the first way is."""

SHORTEST = 10_000
"""Time steps of the first way, at least."""

STRAY = 0.1
"""Standard deviation of λ around ξ(x) on the first way, in units of the way's length."""


class MadeStart(NamedTuple):
    """A structure, how it was made, and the time steps that it took, failures included."""

    frame: Frame
    words: str
    steps: int


class NoStartError(ArithmeticError):
    """No start could be made.

    Attributes:
        steps: time steps that were made in vain.
    """

    def __init__(self, message: str, steps: int) -> None:
        super().__init__(message)
        self.steps = steps


class Origin(NamedTuple):
    """A start that there is: its state's name, its structure and its CVs."""

    name: str
    frame: Frame
    cv: Point


Engines = Callable[[PathSettings], EngineSpec]


def with_made_starts(
    setup: Setup, engine: Engines, given: Mapping[str, Frame], missing: Sequence[str], executor: Executor
) -> tuple[Setup, tuple[Frame, ...]]:
    """The run with starts for the missing states, and the frames of all its walkers.

    Args:
        setup: the run, with the starts that there are.
        engine: what its settings of paths make of the system.
        given: structures that there are, by their states' names.
        missing: states whose starts are to be made.
        executor: where the work is done.

    Raises:
        ArithmeticError: one could not be made, and walkers would start in fewer than two states.
    """
    made, faults, steps = dict[str, MadeStart](), list[str](), setup.equilibration_steps
    for name in missing:
        try:
            made[name] = made_start(setup, engine, given, name, executor)
            steps += made[name].steps
        except NoStartError as error:
            steps += error.steps
            if len(given) + len(made) + len(missing) - missing.index(name) - 1 < 2:
                raise
            faults.append(f"warning: {error}")
    assert setup.opening is not None
    frames = {**given, **{name: each.frame for name, each in made.items()}}
    said = (*setup.opening.said, *((name, each.words) for name, each in made.items()))
    starts = in_turn(list(frames.values()), list(frames), setup.settings.run.walkers, said)
    if setup.images is not None:
        setup.images.check_starts(frames.items())
    evaluate = _cvs(_spec(setup, engine))
    points = {name: evaluate(frame) for name, frame in frames.items()}
    opening = opened(setup.states, starts.names, np.array([points[name] for name in starts.names]), starts.said)
    new = [note for note in (*faults, *start_notes(opening)) if note not in setup.notes]
    kept = {name: each.frame for name, each in made.items()}
    notes = (*setup.notes, *new)
    return replace(setup, opening=opening, notes=notes, made=kept, equilibration_steps=steps), starts.frames


def made_start(setup: Setup, engine: Engines, origins: Mapping[str, Frame], name: str, executor: Executor) -> MadeStart:
    """A start for the named state.

    Args:
        setup: the run.
        engine: what its settings of paths make of the system.
        origins: structures that there are, by their states' names.
        name: of the state.
        executor: where the work is done.

    Raises:
        NoStartError: none could be made; the message says why.
    """
    state = setup.states.names.index(name)
    spec = _spec(setup, engine)
    evaluate = _cvs(spec)
    found = [Origin(*item, evaluate(item[1])) for item in origins.items()]
    ranges = [cv.range for cv in spec.cvs]
    tried: list[str] = []
    steps = 0
    for origin, target in _ways(setup, state, found, ranges):
        for level in range(LEVELS):
            order = _pull(setup, origin, target, state, level, len(tried))
            pulled = executor.submit(pull, spec, order, setup.states, FRICTION).result()
            steps += pulled.steps
            fault = _fault(setup, spec.cvs, pulled, state)
            if fault is None:
                return _made(setup, spec, origin, order, pulled, state)._replace(steps=steps)
            tried.append(f"pulled to {_at(setup, state, target)}, {fault}")
    reason = f"{tried[-1]} ({len(tried)} ways were tried)" if tried else "no point of it was found by its expression"
    raise NoStartError(
        f"the state {name} has no start, and none could be made from {' or '.join(origins)}: {reason}; give one, "
        f"starts.{name}",
        steps,
    )


def _spec(setup: Setup, engine: Engines) -> VerletSpec:
    """The engine of the way."""
    spec = engine(replace(setup.settings.path, friction=FRICTION, schedule="linear"))
    assert isinstance(spec, VerletSpec)
    return spec


def _cvs(spec: VerletSpec) -> Callable[[Frame], Point]:
    engine = spec.build()
    return engine.cv_values


def _ways(
    setup: Setup, state: int, origins: list[Origin], ranges: list[tuple[float, float]]
) -> Iterator[tuple[Origin, Point]]:
    """Points of the state, each with the start that lies nearest to it; those of another start's if it has none."""
    periods = np.array(setup.space.periods)
    first = origins[0]
    for target in points_inside(setup.states, state, first.cv, periods, ranges, TARGETS):
        named = deciding(setup.states, state)
        distances = [np.abs(wrapped(target - origin.cv, periods))[named].sum() for origin in origins]
        origin = origins[int(np.argmin(distances))]
        yield origin, np.where(np.isin(np.arange(len(target)), named), target, origin.cv)


def _pull(setup: Setup, origin: Origin, target: Point, state: int, level: int, attempt: int) -> Pull:
    """The way, twice as slow and with springs four times as stiff at each level; CVs that do not decide are free."""
    periods = np.array(setup.space.periods)
    way = np.abs(wrapped(target - origin.cv, periods))
    named = np.isin(np.arange(len(way)), deciding(setup.states, state))
    stray = STRAY * np.maximum(way, 0.1 * way.max())
    kappa = np.where(named, 4.0**level * setup.kT / np.where(named, stray, 1.0) ** 2, 0.0)
    steps = 2**level * max(SHORTEST, LONGER * setup.settings.path.steps)
    return Pull(origin.frame, target, kappa, steps, state, setup.settings.run.seed, attempt)


def _fault(setup: Setup, cvs: tuple[CollectiveVariable, ...], pulled: Pulled, state: int) -> str | None:
    """What is wrong with where a way has ended."""
    if pulled.outcome is not Outcome.COMPLETED:
        return "the path diverged"
    if pulled.state != state:
        where = "no named state" if pulled.state < 0 else setup.states.names[pulled.state]
        return f"let go, it is in {where}, at {_at(setup, state, pulled.cv)}"
    if not np.isfinite(pulled.energy):
        return "its energy is not finite"
    if setup.topology is None:
        return None
    driven = [frozenset(cv.indices[1:3]) for cv in cvs if isinstance(cv, Torsion)]
    return next(changes(pulled.origin.positions, pulled.frame.positions, setup.topology, driven), None)


def _made(
    setup: Setup, spec: VerletSpec, origin: Origin, order: Pull, pulled: Pulled, state: int
) -> MadeStart:
    """The structure, to the digits that a PDB file has and put on its rigid bonds, as the kept file will be."""
    bonds = setup.topology.getNumBonds() if setup.topology is not None else 0
    checks = "bonds, chirality and amide bonds as before" if bonds else "no bonds are known, so none were looked at"
    warm = "" if pulled.relaxed else " (warm: its minimum lies elsewhere)"
    words = (
        f"made from {origin.name} by {order.steps} steps of pulling to {_at(setup, state, order.target)}: work "
        f"{pulled.work:.1f} kT, energy {pulled.energy:+.1f} kJ/mol{warm}, {checks}"
    )
    rounded = pulled.frame._replace(positions=np.round(pulled.frame.positions, 4))
    return MadeStart(spec.build().put_right(rounded), words, pulled.steps)


def _at(setup: Setup, state: int, point: Point) -> str:
    names = setup.space.names
    return ", ".join(f"{names[cv]} = {point[cv]:.3g}" for cv in deciding(setup.states, state))
