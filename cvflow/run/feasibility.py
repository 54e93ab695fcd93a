"""Whether a run is worth its computing, in words, before it is begun: `cvflow check CONFIG`."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from math import inf, sqrt
from typing import NamedTuple

from cvflow.config.resolved import to_tune
from cvflow.run.forecast import FAR_TOO_MUCH, WANTED, Forecast, Forecaster, Piloted, losses, piloted, with_springs
from cvflow.run.tuning import Trying
from cvflow.setup import Setup
from cvflow.setup.engine_walkers import EngineWalkers
from cvflow.setup.specification import Springs, bias_possible

LONGEST = 30 * 24.0
"""Hours from which a run is called infeasible."""

RETURN_ERROR = 0.1
"""|W + W_back| [kT] from which works are not to be trusted."""

RETURN_STEPS = 50
"""Of the path there and of the path back: few, since a liquid forgets in some hundred what rounding has done to it."""

LOCAL_ACCEPTANCE = 0.1
"""Of local moves, below which the time step is too long."""

DEAR = 1.5
"""Factor in cost from which another path length, or stiffer springs are advised."""

MUCH = 3.0
"""Lost work [kT] on the longest pilot paths from which other springs are tried."""

STIFFER = 4.0
"""They are so many times the run's."""


class Remark(NamedTuple):
    """One line, and whether the run can be done for all that it says."""

    line: str
    feasible: bool = True


def feasibility(
    setup: Setup,
    seconds: float,
    watch: Callable[[Trying], None] = lambda trying: None,
    workers: int | None = None,
    executor: Executor | None = None,
) -> Iterator[Remark]:
    """Look at a run's starts, its time step, its reversibility and what its paths lose; foretell what it costs.

    Args:
        setup: the run.
        seconds: of wall time that this may take, about.
        watch: is told how far the pilots are.
        workers: processes, if not as many as suit; with an executor, how many it has.
        executor: where the walkers' turns are run, if not on workers of our own.

    Raises:
        ConfigError: the executor cannot run them.
        ArithmeticError: a start falls apart, or nothing moves.
    """
    processes, begun = setup.walkers.workers(setup, workers, executor), time.perf_counter()
    with setup.walkers.working(processes, executor) as pool:
        setup = setup.completed(pool)
        yield from (Remark(line) for line in setup.opening_words)
        pilots = piloted(setup, pool, processes, seconds, watch)
        kappa = setup.kappa(pilots.runs.start.samples)
        yield from _looked_at(setup, pool, pilots, kappa)
        yield from _time_step(setup, pilots)
        lost = losses(pilots.lengths, pilots.prospects)
        yield from _losses(pilots)
        if lost and min(lost.dissipated) < FAR_TOO_MUCH and pilots.turns.joined:
            yield _populations(setup, pilots)
        forecaster = Forecaster(setup, pilots.turns, lost, processes) if lost else None
        yield from _foretold(forecaster, setup) if forecaster else _unconnected(pilots)
        yield from _evener(forecaster, setup) if forecaster else ()
        yield from _stiffer(setup, pilots, forecaster, processes)
    yield Remark(f"this took {time.perf_counter() - begun:.0f} s")


def _looked_at(setup: Setup, executor: Executor, pilots: Piloted, kappa: Springs) -> Iterator[Remark]:
    """Energies, and W + W_back."""
    yield from (Remark(line) for line in setup.steered.doubts(setup, pilots.runs.start.samples))
    if not isinstance(setup.walkers, EngineWalkers):
        return
    looked = setup.walkers.looked_at(setup, executor, pilots.runs.start, kappa, RETURN_STEPS)
    if not looked:
        yield Remark("energies and W + W_back: not looked at in an external program")
        return
    energies = [each.energy for each in looked]
    yield Remark(f"energy: {min(energies):.6g} to {max(energies):.6g} kJ/mol where the walkers stand")
    worst = max(abs(each.return_error) for each in looked)
    line = f"there and back: |W + W_back| is at most {worst:.2g} kT over {RETURN_STEPS} steps"
    if worst < RETURN_ERROR:
        yield Remark(line)
    else:
        yield Remark(f"{line}: too much; a shorter time step, double precision or a CV without noise", feasible=False)


def _time_step(setup: Setup, pilots: Piloted) -> Iterator[Remark]:
    turns, timestep = pilots.turns, setup.settings.path.timestep
    yield Remark(f"speed: {1000 * turns.seconds_per_step:.3g} ms a time step of one walker, all counted")
    line = (
        f"time step {timestep:g}: local moves have a shadow work of {turns.local_work:.2g} kT on average and are "
        f"accepted at {turns.local_acceptance:.2f}"
    )
    if turns.local_acceptance >= LOCAL_ACCEPTANCE or setup.settings.run.local != "hmc":
        yield Remark(line)
    else:
        yield Remark(f"{line}: path.timestep is too long", feasible=False)
    if turns.failed:
        yield Remark(f"{turns.failed:.1%} of the pilot paths fail")


