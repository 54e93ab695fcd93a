"""Umbrella sampling of a config's molecule: a reference that knows nothing of cvflow's paths and jumps.

Windows are restraints on one or more of the config's CVs, on a grid of centres; the System with its walls, the CVs,
the temperature and the time step are the config's, the dynamics OpenMM's LangevinMiddle at 1/ps. Each window is run
from each of the config's starts: dragged there in a straight line, held, and sampled. MBAR (pymbar) puts them together.
ΔF is that of the second named state against the first, its error from blocks of each window drawn with replacement.
Beside it stands ΔF from each start alone: where they differ, something slow has no window.

    python benchmarks/umbrella.py CONFIG --windows phi -3.1416 3.1416 20 80 --windows psi -3.1416 3.1416 20 80

`--windows CV LOW HIGH COUNT KAPPA`, κ in kJ/mol per unit of the CV squared; on a circle HIGH is LOW again.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openmm
from jaxtyping import Float
from pymbar import MBAR

from cvflow.config.settings import load
from cvflow.core.frames import Frame, Point
from cvflow.core.periodic import wrapped
from cvflow.core.states import States
from cvflow.core.units import temperature
from cvflow.engines.openmm import OpenMMSpec
from cvflow.engines.openmm.restraint import restraint_force, set_restraint
from cvflow.engines.walls import walls_on
from cvflow.setup import Setup, from_config
from cvflow.setup.engine_walkers import EngineWalkers

FRICTION = 1.0
"""1/ps."""

DRAGS = 50
"""Moves of the restraint on its way to a window."""

SOLVER = ({"method": "adaptive", "options": {"min_sc_iter": 0}},)
"""pymbar's own Newton steps: scipy's root finder, which it tries first, refuses options that it is given."""

BLOCKS, BOOTSTRAPS = 10, 30
"""Of each window from each start; how often they are drawn."""

Values = Float[np.ndarray, "samples cvs"]


class Windows(NamedTuple):
    """Centres, one row a window, and spring constants [kJ/mol per unit squared], 0 for CVs without windows."""

    centres: Float[np.ndarray, "windows cvs"]
    kappa: Float[np.ndarray, " cvs"]


class Lengths(NamedTuple):
    """Time steps of each window, dragged there, held and sampled; and between two samples."""

    drag: int
    hold: int
    sample: int
    interval: int


class Umbrella:
    """The config's molecule under restraints that can be moved.

    Attributes:
        kT: kJ/mol.
        periods: of the CVs.
    """

    def __init__(self, setup: Setup, seed: int) -> None:
        assert isinstance(setup.walkers, EngineWalkers)
        spec = setup.walkers.spec(setup)
        assert isinstance(spec, OpenMMSpec)
        self._engine, system = spec.build(), spec.system()
        self.kT, self.periods = spec.kT, spec.periods
        for index, cv in enumerate(self._engine.cvs):
            system.addForce(restraint_force(cv, index))
        for cv, wall in walls_on(self._engine.cvs, spec.walls):
            system.addForce(cv.openmm_force(wall.expression))
        self._integrator = openmm.LangevinMiddleIntegrator(temperature(spec.kT), FRICTION, spec.timestep)
        self._integrator.setRandomNumberSeed(seed + 1)
        self._integrator.setConstraintTolerance(spec.constraint_tolerance)
        platform = openmm.Platform.getPlatform(spec.platform)
        threads = {"Threads": "1"} if spec.platform == "CPU" else {}
        self._context = openmm.Context(system, self._integrator, platform, threads | dict(spec.properties))

    def sampled(self, start: Frame, centre: Point, kappa: Point, lengths: Lengths) -> Values:
        """CV values in one window."""
        if start.box is not None:
            self._context.setPeriodicBoxVectors(*start.box)
        frame = self._engine.relaxed(start)
        self._context.setPositions(frame.positions)
        self._context.setVelocitiesToTemperature(self._integrator.getTemperature())
        here = self._engine.cv_values(frame)
        for share in np.linspace(0, 1, DRAGS + 1)[1:]:
            set_restraint(self._context, here + share * wrapped(centre - here, self.periods), kappa)
            self._integrator.step(lengths.drag // DRAGS)
        self._integrator.step(lengths.hold)
        return np.array([self._sample(frame, lengths.interval) for _ in range(lengths.sample // lengths.interval)])

    def _sample(self, like: Frame, interval: int) -> Point:
        self._integrator.step(interval)
        positions = self._context.getState(getPositions=True).getPositions(asNumpy=True)._value
        return self._engine.cv_values(like._replace(positions=positions))


def reduced(values: Values, windows: Windows, periods: Point, kT: float) -> Float[np.ndarray, "states samples"]:
    """Energies of all restraints [kT] for each sample; the last state has none."""
    bias = np.zeros((len(windows.centres) + 1, len(values)))
    for energy, centre in zip(bias, windows.centres, strict=False):
        energy[:] = 0.5 * wrapped(values - centre, periods) ** 2 @ windows.kappa / kT
    return bias


def analyse(
    series: Sequence[Values],
    windows: Windows,
    states: States,
    periods: Point,
    kT: float,
    bootstraps: int = BOOTSTRAPS,
) -> dict[str, float]:
    """ΔF [kT] by MBAR, with its error and the number of samples that it is worth.

    Args:
        series: of each window, from one start or several; whole blocks are drawn for the error.
        windows: their restraints.
        states: the named states.
        periods: of the CVs.
        kT: kJ/mol.
        bootstraps: how often blocks are drawn; none for no error.
    """
    energies = partial(reduced, windows=windows, periods=periods, kT=kT)
    mbar = _solved(series, energies)
    found = {"delta_f": _difference(series, mbar, states)}
    rng = np.random.default_rng(0)
    again = []
    for _ in range(bootstraps):
        drawn = [_resampled(values, rng) for values in series]
        again.append(_difference(drawn, _solved(drawn, energies, mbar.f_k), states))
    effective = float(mbar.compute_effective_sample_number()[-1])
    return found | {"stderr": float(np.std(again, ddof=1)) if again else float("nan"), "effective_samples": effective}


def _solved(series: Sequence[Values], energies: "partial[np.ndarray]", guess: np.ndarray | None = None) -> MBAR:
    return MBAR(energies(np.concatenate(series)), [*map(len, series), 0], initial_f_k=guess, solver_protocol=SOLVER)


def _difference(series: Sequence[Values], mbar: MBAR, states: States) -> float:
    index, weights = states.assign(np.concatenate(series)), mbar.weights()[:, -1]
    first, second = (weights[index == state].sum() for state in (0, 1))
    return float(np.log(first / second))


def _resampled(values: Values, rng: np.random.Generator) -> Values:
    blocks = np.array_split(values, BLOCKS)
    return np.concatenate([blocks[i] for i in rng.integers(BLOCKS, size=BLOCKS)])


def grid(asked: Sequence[Sequence[str]], names: Sequence[str], periods: Point) -> Windows:
    """The windows that the command line asks for."""
    kappa, lines = np.zeros(len(names)), [np.zeros(1) for _ in names]
    for name, low, high, count, spring in asked:
        cv = list(names).index(name)
        lines[cv] = np.linspace(float(low), float(high), int(count), endpoint=not np.isfinite(periods[cv]))
        kappa[cv] = float(spring)
    return Windows(np.array(list(product(*lines))), kappa)


def sample_all(
    umbrella: Umbrella, starts: Mapping[str, Frame], windows: Windows, lengths: Lengths
) -> dict[str, list[Values]]:
    """What each window gives from each start."""
    found: dict[str, list[Values]] = {name: [] for name in starts}
    for number, centre in enumerate(windows.centres):
        for name, frame in starts.items():
            found[name].append(umbrella.sampled(frame, centre, windows.kappa, lengths))
        print(f"{number + 1} of {len(windows.centres)} windows", end="\r", file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    words = ("CV", "LOW", "HIGH", "COUNT", "KAPPA")
    parser.add_argument("--windows", nargs=5, action="append", required=True, metavar=words)
    parser.add_argument("--drag", type=int, default=1000, help="time steps on the way to a window")
    parser.add_argument("--hold", type=int, default=1000, help="time steps there before it is sampled")
    parser.add_argument("--sample", type=int, default=5000, help="time steps that are sampled, from each start")
    parser.add_argument("--interval", type=int, default=25, help="time steps between samples")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=Path, help="npz file that takes all CV values")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    setup = from_config(load(given.config, given.set), given.config.parent)
    assert isinstance(setup.walkers, EngineWalkers)
    assert setup.opening is not None
    starts = dict(zip(setup.opening.names, setup.walkers.starts, strict=True))
    umbrella, lengths = Umbrella(setup, given.seed), Lengths(given.drag, given.hold, given.sample, given.interval)
    windows = grid(given.windows, setup.space.names, umbrella.periods)
    series = sample_all(umbrella, starts, windows, lengths)
    if given.save:
        np.savez(given.save, **windows._asdict(), **{name: np.array(values) for name, values in series.items()})
    analysed = partial(analyse, windows=windows, states=setup.states, periods=umbrella.periods, kT=umbrella.kT)
    together = [np.concatenate(each) for each in zip(*series.values(), strict=True)]
    alone = {name: analysed(values, bootstraps=0)["delta_f"] for name, values in series.items()}
    steps = len(windows.centres) * len(starts) * (lengths.drag + lengths.hold + lengths.sample)
    print(json.dumps({**analysed(together), "from_each_start": alone, "windows": len(windows.centres), "steps": steps}))


if __name__ == "__main__":
    main()
