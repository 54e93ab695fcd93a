"""The program's own choice of settings that were left to it: `[path]` steps, friction and schedule as "auto".

Pilot jumps between the states are run to their end at a few settings, with the proposal that equilibration has taught;
their works foretell what a mode change costs at each (`cvflow.run.cost_model`). The cheapest is frozen before the
run begins, so that what the chain does never depends on where it has been.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from math import inf
from typing import Any, NamedTuple

import numpy as np

from cvflow.config.resolved import to_tune
from cvflow.core.frames import Point
from cvflow.core.schedule import BY_NAME
from cvflow.core.streams import Purpose, seed_for, stream
from cvflow.proposals.base import Proposal
from cvflow.proposals.threads import one_thread
from cvflow.run.cost_model import Prospect, loss_curve, price, prospect
from cvflow.run.in_memory import run_in_memory
from cvflow.sampler.loop import Progress
from cvflow.setup import Equilibrated, Setup

SHORTEST, LONGEST = 64, 16384
"""Path lengths looked at."""

PILOTS = 48
"""Pilot paths between states at each setting, about."""

WORSE = 1.5
"""Factor in cost from which longer paths are not tried any more."""


class Trial(NamedTuple):
    """A setting, by the names of `[path]`, what was lost at it, and what a mode change would cost in path steps.

    `made` are the time steps of its pilots, local moves included.
    """

    setting: dict[str, Any]
    prospect: Prospect
    cost: float
    stderr: float
    made: int = 0


class Trying(NamedTuple):
    """Where the pilots stand, for whoever watches: the setting being tried, counted from 1, and how far that is."""

    setting: str
    number: int
    progress: Progress


@dataclass(frozen=True)
class PilotRuns:
    """Runs pilot jumps of a setup from its equilibrated starts.

    Attributes:
        setup: the run.
        executor: where the walkers' turns are made.
        start: the equilibrated starts.
        jumps: of each walker at each setting.
        watch: is told how far it is.
    """

    setup: Setup
    executor: Executor
    start: Equilibrated
    jumps: int
    watch: Callable[[Trying], None] = lambda trying: None

    def trial(self, number: int, **setting: Any) -> Trial:
        """Try one setting; `number` says which random numbers."""
        rows = self._run(number, **setting)
        found = prospect(_pilots(rows), self.setup.states, self._seed(number))
        gives_up = self.setup.settings.path.early_rejection
        costs = [_cost(found.steps, found.dissipated + shift * found.stderr, gives_up) for shift in (-1, 0, 1)]
        made = int(rows["steps"].sum() + rows["local_steps"].sum())
        return Trial(setting, found, costs[1], 0.5 * (costs[2] - costs[0]), made)

    def turns(self, number: int, **setting: Any) -> np.ndarray:
        """Rows of the store of pilot jumps at one setting, all paths run to their end."""
        return _pilots(self._run(number, **setting))

    def _run(self, number: int, **setting: Any) -> np.ndarray:
        """With a jump of each walker after the pilots, which every run has."""
        run = {"seed": self._seed(number), "adapt_jumps": self.jumps, "adapt_limit": 1, "jumps": 1}
        setup = self.setup.changed(run=run, path={**setting, "early_rejection": False})
        kappa = setup.kappa(self.start.samples)

        def watch(progress: Progress) -> None:
            self.watch(Trying(_words(setting), number + 1, progress))

        taught = _taught(setup, self.start, kappa)
        return run_in_memory(setup, self.executor, self.start, kappa, taught, watch).turns

    def _seed(self, number: int) -> int:
        return seed_for(self.setup.settings.run.seed, Purpose.SCAN, 1000 + number)


def pilot_jumps(setup: Setup, paths: int) -> int:
    """Jumps of each walker that make so many paths between states, about: half lead there, by labels nearly all."""
    turns = paths if setup.by_labels else 2 * paths
    return max(4, -(-turns // setup.settings.run.walkers))


def tuned(
    setup: Setup,
    executor: Executor,
    start: Equilibrated,
    watch: Callable[[Trying], None] = lambda trying: None,
) -> Setup:
    """The setup with numbers in the place of every "auto", and a note that says how they were found.

    Raises:
        ArithmeticError: no pilot path connects the states at any length.
    """
    if not to_tune(setup.config):
        return setup
    pilots = PilotRuns(setup, executor, start, pilot_jumps(setup, PILOTS), watch)
    trials: list[Trial] = []
    best: dict[str, Any] = {"steps": setup.settings.path.steps}
    for stage in (_springs, _lengths, _frictions, _schedules):
        found: list[Trial] = []
        for setting in stage(pilots, best, found):
            found.append(pilots.trial(len(trials) + len(found), **setting))
        trials += found
        if found:
            best = best | (fitted(found, setup) if stage is _lengths else chosen(found).setting)
    if not any(trial.cost < inf for trial in trials):
        raise ArithmeticError(
            f'path.steps = "auto": no pilot path of up to {LONGEST} steps connects the states; give a number of '
            "steps, or another CV"
        )
    made = setup.pilot_steps + sum(trial.made for trial in trials)
    return replace(setup.changed(path=best), notes=(*setup.notes, _note(best, trials)), pilot_steps=made)


def _pilots(rows: np.ndarray) -> np.ndarray:
    return rows[~rows["production"]]


def chosen(trials: Sequence[Trial]) -> Trial:
    """Of the settings whose cost is within one standard error of the least, the first: the one that changes least."""
    least = min(trials, key=lambda trial: trial.cost)
    return next(trial for trial in trials if trial.cost <= least.cost + (least.stderr if least.stderr < inf else 0.0))


def fitted(trials: Sequence[Trial], setup: Setup) -> dict[str, Any]:
    """The path length of least cost, from a curve through what was lost at all lengths."""
    lengths = [trial.setting["steps"] for trial in trials]
    curve = loss_curve(lengths, [trial.prospect for trial in trials])
    if curve is None:
        return {"steps": min(trials, key=lambda trial: trial.cost).setting["steps"]}
    between = np.geomspace(curve.shortest, curve.longest, 100)
    costs = [_cost(n, curve.at(n), setup.settings.path.early_rejection) for n in between]
    return {"steps": round(between[int(np.argmin(costs))])}


def _enclosed(trials: Sequence[Trial], setup: Setup) -> bool:
    """Whether a curve is there, cheapest below half of its longest path: longer pilots are not worth what they tell."""
    curve = loss_curve([trial.setting["steps"] for trial in trials], [trial.prospect for trial in trials])
    return curve is not None and 2 * fitted(trials, setup)["steps"] <= curve.longest


def _cost(steps: float, dissipated: float, gives_up: bool) -> float:
    """Path steps for one accepted path between the states."""
    return steps * price(dissipated, gives_up=gives_up) if dissipated < inf else inf


def _taught(setup: Setup, start: Equilibrated, kappa: Point) -> Proposal:
    """What equilibration teaches."""
    plan = setup.plan(kappa)
    if plan.fixed is not None:
        return plan.fixed
    rng = stream(plan.seed, Purpose.TRAINING, 0)
    with one_thread():
        return plan.learn(list(start.samples), plan.space, plan.blur, plan.fit, None, rng).proposal


Stage = Iterator[dict[str, Any]]


def _springs(pilots: PilotRuns, best: dict[str, Any], trials: list[Trial]) -> Stage:
    """As soft as the states allow, and stiffer: a spring softer than a barrier is curved lets the CV snap across."""
    path = pilots.setup.settings.path
    if path.restrained and path.kappa is None:
        kappa = pilots.setup.kappa(pilots.start.samples)
        for factor in (1, 4, 16):
            yield {**best, "kappa": (factor * kappa).tolist()}


def _lengths(pilots: PilotRuns, best: dict[str, Any], trials: list[Trial]) -> Stage:
    """Twice as long each time, until it gets dearer, or the cheapest lies well below what was tried."""
    if "steps" not in to_tune(pilots.setup.config):
        return
    steps = SHORTEST
    while steps <= LONGEST:
        yield {**best, "steps": steps}
        if _enclosed(trials, pilots.setup):
            return
        least = min(trials, key=lambda trial: trial.cost)
        if trials[-1].cost - trials[-1].stderr > WORSE * (least.cost + least.stderr):
            return
        steps *= 2


def _frictions(pilots: PilotRuns, best: dict[str, Any], trials: list[Trial]) -> Stage:
    """None, and as much as forgets the momenta once or three times in a path."""
    if "friction" in to_tune(pilots.setup.config):
        duration = best["steps"] * pilots.setup.settings.path.timestep
        for rate in (0.0, 1.0, 3.0):
            yield {**best, "friction": rate / duration}


def _schedules(pilots: PilotRuns, best: dict[str, Any], trials: list[Trial]) -> Stage:
    if "schedule" in to_tune(pilots.setup.config):
        for name in BY_NAME:
            yield {**best, "schedule": name}


def _note(best: dict[str, Any], trials: list[Trial]) -> str:
    tried = "; ".join(
        f"{_words(trial.setting)}: {trial.prospect.dissipated:.1f} ± {trial.prospect.stderr:.1f}" for trial in trials
    )
    return f"tuned before the run: {_words(best)}, by the work in kT that pilot paths lost on the way ({tried})"


def _words(setting: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_word(value)}" for key, value in setting.items())


def _word(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_word(item) for item in value)}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
