"""The program's own choice of settings that were left to it: `[path]` steps, friction and schedule as "auto".

Pilot jumps between the states are run to their end at a few settings, with the proposal that equilibration has taught;
their works foretell what a mode change costs at each (`cvflow.prospect`). The cheapest is frozen before the
run begins, so that what the chain does never depends on where it has been.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from cvflow.build import Equilibrated, Setup, header
from cvflow.flow.proposal import Proposal
from cvflow.prospect import Prospect, prospect
from cvflow.random import Purpose, seed_for, stream
from cvflow.run import Run
from cvflow.state import Point
from cvflow.store import MemoryStore

SHORTEST, LONGEST = 64, 16384
"""Path lengths looked at."""

PILOTS = 48
"""Pilot paths between states at each setting, about."""

FAR = 30.0
"""Factor in cost from which a setting's figure is not worth telling."""

WORSE = 1.5
"""Factor in cost from which longer paths are not tried any more."""


class Trial(NamedTuple):
    """A setting, by the names of `[path]`, and what it promises."""

    setting: dict[str, Any]
    prospect: Prospect


@dataclass(frozen=True)
class Pilots:
    """Runs pilot jumps of a setup from its equilibrated starts."""

    setup: Setup
    executor: Executor
    start: Equilibrated

    def trial(self, number: int, **setting: Any) -> Trial:
        """Try one setting; `number` says which random numbers."""
        config = self.setup.config
        jumps = max(4, -(-2 * PILOTS // config.run.walkers))
        seed = seed_for(config.run.seed, Purpose.SCAN, 1000 + number) % 2**31
        run = config.run.model_copy(update={"seed": seed, "adapt_jumps": jumps, "jumps": 1})
        path = config.path.model_copy(update={**setting, "early_rejection": False})
        setup = self.setup.with_config(config.model_copy(update={"run": run, "path": path}))
        kappa = setup.kappa(self.start.samples)
        store = MemoryStore(header(setup, kappa, 1), self.start.samples)
        plan, crews = setup.plan(kappa, _taught(setup, self.start, kappa)), setup.crews(kappa)
        Run(plan, crews, store, self.start.samples, self.start.standings).go(self.executor)
        turns = store.record().turns
        return Trial(setting, prospect(turns[~turns["production"]], setup.states, seed))


def tuned(
    setup: Setup,
    executor: Executor,
    start: Equilibrated,
    watch: Callable[[Trial], None] = lambda trial: None,
) -> Setup:
    """The setup with numbers in the place of every "auto", and a note that says how they were found.

    Raises:
        ArithmeticError: no pilot path connects the states at any length.
    """
    if not setup.auto:
        return setup
    pilots = Pilots(setup, executor, start)
    trials: list[Trial] = []
    best: dict[str, Any] = {"steps": setup.config.path.steps}
    for stage in (_springs, _lengths, _frictions, _schedules, _finer_lengths):
        first = len(trials)
        for setting in stage(pilots, best, trials):
            trials.append(pilots.trial(len(trials), **setting))
            watch(trials[-1])
        best = chosen(trials[first:] if stage is _lengths else trials).setting if len(trials) > first else best
    if not any(trial.prospect.acceptance > 0 for trial in trials):
        raise ArithmeticError(
            f'path.steps = "auto": no pilot path of up to {LONGEST} steps connects the states; give a number of steps, '
            "or another CV"
        )
    path = setup.config.path.model_copy(update=best)
    note = _note(best, trials)
    done = replace(setup, auto=frozenset(), notes=(*setup.notes, note))
    return done.with_config(setup.config.model_copy(update={"path": path}))


def chosen(trials: Sequence[Trial]) -> Trial:
    """Of all settings whose cost is within one standard error of the least, the one that is known best.

    Few paths that are too short now and then look cheap, by one lucky work; their error tells.
    """
    least = min(trials, key=lambda trial: trial.prospect.steps_per_mode_change).prospect
    limit = least.steps_per_mode_change + least.stderr
    near = [trial for trial in trials if trial.prospect.steps_per_mode_change <= limit]
    return min(near, key=lambda trial: trial.prospect.stderr)


def _taught(setup: Setup, start: Equilibrated, kappa: Point) -> Proposal:
    """What equilibration teaches."""
    plan = setup.plan(kappa)
    if plan.fixed is not None:
        return plan.fixed
    rng = stream(plan.seed, Purpose.TRAINING, 0)
    return plan.learn(list(start.samples), plan.space, plan.blur, plan.fit, None, rng).proposal


Stage = Iterator[dict[str, Any]]


def _springs(pilots: Pilots, best: dict[str, Any], trials: list[Trial]) -> Stage:
    """As soft as the states allow, and stiffer: a spring softer than a barrier is curved lets the CV snap across."""
    if pilots.setup.restrained and pilots.setup.config.path.kappa == "auto":
        kappa = pilots.setup.kappa(pilots.start.samples)
        for factor in (1, 4, 16):
            yield {**best, "kappa": (factor * kappa).tolist()}


def _lengths(pilots: Pilots, best: dict[str, Any], trials: list[Trial]) -> Stage:
    """Twice as long each time, until it gets dearer."""
    if "steps" not in pilots.setup.auto:
        return
    tried: list[Prospect] = []
    steps = SHORTEST
    while steps <= LONGEST:
        yield {**best, "steps": steps}
        tried.append(trials[-1].prospect)
        least = min(tried, key=lambda prospect: prospect.steps_per_mode_change)
        if tried[-1].steps_per_mode_change - tried[-1].stderr > WORSE * (least.steps_per_mode_change + least.stderr):
            return
        steps *= 2


def _frictions(pilots: Pilots, best: dict[str, Any], trials: list[Trial]) -> Stage:
    """None, and as much as forgets the momenta once or three times in a path."""
    if "friction" in pilots.setup.auto:
        duration = best["steps"] * pilots.setup.config.path.timestep
        for rate in (0.0, 1.0, 3.0):
            yield {**best, "friction": rate / duration}


def _schedules(pilots: Pilots, best: dict[str, Any], trials: list[Trial]) -> Stage:
    if "schedule" in pilots.setup.auto:
        for name in ("linear", "cosine"):
            yield {**best, "schedule": name}


def _finer_lengths(pilots: Pilots, best: dict[str, Any], trials: list[Trial]) -> Stage:
    if "steps" in pilots.setup.auto:
        for factor in (0.7, 1.0, 1.4):
            yield {**best, "steps": round(best["steps"] * factor)}


def _note(best: dict[str, Any], trials: list[Trial]) -> str:
    least = min(trial.prospect.steps_per_mode_change for trial in trials)
    tried = "; ".join(f"{_words(trial.setting)}: {_figure(trial.prospect, FAR * least)}" for trial in trials)
    return f"tuned before the run: {_words(best)}, by the steps per mode change that pilot paths foretell ({tried})"


def _figure(foretold: Prospect, far: float) -> str:
    cost = foretold.steps_per_mode_change
    return f"{cost:,.0f} ± {foretold.stderr:,.0f}" if cost < far else "far more"


def _words(setting: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_word(value)}" for key, value in setting.items())


def _word(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_word(item) for item in value)}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
