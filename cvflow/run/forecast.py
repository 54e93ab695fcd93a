"""What a run will cost before it is begun, from pilot paths between its states: `cvflow check CONFIG`.

A pilot path tells what is lost at its length; what is lost at others follows a curve (`cvflow.run.cost_model`), so that
minutes of pilots foretell hours.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from math import ceil, inf
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Outcome
from cvflow.core.states import States
from cvflow.proposals.labelled import changes
from cvflow.run.cost_model import LossCurve, Prospect, loss_curve, path_chance, prospect
from cvflow.run.tuning import PilotRuns, Trying, pilot_jumps
from cvflow.sampler.walkers.process import EQUILIBRATION_MOVES
from cvflow.setup import Setup
from cvflow.setup.specification import Springs

WANTED = 0.2
"""Standard error of ΔF [kT] to which hours are foretold."""

FIRST_LOCAL_STEPS = 20
"""Of local moves while nobody knows yet how long a time step takes."""

PATHS = 24
"""Pilot paths between states at a length that there must be time for."""

SHORTEST_PATH = 64
"""Longest pilot paths, in steps, where there is no time."""

SHARES = (0.25, 0.5, 1.0)
"""Lengths of pilot paths over the longest."""

MOST_SAMPLES = 24
"""Moves of equilibration that are sampled before pilots, however many the run itself has."""

JUMPS = 6
"""Of each walker in a round of pilots: each round begins where equilibration ended, in every state that has a start."""

FAR_TOO_MUCH = 15.0
"""Lost work [kT] at which longer paths are tried."""

SHARE_OF_LENGTHS = 0.75
"""Of the time, for pilots at the configured springs: others may be tried after them."""

SURE_ENOUGH = 0.4
"""Standard error of the lost work [kT] at which pilots have told enough."""

_OTHERS = 10_000
"""Number of the first round with other springs: no round with the configured ones has its random numbers."""

FORETOLD = np.unique(np.geomspace(32, 65536, 200).round())
"""Path lengths among which the cheapest is looked for."""


class Turns(NamedTuple):
    """What turns are made of, from pilot turns at one configured length N.

    Attributes:
        populations: of the named states, from the works.
        between_length: mean length of paths between states over N.
        within_length: mean path steps of all other turns over N.
        local_work: mean shadow work of local moves [kT].
        local_acceptance: of local moves.
        seconds_per_step: wall time of one walker.
        failed: share of paths that failed.
        joined: whether paths there and back join all states, so that the populations are known.
    """

    populations: Float[np.ndarray, " states"]
    between_length: float
    within_length: float
    local_work: float
    local_acceptance: float
    seconds_per_step: float
    failed: float
    joined: bool = True

    def between(self, *, labels: bool, flat: bool) -> float:
        """Share of turns that propose another state, once the flow has learned the populations.

        Args:
            labels: whether the flow has one density a state.
            flat: whether a bias makes walkers visit all states alike.
        """
        visited = np.full(len(self.populations), 1 / len(self.populations)) if flat else self.populations
        if labels:
            return float(visited @ changes(visited).sum(axis=1))
        return 1.0 - float(np.sum(visited**2))


class Losses(NamedTuple):
    """What paths between states lose at any length.

    Attributes:
        lengths: that pilots reached the other state at, in order.
        dissipated: what they lost [kT].
        curve: through them, where there are enough that lost little.
    """

    lengths: tuple[int, ...]
    dissipated: tuple[float, ...]
    curve: LossCurve | None

    @property
    def power(self) -> float:
        """Of 1/length that losses fall as among pilots: 1 where friction loses them, less far from equilibrium."""
        some = np.array(self.dissipated) > 0
        if some.sum() < 2:
            return 1.0
        slope, _ = np.polyfit(np.log(np.array(self.lengths)[some]), np.log(np.array(self.dissipated)[some]), 1)
        return float(np.clip(-slope, 0.0, 1.0))

    def at(self, steps: float) -> float:
        """Lost work [kT]: on the curve; without one between what was seen, and beyond it by their `power`."""
        if self.curve:
            return self.curve.at(steps)
        shorter, longer = max(1.0, self.lengths[0] / steps), min(1.0, self.lengths[-1] / steps)
        beyond = shorter * longer**self.power
        return beyond * float(np.interp(np.log(steps), np.log(self.lengths), self.dissipated))


class Forecast(NamedTuple):
    """What a run costs at a path length.

    Attributes:
        steps: configured length of paths between the states.
        dissipated: work lost on them [kT].
        acceptance: of paths between the states.
        evaluations_per_mode_change: force evaluations, local moves counted in.
        price: force evaluations for ΔF ± 1 kT by what paths and mode changes tell.
        mode_changes: that bring ΔF to `WANTED`.
        jumps: per walker, until then.
        hours: wall time of production that long.
        hours_before: wall time of equilibration and adaptation.
    """

    steps: int
    dissipated: float
    acceptance: float
    evaluations_per_mode_change: float
    price: float
    mode_changes: int
    jumps: float
    hours: float
    hours_before: float


@dataclass(frozen=True)
class Forecaster:
    """Foretells what a run costs at any path length.

    Attributes:
        setup: the run.
        turns: what its turns are made of.
        losses: of paths between states.
        workers: processes that walkers are moved by.
    """

    setup: Setup
    turns: Turns
    losses: Losses
    workers: int

    def at(self, steps: int) -> Forecast:
        """Foretell the cost at a path length.

        Two states are visited as by a random telegraph: whatever their populations, the standard error of ΔF is 2/√M kT
        after M mode changes. What works tell besides brings it nearer.
        """
        settings, lost = self.setup.settings, self.losses.at(steps)
        flat = settings.run.state_bias == "flat"
        between = self.turns.between(labels=self.setup.by_labels, flat=flat)
        chance = path_chance(lost, gives_up=settings.path.early_rejection)
        path = between * self.turns.between_length * steps
        within = (1 - between) * self.turns.within_length * steps
        turn = settings.run.local_steps + settings.path.within_states * within + chance.travelled * path
        rate = between * chance.acceptance
        each = turn / rate if rate > 0 else inf
        changes = ceil((2 / WANTED) ** 2)
        hours = self.turns.seconds_per_step / self.workers / 3600
        adapting = settings.run.adapt_jumps * (settings.run.local_steps + within + path)
        before = (EQUILIBRATION_MOVES + settings.run.equilibration_moves) * settings.run.local_steps + adapting
        return Forecast(
            steps=steps,
            dissipated=lost,
            acceptance=chance.acceptance,
            evaluations_per_mode_change=each,
            price=turn / between * chance.paths if between > 0 else inf,
            mode_changes=changes,
            jumps=changes / rate / settings.run.walkers if rate > 0 else inf,
            hours=changes * each * hours,
            hours_before=settings.run.walkers * before * hours,
        )

    def cheapest(self) -> Forecast:
        """The path length at which ΔF costs least, mode changes counted for what they tell."""
        return min((self.at(int(steps)) for steps in FORETOLD), key=lambda each: each.price)


@dataclass
class Pilots:
    """Pilot turns at some lengths, round by round, until they tell enough or the time is over.

    Attributes:
        setup: the run.
        runs: what makes the turns, from the equilibrated starts.
        until: `time.perf_counter()` at which no round begins any more.
        rows: of the store, by the length that was configured.
    """

    setup: Setup
    runs: PilotRuns
    until: float
    rows: dict[int, list[np.ndarray]] = field(default_factory=dict)

    def go(self, longest: int) -> None:
        """Make rounds at lengths up to the longest; at longer ones where too much is lost for a curve."""
        for share in SHARES:
            self.rows[max(1, round(share * longest))] = []
        number = 0
        while True:
            for steps, rounds in self.rows.items():
                rounds.append(self.runs.turns(number, steps=steps))
                number += 1
            if time.perf_counter() > self.until or self._tell_enough():
                return
            found = self.prospects()
            if all(each.paths for each in found) and min(each.dissipated for each in found) > FAR_TOO_MUCH:
                self.rows[2 * max(self.rows)] = []

    @property
    def lengths(self) -> list[int]:
        """Lengths that were tried."""
        return list(self.rows)

    def prospects(self) -> list[Prospect]:
        """What was lost at each."""
        seed = self.setup.settings.run.seed
        return [prospect(np.concatenate(rounds), self.setup.states, seed) for rounds in self.rows.values()]

    def turns(self) -> Turns:
        """What turns are made of, from those of the longest paths."""
        steps = max(self.rows)
        return turns_of(np.concatenate(self.rows[steps]), self.setup, steps)

    def _tell_enough(self) -> bool:
        return all(each.dissipated < inf and each.stderr < SURE_ENOUGH for each in self.prospects()[-2:])


class Piloted(NamedTuple):
    """What pilots found.

    Attributes:
        lengths: that were tried.
        prospects: what was lost at each.
        turns: what they are made of.
        runs: what makes more of them, from where walkers stand.
        until: `time.perf_counter()` at which the time is over.
    """

    lengths: list[int]
    prospects: list[Prospect]
    turns: Turns
    runs: PilotRuns
    until: float


def piloted(
    setup: Setup, executor: Executor, workers: int, seconds: float, watch: Callable[[Trying], None]
) -> Piloted:
    """Equilibrate as well, and run pilots as long, as fits into a time.

    Args:
        setup: the run; at its configured path length, or as near to it as there is time for.
        executor: where the walkers' work is done.
        workers: processes that it has.
        seconds: of wall time, about.
        watch: is told how far it is.

    Raises:
        ArithmeticError: a start falls apart, or nothing moves.
    """
    settings, begun = setup.settings, time.perf_counter()
    samples = min(settings.run.equilibration_moves, MOST_SAMPLES)
    setup = setup.changed(run={"equilibration_moves": samples})
    brief = setup.changed(run={"local_steps": min(settings.run.local_steps, FIRST_LOCAL_STEPS)})
    first = PilotRuns(brief, executor, brief.equilibrate(executor), pilot_jumps(brief, 4), watch).turns(0, steps=64)
    speed = turns_of(first, setup, 64).seconds_per_step / workers
    left = (seconds - (time.perf_counter() - begun)) / speed  # time steps that there is time for
    moves = (EQUILIBRATION_MOVES + samples) * settings.run.walkers
    local_steps = int(min(settings.run.local_steps, max(FIRST_LOCAL_STEPS, 0.25 * left / moves)))
    longest = min(settings.path.steps, int(max(SHORTEST_PATH, 0.6 * left / (2 * PATHS * sum(SHARES)))))
    start = setup.changed(run={"local_steps": local_steps}).equilibrate(executor)
    brief = setup.changed(run={"local_steps": min(local_steps, longest)})
    runs = PilotRuns(brief, executor, start, JUMPS, watch)
    share = SHARE_OF_LENGTHS if settings.path.restrained else 1.0
    pilots = Pilots(setup, runs, begun + share * seconds)
    pilots.go(longest)
    return Piloted(pilots.lengths, pilots.prospects(), pilots.turns(), runs, begun + seconds)


def with_springs(pilots: Piloted, kappa: Springs) -> Prospect:
    """What is lost with other springs on paths as long as the longest pilots.

    Args:
        pilots: those with the configured springs.
        kappa: the others; one round is made at least, and more until the time is over.
    """
    runs, steps, rounds = pilots.runs, pilots.lengths[-1], list[np.ndarray]()
    springs = kappa.tolist() if len(kappa) > 1 else float(kappa[0])
    while True:
        rounds.append(runs.turns(_OTHERS + len(rounds), steps=steps, kappa=springs))
        found = prospect(np.concatenate(rounds), runs.setup.states, runs.setup.settings.run.seed)
        if time.perf_counter() > pilots.until or found.stderr < SURE_ENOUGH:
            return found


def turns_of(rows: np.ndarray, setup: Setup, steps: int) -> Turns:
    """What turns are made of.

    Args:
        rows: of pilot turns, at one configured length.
        setup: the run.
        steps: the configured length.
    """
    start, end = (setup.states.assign(rows[name]) for name in ("centre_old", "centre_new"))
    between = (start >= 0) & (end >= 0) & (start != end) & (rows["steps"] > 0)
    evaluations = rows["steps"].sum() + rows["local_steps"].sum()
    works = rows["local_work"][rows["local_outcome"] == Outcome.COMPLETED]
    return Turns(
        populations=populations(rows, setup.states),
        between_length=float(rows["steps"][between].mean()) / steps if between.any() else 1.0,
        within_length=float(rows["steps"][~between].mean()) / steps if not between.all() else 0.0,
        local_work=float(works.mean()) if len(works) else inf,
        local_acceptance=float(rows["local_accepted"].mean()),
        seconds_per_step=float((rows["path_seconds"] + rows["local_seconds"]).sum()) / max(1, int(evaluations)),
        failed=_share([Outcome(code).failed for code in rows["outcome"][rows["steps"] > 0]]),
        joined=determined(rows, setup.states),
    )


def _share(which: list[bool]) -> float:
    return sum(which) / len(which) if which else 0.0


def populations(rows: np.ndarray, states: States) -> Float[np.ndarray, " states"]:
    """Of the states, from pilot paths there and back; equal for those that no paths connect.

    F(b) - F(a) is half the difference of the medians there and back of w = W + ln q(λ̃) - ln q(λ) + ln(e_ba/e_ab), with
    e_ab the part of the jumps from a that are proposed into b (docs/theory.md, 5).
    """
    equations, values = _differences(rows, states)
    energies = np.linalg.lstsq(equations, values, rcond=None)[0]
    weights = np.exp(energies.min() - energies)
    return weights / weights.sum()


def determined(rows: np.ndarray, states: States) -> bool:
    """Whether paths there and back join all states, so that `populations` knows them."""
    equations, _ = _differences(rows, states)
    return bool(np.linalg.matrix_rank(equations) == len(states.names))


def _differences(
    rows: np.ndarray, states: States
) -> tuple[Float[np.ndarray, "equations states"], Float[np.ndarray, " equations"]]:
    """Linear equations for the states' free energies: one for each pair that paths join, and that their sum is zero."""
    count = len(states.names)
    start, end = (states.assign(rows[name]) for name in ("centre_old", "centre_new"))
    made = np.array([[((start == a) & (end == b)).sum() for b in range(count)] for a in range(count)])
    share = np.log(np.maximum(made, 0.5) / np.maximum(np.bincount(start[start >= 0], minlength=count), 1)[:, None])
    equations, values = [np.ones(count)], [0.0]
    w = rows["work"] + rows["log_q_new"] - rows["log_q_old"] - share[start, end] + share[end, start]
    for a in range(count):
        for b in range(a + 1, count):
            there, back = (w[(start == i) & (end == j) & np.isfinite(w)] for i, j in ((a, b), (b, a)))
            if len(there) and len(back):
                equations.append(np.eye(count)[b] - np.eye(count)[a])
                values.append(0.5 * float(np.median(there) - np.median(back)))
    return np.array(equations), np.array(values)


def losses(lengths: Sequence[int], prospects: Sequence[Prospect]) -> Losses | None:
    """What paths of any length lose; None where no pilot path connects the states."""
    reached = sorted((n, found) for n, found in zip(lengths, prospects, strict=True) if found.dissipated < inf)
    if not reached:
        return None
    told = [max(found.dissipated, 0.0) for _, found in reached]
    return Losses(tuple(n for n, _ in reached), tuple(told), loss_curve(lengths, prospects))
