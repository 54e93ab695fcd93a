"""Well-tempered metadynamics of a config's molecule, by OpenMM's own class: the same System, CVs, states and number of
force evaluations as a run of cvflow, to stand beside it.

As many runs as the config has walkers, each from its start, share the force evaluations equally. Each gives ΔF by
integrating its own free-energy surface over the named states; their mean has the error that their spread gives it. All
is counted, the filling too. Hills as in PLUMED's tutorials for torsions: 1.2 kJ/mol every 500 steps, 0.35 rad wide,
bias factor 10; OpenMM's LangevinMiddle at 1/ps.

    python benchmarks/metadynamics.py examples/amber_alanine/alanine.toml --evaluations 7628345

A surface has a table, and six CVs would need 91⁶ numbers: `--along phi3 psi3` takes two of a config's CVs.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from biased import Grid, grid_of, molecule, simulation, spec_of
from openmm import app

from cvflow.config.settings import load
from cvflow.core.units import temperature
from cvflow.setup import Setup, from_config

HEIGHT, PACE, BIAS_FACTOR = 1.2, 500, 10.0
"""kJ/mol, steps, and how many times hotter the CVs are."""


def surface(setup: Setup, walker: int, steps: int, width: float, grid: Grid) -> np.ndarray:
    """Free energies [kT] of one run at the grid's points."""
    spec = spec_of(setup)
    kelvin = temperature(spec.kT)
    system, cvs = molecule(spec)
    variables = [
        app.BiasVariable(cv.openmm_force(str), low, high, width, bool(np.isfinite(cv.period)), grid.bins)
        for cv, low, high in zip(cvs, grid.low, grid.high, strict=True)
    ]
    bias = app.Metadynamics(system, variables, kelvin, BIAS_FACTOR, HEIGHT, PACE)
    bias.step(simulation(setup, system, walker), steps)
    return (bias.getFreeEnergy()._value / spec.kT).T.ravel()  # OpenMM's table has the last CV first


def delta_f(setup: Setup, surface: np.ndarray, grid: Grid) -> float:
    """F(second state) - F(first state) [kT] of a surface."""
    states, weights = setup.states.assign(grid.points), np.exp(-surface)
    a, b = (weights[states == state].sum() for state in (0, 1))
    return float(np.log(a / b))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--evaluations", type=int, required=True, help="force evaluations of all runs together")
    parser.add_argument("--width", type=float, default=0.35, help="of hills, in the CVs' unit")
    parser.add_argument("--bins", type=int, default=91)
    parser.add_argument("--limits", nargs=3, action="append", default=[], metavar=("CV", "LOW", "HIGH"))
    parser.add_argument("--along", nargs="+", metavar="CV", help="CVs that hills are along, where not all: two at most")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    given = parser.parse_args()
    config = load(given.config, given.set)
    config = config.changed(cv=[cv for cv in config.cv if cv.name in (given.along or [cv.name])])
    setup = from_config(config, given.config.parent)
    walkers, grid = setup.settings.run.walkers, grid_of(spec_of(setup), given.limits, given.bins)
    steps = given.evaluations // walkers
    found = np.zeros(walkers)
    for walker in range(walkers):
        found[walker] = delta_f(setup, surface(setup, walker, steps, given.width, grid), grid)
        print(f"run {walker + 1} of {walkers}: {found[walker]:.2f} kT", file=sys.stderr)
    error = float(found.std(ddof=1) / np.sqrt(walkers))
    print(json.dumps({"delta_f": float(found.mean()), "stderr": error, "runs": found.tolist(), "steps_each": steps}))


if __name__ == "__main__":
    main()