def _losses(pilots: Piloted) -> Iterator[Remark]:
    told = "; ".join(
        f"{steps} steps {found.dissipated:.1f} ± {found.stderr:.1f} kT" if found.dissipated < inf
        else f"{steps} steps: too few paths got there"
        for steps, found in zip(pilots.lengths, pilots.prospects, strict=True)
    )  # fmt: skip
    yield Remark(f"lost on pilot paths between the states: {told}")


def _populations(setup: Setup, pilots: Piloted) -> Remark:
    shares = zip(setup.states.names, pilots.turns.populations, strict=True)
    return Remark(f"populations, roughly: {', '.join(f'{name} {share:.2g}' for name, share in shares)}")


def _unconnected(pilots: Piloted) -> Iterator[Remark]:
    yield Remark(
        f"no pilot path of up to {pilots.lengths[-1]} steps connects the states: longer ones may, or another CV; "
        "give more time by --minutes",
        feasible=False,
    )


def _foretold(forecaster: Forecaster, setup: Setup) -> Iterator[Remark]:
    best = forecaster.cheapest()
    asked = best if "steps" in to_tune(setup.config) else forecaster.at(setup.settings.path.steps)
    reached = forecaster.losses.lengths[-1]
    if asked.steps > 1.5 * reached:
        power = 1.0 if forecaster.losses.curve else forecaster.losses.power
        law = "1/length" if power == 1 else f"1/length^{power:.2f}, as among the pilots"
        yield Remark(f"longer paths than {reached} steps are foretold by loss ~ {law}; --minutes looks further")
    yield Remark(f"path.steps = {asked.steps}: {_words(asked)}", feasible=asked.hours < LONGEST)
    yield Remark(
        f"for ΔF to ± {WANTED} kT, {asked.mode_changes} mode changes will do: run.jumps = {asked.jumps:.0f}, "
        f"{_hours(asked.hours)} of production on {forecaster.workers} "
        f"{'core' if forecaster.workers == 1 else 'cores'} after {_hours(asked.hours_before)}; the run as configured "
        f"({setup.settings.run.jumps} jumps) comes to ± {WANTED * sqrt(asked.jumps / setup.settings.run.jumps):.2g} kT",
        feasible=asked.hours < LONGEST,
    )
    if DEAR * best.price < asked.price:
        yield Remark(f"cheaper: path.steps = {best.steps}: {_words(best)}, {_hours(best.hours)}")


def _evener(forecaster: Forecaster, setup: Setup) -> Iterator[Remark]:
    """A bias of the states, where one of them is rare: without, few turns change the state."""
    if setup.settings.run.state_bias != "none" or not (forecaster.turns.joined and bias_possible(setup)):
        return
    steps = setup.settings.path.steps
    flat = replace(forecaster, setup=setup.changed(run={"state_bias": "flat"})).at(steps)
    if DEAR * flat.price < forecaster.at(steps).price:
        yield Remark(f'cheaper: run.state_bias = "flat", at {steps} steps: {_words(flat)}')


def _stiffer(setup: Setup, pilots: Piloted, before: Forecaster | None, workers: int) -> Iterator[Remark]:
    """Other springs, where much is lost: soft ones let the CV snap across a barrier, which no path length mends."""
    longest = pilots.lengths[-1]
    if not setup.settings.path.restrained or (before and before.losses.at(longest) < MUCH):
        return
    kappa = STIFFER * setup.kappa(pilots.runs.start.samples)
    lost = losses([longest], [with_springs(pilots, kappa)])
    if not lost:
        return
    stiff = Forecaster(setup, pilots.turns, lost, workers).at(longest)
    now = before.at(longest).price if before else inf
    if DEAR * stiff.price < now:
        springs = ", ".join(f"{each:.3g}" for each in kappa)
        given = f"[{springs}]" if len(kappa) > 1 else springs
        yield Remark(f"cheaper: path.kappa = {given}, at {longest} steps: {_words(stiff)}")


def _words(forecast: Forecast) -> str:
    return (
        f"{forecast.dissipated:.1f} kT lost, {forecast.acceptance:.3f} accepted between the states, "
        f"{forecast.evaluations_per_mode_change:,.0f} force evaluations a mode change"
    )


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:.2g} minutes"
    return f"{hours:.2g} hours" if hours < 72 else f"{hours / 24:.3g} days"
