"""The program's own choice of settings that were left to it: `[path]` steps, friction and schedule as "auto".

Pilot jumps between the states are run to their end at a few settings, with the proposal that equilibration has taught;
their works foretell what ΔF costs at each (`cvflow.run.cost_model`). The cheapest is frozen before the
run begins, so that what the chain does never depends on where it has been.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
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

PILOTS, FEWEST_PILOTS = 48, 24
"""Pilot paths between states at each setting, about: fewer where they are longer and their works scatter less."""

PILOT_STEPS = 8192
"""Time steps of all pilot paths at a setting, about, as far as their numbers allow."""

ROUND = 2
"""Jumps of each walker in a round of pilots. It begins where equilibration ended, in every state that has a start: so
all are left about as often, whatever is accepted."""

PATIENCE = 2
"""Times as many rounds at most, where a state that walkers leave at once has too few paths that begin in it."""

TELLING = 8.0
"""Lost work [kT] from which it tells one spring from another: springs are tried on paths no longer than that needs."""

LONGEST_SPRUNG = 1024
"""Path length at which springs are tried at the latest."""

WELL_BELOW = 1.25
"""Factor in length from which longer pilots are not needed."""

WORSE = 1.5
"""Factor in cost from which longer paths are not tried any more."""


PathSetting = dict[str, Any]
"""Values by the names of `[path]`."""


class Trial(NamedTuple):
    """A setting, by the names of `[path]`, what was lost at it, and what ΔF ± 1 kT would cost in path steps.

    `made` are the time steps of its pilots, local moves included.
    """

    setting: PathSetting
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
        taught: what equilibration has taught, by the spring constants that samples are blurred by.
    """

    setup: Setup
    executor: Executor
    start: Equilibrated
    jumps: int
    watch: Callable[[Trying], None] = lambda trying: None
    taught: dict[bytes, Proposal] = field(default_factory=dict)

    def turns(self, number: int, **setting: Any) -> np.ndarray:
        """Rows of the store of pilot jumps at one setting, all paths run to their end; `number` makes them random."""
        rows = self.round(number, **setting)
        return rows[~rows["production"]]

    def round(self, number: int, *part: int, **setting: Any) -> np.ndarray:
        """The same with the jump of each walker after the pilots that every run has; `part` where they have several."""
        seed = seed_for(self.setup.settings.run.seed, Purpose.SCAN, 1000 + number, *part)
        run = {"seed": seed, "adapt_jumps": self.jumps, "adapt_limit": 1, "jumps": 1}
        setup = self.setup.changed(run=run, path={**setting, "early_rejection": False})
        kappa = setup.kappa(self.start.samples)

        def watch(progress: Progress) -> None:
            self.watch(Trying(_words(setting), number + 1, progress))

        return run_in_memory(setup, self.executor, self.start, kappa, self._taught(kappa), watch=watch).turns

    def _taught(self, kappa: Point) -> Proposal:
        """Learned once for all settings with these spring constants: it does not know the others."""
        known = kappa.tobytes()
        if known not in self.taught:
            self.taught[known] = _taught(self.setup, self.start, kappa)
        return self.taught[known]


