"""Which setting of the paths costs the fewest steps per mode change.

One setting after the other is varied around the best found so far, with the same proposal and the same starts; the
winner is measured again with other random numbers, since the best of many noisy figures looks better than it is.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cvflow.config.resolved import PathSettings, Settings
from cvflow.config.settings import ConfigError, load
from cvflow.core.frames import Point
from cvflow.core.schedule import BY_NAME
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.core.streams import Purpose, seed_for
from cvflow.estimate.cost import Cost, cost
from cvflow.proposals.base import Proposal
from cvflow.proposals.io import from_bytes
from cvflow.run.in_memory import run_in_memory
from cvflow.run.run_folder import CONFIG, open_record
from cvflow.run.same_run import checked_config
from cvflow.run.tuning import tuned
from cvflow.setup import Equilibrated, Setup, from_config

LENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
TIMESTEPS = (0.7, 1.0, 1.25, 1.5, 1.75, 2.0)
FRICTIONS = (0.0, 0.3, 1.0, 4.0)
KAPPAS = (0.25, 1.0, 4.0)
LEARNING_JUMPS = 120
"""Jumps of all walkers from which interim free energies are learned."""

FINE = (0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 2.0)
"""Factors on the config's path length, time step and kappa; frictions in units of one over the path's duration."""


class Setting(NamedTuple):
    """What a scan varies; kappa in kJ/mol per CV unit squared, empty for kernels without a restraint."""

    steps: int
    timestep: float
    friction: float
    schedule: str
    kappa: tuple[float, ...]

    def words(self) -> str:
        """As lines of `[path]`."""
        lines = [f"steps = {self.steps}", f"timestep = {self.timestep:.6g}", f"friction = {self.friction:.6g}"]
        lines.append(f'schedule = "{self.schedule}"')
        if self.kappa:
            lines.append(f"kappa = [{', '.join(f'{k:.6g}' for k in self.kappa)}]")
        return "\n".join(lines)


class Measured(NamedTuple):
    """One setting, which of its values was varied, and what it cost."""

    axis: str
    setting: Setting
    cost: Cost


class Scan(NamedTuple):
    """All that was looked at, one axis after the other, the setting of least cost, and its cost measured again.

    A setting that lies on several axes is measured once and listed on each.
    """

    measured: list[Measured]
    best: Setting
    again: Cost


@dataclass(frozen=True)
class Bench:
    """Measures settings of one run, from the same equilibrated starts, with one frozen proposal.

    Attributes:
        setup: the run.
        executor: where the walker groups' work is done.
        start: the equilibrated starts.
        proposal: what draws the jumps.
        state_bias: that it was learned under.
        jumps: per walker and setting.
    """

    setup: Setup
    executor: Executor
    start: Equilibrated
    proposal: Proposal
    state_bias: StateBias
    jumps: int

    def measure(self, setting: Setting, number: int) -> Cost:
        """Run one setting; `number` says which random numbers."""
        seed = seed_for(self.setup.settings.run.seed, Purpose.SCAN, number)
        run = {"seed": seed, "adapt_jumps": _adaptation(self.setup.settings), "adapt_limit": 1, "jumps": self.jumps}
        path = setting._asdict() | {"kappa": list(setting.kappa) or "auto"}
        setup = self.setup.changed(run=run, path=path)
        kappa = np.array(setting.kappa)
        return cost(run_in_memory(setup, self.executor, self.start, kappa, self.proposal, self.state_bias))


def scan(bench: Bench, kappa: Point, watch: Callable[[Measured], None] = lambda measured: None) -> Scan:
    """Vary path length, time step, schedule, friction and kappa in turn, then the path length again.

    Args:
        bench: what measures.
        kappa: spring constants to vary around, empty for kernels without a restraint.
        watch: called after each measurement.
    """
    path = bench.setup.settings.path
    best = Setting(path.steps, path.timestep, path.friction, path.schedule, tuple(kappa.tolist()))
    known: dict[Setting, Cost] = {}
    measured = []
    for variation in _variations(path):
        for setting in variation.variants(best):
            new = setting not in known
            if new:
                known[setting] = bench.measure(setting, len(known))
            measured.append(Measured(variation.name, setting, known[setting]))
            if new:
                watch(measured[-1])
        best = min(known, key=lambda setting: known[setting].steps_per_mode_change)
    return Scan(measured, best, bench.measure(best, len(known)))


class _Variation(NamedTuple):
    name: str
    variants: Callable[[Setting], Iterable[Setting]]


def _lengths(factors: Sequence[float]) -> Callable[[Setting], Iterable[Setting]]:
    return lambda best: (best._replace(steps=max(1, round(best.steps * factor))) for factor in factors)


def _timesteps(best: Setting) -> Iterable[Setting]:
    """At the same duration of the paths: that is what relaxation depends on."""
    steps = ((factor, max(1, round(best.steps / factor))) for factor in TIMESTEPS)
    return (best._replace(timestep=best.timestep * factor, steps=count) for factor, count in steps)


def _schedules(best: Setting) -> Iterable[Setting]:
    return (best._replace(schedule=name) for name in BY_NAME)


def _frictions(best: Setting) -> Iterable[Setting]:
    return (best._replace(friction=factor / (best.steps * best.timestep)) for factor in FRICTIONS)


def _kappas(best: Setting) -> Iterable[Setting]:
    return (best._replace(kappa=tuple(k * factor for k in best.kappa)) for factor in KAPPAS) if best.kappa else ()


_VARIATIONS = (
    _Variation("path length", _lengths(LENGTHS)),
    _Variation("time step", _timesteps),
    _Variation("schedule", _schedules),
    _Variation("friction", _frictions),
    _Variation("kappa", _kappas),
    _Variation("path length again", _lengths(FINE)),
)


def _variations(path: PathSettings) -> list[_Variation]:
    """What the paths of a kernel depend on: where nothing changes, the best of the figures is the luckiest."""
    return [each for each in _VARIATIONS if each.name != "friction" or path.has_friction]


def scan_config(
    config: Path, overrides: list[str], jumps: int, watch: Callable[[Measured], None]
) -> tuple[Setup, Scan]:
    """Scan a config's settings; a `[flow]` is learned first, with the config's own settings, and then frozen.

    Raises:
        ConfigError: something in the config is not possible, or its kernel has no path.
    """
    setup = from_config(load(config, overrides), config.parent)
    _check(setup)
    with setup.walkers.executor(setup.walkers.workers(setup, None)) as executor:
        setup = setup.completed(executor)
        start = setup.equilibrate(executor)
        setup = tuned(setup, executor, start)
        kappa = setup.kappa(start.samples)
        proposal, state_bias = setup.plan(kappa).fixed, UNBIASED
        if proposal is None:
            learned = run_in_memory(setup.changed(run={"jumps": 1}), executor, start, kappa)
            proposal, state_bias = from_bytes(learned.flows[-1].data), learned.state_bias
        return setup, scan(Bench(setup, executor, start, proposal, state_bias, jumps), kappa, watch)


def scan_run(folder: Path, jumps: int, watch: Callable[[Measured], None]) -> tuple[Setup, Scan]:
    """Scan the settings of a finished run, with its frozen proposal, from where its walkers stand.

    Raises:
        ConfigError: the folder holds no run, or its settings or files are others by now; or its kernel has no path.
    """
    record = open_record(folder)
    setup = from_config(checked_config(record.header, folder / CONFIG), folder, with_starts=False)
    _check(setup)
    with setup.walkers.executor(setup.walkers.workers(setup, None)) as executor:
        start = Equilibrated(setup.walkers.standing(setup, record.commit.frames), record.pilot)
        bench = Bench(setup, executor, start, from_bytes(record.flows[-1].data), record.state_bias, jumps)
        return setup, scan(bench, np.array(record.header.kappa), watch)


def _check(setup: Setup) -> None:
    if setup.settings.path.kernel == "none":
        raise ConfigError("path.kernel = 'none' has no path: there is nothing to scan")


def _adaptation(settings: Settings) -> int:
    """Jumps per walker before those that count: interim free energies for early rejection come from them."""
    return -(-LEARNING_JUMPS // settings.run.walkers) if settings.path.early_rejection else 0
