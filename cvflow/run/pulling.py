"""F along one CV by steered paths through stages: `cvflow pull`.

Windows lie at the ends of all stages. A start is dragged from window to window, slowly; each window is then sampled,
and paths lead from its samples to its neighbours.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from math import ceil
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow import __version__
from cvflow.config.pull_section import PullSection
from cvflow.config.settings import ConfigError
from cvflow.core.frames import Frame, Point
from cvflow.core.periodic import wrapped
from cvflow.engines.verlet import VerletSpec
from cvflow.estimate.grid import Axis
from cvflow.estimate.pull_summary import PulledStage, PullSteps, PullSummary, doubts
from cvflow.estimate.pulling import PulledPaths, PulledProfile, pulled_profile
from cvflow.sampler.walkers.windows import Drag, Passages, Window, WindowPaths, drag, sample_window
from cvflow.setup import Setup
from cvflow.setup.engine_walkers import EngineWalkers
from cvflow.setup.steered import SteeredCVs

DRAG_FRICTION = 1.0
"""On the way to the windows [1/ps]."""

WIDTHS_OF_A_STAGE = 4.0
"""kappa = "auto": widths of the restraint in a stage."""

REFUSED_MOVES = 0.1
"""Acceptance of moves in a window below which the time step is too long."""


class Way(NamedTuple):
    """A way along one CV, in stages.

    Attributes:
        cv: its number.
        centres: of the windows; on a circle unrolled.
        kappa: spring constant.
        steps: time steps of a path through a stage.
        given: what the config says of it.
    """

    cv: int
    centres: Float[np.ndarray, " windows"]
    kappa: float
    steps: int
    given: PullSection


class Pulling(NamedTuple):
    """F along a CV, and what it took."""

    profile: PulledProfile
    summary: PullSummary


def way_of(setup: Setup) -> Way:
    """What the config asks for, in numbers.

    Raises:
        ConfigError: it asks for nothing, or for what cannot be done.
    """
    given = setup.config.pull
    if given is None:
        raise ConfigError("pull is missing: [pull] from = …, to = … (docs/pull.md)")
    cv, spec = _cv(setup, given), _spec(setup)
    centres = np.linspace(given.start, given.end, given.stages + 1)
    stage, period = float(abs(given.end - given.start)) / given.stages, setup.space.periods[cv]
    if not stage < 0.5 * period:
        raise ConfigError(
            f"pull.stages = {given.stages}: a stage is {stage:.3g}, and half a turn of {setup.space.names[cv]} is "
            f"{0.5 * period:.3g}; give more stages"
        )
    low, high = spec.cvs[cv].range
    if np.isinf(period) and not low <= min(given.start, given.end) <= max(given.start, given.end) <= high:
        name = setup.space.names[cv]
        raise ConfigError(f"pull: {given.start:g} to {given.end:g} is out of the range of {name}, {low:g} to {high:g}")
    kappa = setup.kT * (WIDTHS_OF_A_STAGE / stage) ** 2 if given.kappa == "auto" else given.kappa
    timestep = setup.settings.path.timestep
    steps = given.steps or (ceil(stage / (given.speed * timestep)) if given.speed else 1000)
    return Way(cv, centres, kappa, steps, given)


def pull(
    setup: Setup, way: Way, executor: Executor, bins: int, watch: Callable[[str], None] = lambda line: None
) -> Pulling:
    """F along the way.

    Args:
        setup: the system, with its starts.
        way: the stages.
        executor: where the work is done.
        bins: of the curve.
        watch: is told how far it is, a line each.

    Raises:
        ArithmeticError: a path did not get to its end.
    """
    begun = time.perf_counter()
    frames, dragged = _dragged(setup, way, executor, watch)
    sampled = _sampled(setup, way, frames, executor, watch)
    stages = [_stage(setup, way, number, sampled) for number in range(way.given.stages)]
    edges = np.linspace(min(way.centres), max(way.centres), bins + 1)
    axis = Axis(setup.space.names[way.cv], edges, np.inf)
    width = float(np.sqrt(setup.kT / way.kappa))
    profile = pulled_profile(stages, width, axis, setup.settings.run.seed)
    apart = max(float(np.abs(np.diff(stage.centre)).max()) for stage in stages) / width
    warnings = (*doubts(list(profile.stages), way.given.both, apart), *_moves_doubted(sampled))
    return Pulling(profile, _summary(setup, way, profile, sampled, dragged, warnings, time.perf_counter() - begun))


def _cv(setup: Setup, given: PullSection) -> int:
    names = setup.space.names
    if not given.cv and len(names) > 1:
        raise ConfigError(f"pull.cv is missing: give one of {', '.join(names)}")
    if given.cv and given.cv not in names:
        raise ConfigError(f"pull.cv: unknown CV {given.cv!r}; the system has {', '.join(names)}")
    return names.index(given.cv) if given.cv else 0


def _spec(setup: Setup) -> VerletSpec:
    """The engine of the paths.

    Raises:
        ConfigError: it does not look at its paths, or the box is not constant.
    """
    spec = setup.walkers.spec(setup) if isinstance(setup.walkers, EngineWalkers) else None
    if not isinstance(spec, VerletSpec) or not isinstance(setup.steered, SteeredCVs):
        raise ConfigError("cvflow pull drags CVs that are values, on engine.name = openmm, lammps or ase")
    if spec.build().volume_moves_every is not None:
        raise ConfigError("cvflow pull keeps the box as it is: take the barostat out of the system")
    return spec


def _walkers(setup: Setup) -> EngineWalkers:
    assert isinstance(setup.walkers, EngineWalkers)
    return setup.walkers


def _springs(setup: Setup, way: Way) -> Point:
    kappa = np.zeros(len(setup.space.names))
    kappa[way.cv] = way.kappa
    return kappa


def _at(setup: Setup, way: Way, window: int) -> Point:
    centre = np.zeros(len(setup.space.names))
    centre[way.cv] = way.centres[window]
    return centre


def _dragged(
    setup: Setup, way: Way, executor: Executor, watch: Callable[[str], None]
) -> tuple[Mapping[int, Frame], int]:
    """A configuration in each window that is sampled, from the start that lies nearest; and time steps."""
    slow = _walkers(setup).engine(replace(setup.settings.path, friction=DRAG_FRICTION, schedule="linear"))
    steps, seed, kappa = max(1, way.given.equilibration), setup.settings.run.seed, _springs(setup, way)
    tasks = []
    for number, (frame, windows) in enumerate(_reached(setup, way)):
        centres = tuple(_at(setup, way, window) for window in windows)
        order = Drag(frame, centres, kappa, steps, DRAG_FRICTION, seed, number)
        tasks.append((windows, executor.submit(drag, slow, order), order.effort))
    frames = {window: frame for windows, task, _ in tasks for window, frame in zip(windows, task.result(), strict=True)}
    watch(f"{len(frames)} windows are reached")
    return frames, sum(effort for _, _, effort in tasks)


def _reached(setup: Setup, way: Way) -> list[tuple[Frame, list[int]]]:
    """From each start the windows to which it is the nearest, going up from it, and going down."""
    assert setup.opening is not None
    numbers = [setup.opening.names.index(name) for name in dict.fromkeys(setup.opening.names)]
    starts, period = [_walkers(setup).starts[number] for number in numbers], setup.space.periods[way.cv]
    places = setup.opening.points[numbers, way.cv]
    apart = wrapped((way.centres[:, None] - places)[..., None], np.array([period]))[..., 0]
    nearest, found = np.abs(apart).argmin(axis=1), list[tuple[Frame, list[int]]]()
    sampled = range(len(way.centres) if way.given.both else len(way.centres) - 1)
    for number, frame in enumerate(starts):
        mine = [window for window in sampled if nearest[window] == number]
        middle = min(mine, key=lambda window: abs(apart[window, number]), default=0)
        for windows in ([w for w in mine if w >= middle], [w for w in reversed(mine) if w < middle]):
            if windows:
                found.append((frame, windows))
    return found


def _sampled(
    setup: Setup, way: Way, frames: Mapping[int, Frame], executor: Executor, watch: Callable[[str], None]
) -> dict[int, WindowPaths]:
    given, run = way.given, setup.settings.run
    spec, kappa = _walkers(setup).spec(setup), _springs(setup, way)
    tasks = {}
    for window, frame in sorted(frames.items()):
        onward = tuple(_at(setup, way, other) for other in _neighbours(way, window))
        order = Window(
            frame, _at(setup, way, window), kappa, onward, given.equilibration, given.between,
            max(1, run.local_steps), given.paths, way.steps, run.seed, window,
        )  # fmt: skip
        tasks[window] = executor.submit(sample_window, spec, order)
    sampled = {}
    for window, task in tasks.items():
        sampled[window] = task.result()
        watch(f"window {window + 1} of {len(tasks)} is done")
    return sampled


def _neighbours(way: Way, window: int) -> list[int]:
    """Windows to which paths lead: the next one, and the one before where they go both ways."""
    wanted = [window + 1, window - 1] if way.given.both else [window + 1]
    return [other for other in wanted if 0 <= other < len(way.centres)]


def _stage(setup: Setup, way: Way, number: int, sampled: Mapping[int, WindowPaths]) -> PulledPaths:
    """The paths of both windows at its ends, all as if they went onward."""
    low, high = way.centres[number : number + 2]
    there = sampled[number].passages[0]
    centre = low + there.fraction * (high - low)
    told, onward = [(there.work, there.cv)], [np.ones(len(there.work), dtype=bool)]
    if way.given.both:
        back = sampled[number + 1].passages[_neighbours(way, number + 1).index(number)]
        told.append(_turned(back))
        onward.append(np.zeros(len(back.work), dtype=bool))
    work, cv = (np.concatenate(each) for each in zip(*told, strict=True))
    period = np.array([setup.space.periods[way.cv]])
    unrolled = centre + wrapped((cv[..., way.cv] - centre)[..., None], period)[..., 0]
    return PulledPaths(np.concatenate(onward), centre, work, unrolled)


def _turned(back: Passages) -> tuple[Float[np.ndarray, "paths looks"], Float[np.ndarray, "paths looks cvs"]]:
    """Work and CVs as if the paths went the other way: looks read the same backwards."""
    return (back.work - back.work[:, -1:])[:, ::-1], back.cv[:, ::-1]


def _moves_doubted(sampled: Mapping[int, WindowPaths]) -> list[str]:
    accepted = min(window.acceptance for window in sampled.values())
    if accepted >= REFUSED_MOVES:
        return []
    return [f"moves in a window are accepted {accepted:.2f} of the time: set a shorter path.timestep"]


def _summary(
    setup: Setup,
    way: Way,
    found: PulledProfile,
    sampled: Mapping[int, WindowPaths],
    dragged: int,
    warnings: Sequence[str],
    seconds: float,
) -> PullSummary:
    given, held = way.given, sum(window.held for window in sampled.values())
    waited, path = len(sampled) * given.equilibration, sum(window.pulled for window in sampled.values())
    stages = [
        PulledStage(
            start=way.centres[k], end=way.centres[k + 1], delta_f_kT=each.difference, stderr_kT=each.stderr,
            loss_kT=each.loss, effective_paths=each.effective, move_acceptance=sampled[k].acceptance,
        )
        for k, each in enumerate(found.stages)
    ]  # fmt: skip
    return PullSummary(
        version=__version__, system=setup.name, cv=found.curve.cv,
        unit=setup.space.units[way.cv], kT=setup.kT, kappa=way.kappa, both=given.both, paths=given.paths,
        path_steps=way.steps, delta_f_kT=found.difference, stderr_kT=found.stderr,
        largest_stderr_kT=float(np.nanmax(found.curve.stderr)), stages=stages,
        steps=PullSteps(
            equilibration=dragged + waited, between=held - waited, path=path, total=dragged + held + path,
        ),
        wall_s=seconds, warnings=list(warnings),
    )  # fmt: skip