def pilot_jumps(setup: Setup, paths: int) -> int:
    """Jumps of each walker that make so many paths between states, about: half lead there, by labels nearly all."""
    turns = paths if setup.by_labels else 2 * paths
    return max(4, -(-turns // setup.settings.run.walkers))


def pilots_at(steps: int) -> int:
    """Pilot paths between states of so many time steps that are made at a setting, about."""
    return min(PILOTS, max(FEWEST_PILOTS, PILOT_STEPS // steps))


@dataclass
class Search:
    """Tries settings one after the other, each once.

    Attributes:
        pilots: make the paths.
        trials: so far.
    """

    pilots: PilotRuns
    trials: list[Trial] = field(default_factory=list)

    def at(self, **setting: Any) -> Trial:
        """What is lost at a setting."""
        known = next((trial for trial in self.trials if trial.setting == setting), None)
        if known:
            return known
        setup, number = self.pilots.setup, len(self.trials)
        wanted = -(-pilot_jumps(setup, pilots_at(setting["steps"])) // ROUND)
        rounds = [self.pilots.round(number, k, **setting) for k in range(wanted)]
        found = _trial(setting, np.concatenate(rounds), setup, number)
        while found.cost == inf and len(rounds) < PATIENCE * wanted:
            rounds.append(self.pilots.round(number, len(rounds), **setting))
            found = _trial(setting, np.concatenate(rounds), setup, number)
        self.trials.append(found)
        return found


def _trial(setting: PathSetting, rows: np.ndarray, setup: Setup, number: int) -> Trial:
    found = prospect(rows, setup.states, seed_for(setup.settings.run.seed, Purpose.SCAN, 1000 + number))
    gives_up = setup.settings.path.early_rejection
    costs = [_cost(found.steps, found.dissipated + shift * found.stderr, gives_up) for shift in (-1, 0, 1)]
    made = int(rows["steps"].sum() + rows["local_steps"].sum())
    return Trial(setting, found, costs[1], 0.5 * (costs[2] - costs[0]), made)


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
    search = Search(PilotRuns(setup, executor, start, ROUND - 1, watch))
    best: PathSetting = {"steps": setup.settings.path.steps}
    for stage in (_springs, _lengths, _frictions, _schedules):
        best = stage(search, best)
    if not any(trial.cost < inf for trial in search.trials):
        raise ArithmeticError(
            f'path.steps = "auto": no pilot path of up to {LONGEST} steps connects the states; give a number of '
            "steps, or another CV"
        )
    made = setup.pilot_steps + sum(trial.made for trial in search.trials)
    return replace(setup.changed(path=best), notes=(*setup.notes, _note(best, search.trials)), pilot_steps=made)


def chosen(trials: Sequence[Trial]) -> Trial:
    """Of the settings whose cost is within one standard error of the least, the first: the one that changes least."""
    least = min(trials, key=lambda trial: trial.cost)
    return next(trial for trial in trials if trial.cost <= least.cost + (least.stderr if least.stderr < inf else 0.0))


def fitted(trials: Sequence[Trial], setup: Setup) -> PathSetting:
    """The path length of least cost, from a curve through what was lost at all lengths."""
    lengths = [trial.setting["steps"] for trial in trials]
    curve = loss_curve(lengths, [trial.prospect for trial in trials])
    if curve is None:
        return {"steps": min(trials, key=lambda trial: trial.cost).setting["steps"]}
    between = np.geomspace(curve.shortest, curve.longest, 100)
    costs = [_cost(n, curve.at(n), setup.settings.path.early_rejection) for n in between]
    return {"steps": round(between[int(np.argmin(costs))])}


def _enclosed(trials: Sequence[Trial], setup: Setup) -> bool:
    """Whether a curve is there, cheapest well below its longest path: longer pilots are not worth what they tell."""
    curve = loss_curve([trial.setting["steps"] for trial in trials], [trial.prospect for trial in trials])
    return curve is not None and WELL_BELOW * fitted(trials, setup)["steps"] <= curve.longest


def _cost(steps: float, dissipated: float, gives_up: bool) -> float:
    """Path steps for ΔF ± 1 kT."""
    return steps * price(dissipated, gives_up=gives_up) if dissipated < inf else inf


def _taught(setup: Setup, start: Equilibrated, kappa: Point) -> Proposal:
    """What equilibration teaches."""
    plan = setup.plan(kappa)
    if plan.fixed is not None:
        return plan.fixed
    rng = stream(plan.seed, Purpose.TRAINING, 0)
    with one_thread():
        return plan.learn(list(start.samples), plan.space, plan.blur, plan.fit, None, rng).proposal


def _springs(search: Search, best: PathSetting) -> PathSetting:
    """As soft as the states allow, and stiffer until it gets dearer.

    A spring that is softer than a barrier is curved lets the CV snap across.
    """
    path = search.pilots.setup.settings.path
    if not (path.restrained and path.kappa is None):
        return best
    softest = search.pilots.setup.kappa(search.pilots.start.samples)
    kappas = [(factor * softest).tolist() for factor in (1, 4, 16)]
    if "steps" in to_tune(search.pilots.setup.config):
        best = best | {"steps": _telling_length(search, kappas[0])}
    trials: list[Trial] = []
    for kappa in kappas:
        trials.append(search.at(**best, kappa=kappa))
        if len(trials) > 1 and trials[-2].cost < inf and trials[-1].cost >= trials[-2].cost:
            break
    return chosen(trials).setting


def _telling_length(search: Search, kappa: list[float]) -> int:
    """The shortest path length, among doublings, at which so little is lost that springs can be told apart."""
    steps = SHORTEST
    while search.at(steps=steps, kappa=kappa).prospect.dissipated > TELLING and steps < LONGEST_SPRUNG:
        steps *= 2
    return steps


def _lengths(search: Search, best: PathSetting) -> PathSetting:
    """Twice as long each time, until it gets dearer, or the cheapest lies well below what was tried."""
    setup = search.pilots.setup
    if "steps" not in to_tune(setup.config):
        return best
    springs = {key: value for key, value in best.items() if key != "steps"}
    trials = [trial for trial in search.trials if trial.setting == springs | {"steps": trial.setting["steps"]}]
    steps = 2 * trials[-1].setting["steps"] if trials else SHORTEST
    while steps <= LONGEST and not (_enclosed(trials, setup) or _dearer(trials)):
        trials.append(search.at(steps=steps, **springs))
        steps *= 2
    return springs | fitted(trials, setup)


def _dearer(trials: Sequence[Trial]) -> bool:
    """Whether the longest paths cost far more than the cheapest, whatever their errors."""
    if not trials:
        return False
    least = min(trials, key=lambda trial: trial.cost)
    if trials[-1].cost == inf:
        return least.cost < inf
    return trials[-1].cost - trials[-1].stderr > WORSE * (least.cost + least.stderr)


def _frictions(search: Search, best: PathSetting) -> PathSetting:
    """None, and as much as forgets the momenta once or three times in a path."""
    if "friction" not in to_tune(search.pilots.setup.config):
        return best
    duration = best["steps"] * search.pilots.setup.settings.path.timestep
    return chosen([search.at(**best | {"friction": rate / duration}) for rate in (0.0, 1.0, 3.0)]).setting


def _schedules(search: Search, best: PathSetting) -> PathSetting:
    """All there are."""
    if "schedule" not in to_tune(search.pilots.setup.config):
        return best
    return chosen([search.at(**best | {"schedule": name}) for name in BY_NAME]).setting


def _note(best: PathSetting, trials: list[Trial]) -> str:
    tried = "; ".join(
        f"{_words(trial.setting)}: {trial.prospect.dissipated:.1f} ± {trial.prospect.stderr:.1f}" for trial in trials
    )
    return f"tuned before the run: {_words(best)}, by the work in kT that pilot paths lost on the way ({tried})"


def _words(setting: PathSetting) -> str:
    return ", ".join(f"{key} {_word(value)}" for key, value in setting.items())


def _word(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_word(item) for item in value)}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
