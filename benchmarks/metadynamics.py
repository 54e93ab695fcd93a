"""Well-tempered metadynamics of a config's molecule, by OpenMM's own class: the same System, CVs, states and number of
force evaluations as a run of cvflow, to stand beside it.

As many runs as the config has walkers, each from its start, share the force evaluations equally. Each gives ΔF by
integrating its own free-energy surface over the named states; their mean has the error that their spread gives it. All
is counted, the filling too. Hills as in PLUMED's tutorials for torsions: 1.2 kJ/mol every 500 steps, 0.35 rad wide,
bias factor 10; OpenMM's LangevinMiddle at 1/ps.

    python benchmarks/metadynamics.py examples/amber_alanine/alanine.toml --evaluations 7628345
"""

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np
import openmm
from openmm import app

from cvflow.config.settings import load
from cvflow.core.units import temperature
from cvflow.engines.openmm import OpenMMSpec
from cvflow.setup import Setup, from_config
from cvflow.setup.engine_walkers import EngineWalkers

HEIGHT, PACE, BIAS_FACTOR = 1.2, 500, 10.0
"""kJ/mol, steps, and how many times hotter the CVs are."""


Limits = dict[str, tuple[float, float]]
"""Of the hills, for CVs that have none of their own."""


def delta_f(setup: Setup, walker: int, steps: int, width: float, bins: int, limits: Limits) -> float:
    """F(second state) - F(first state) [kT] of one run."""
    assert isinstance(setup.walkers, EngineWalkers)
    spec = setup.walkers.spec(setup)
    assert isinstance(spec, OpenMMSpec)
    system = openmm.XmlSerializer.deserialize(spec.system_xml)
    variables, lines = [], []
    for cv in spec.cvs:
        low, high = limits.get(cv.name, cv.range)
        force = cv.openmm_force(lambda value: value)
        variables.append(app.BiasVariable(force, low, high, width, bool(np.isfinite(cv.period)), bins))
        lines.append(np.linspace(low, high, bins))
    kelvin = temperature(spec.kT)
    bias = app.Metadynamics(system, variables, kelvin, BIAS_FACTOR, HEIGHT, PACE)
    integrator = openmm.LangevinMiddleIntegrator(kelvin, 1.0, spec.timestep)
    integrator.setRandomNumberSeed(setup.settings.run.seed + walker + 1)
    platform, topology = openmm.Platform.getPlatform(spec.platform), setup.topology
    simulation = app.Simulation(topology, system, integrator, platform, dict(spec.properties))
    frame = setup.walkers.starts[walker]
    if frame.box is not None:
        simulation.context.setPeriodicBoxVectors(*frame.box)
    simulation.context.setPositions(frame.positions)
    simulation.minimizeEnergy()
    simulation.context.setVelocitiesToTemperature(kelvin, setup.settings.run.seed + walker + 1)
    bias.step(simulation, steps)
    surface = bias.getFreeEnergy()._value / spec.kT
    grid = np.array(list(product(*lines)))
    states = setup.states.assign(grid)
    weights = np.exp(-surface.T.ravel())  # OpenMM's table has the last CV first
    a, b = (weights[states == state].sum() for state in (0, 1))
    return float(np.log(a / b))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--evaluations", type=int, required=True, help="force evaluations of all runs together")
    parser.add_argument("--width", type=float, default=0.35, help="of hills, in the CVs' unit")
    parser.add_argument("--bins", type=int, default=91)
    parser.add_argument("--limits", nargs=3, action="append", default=[], metavar=("CV", "LOW", "HIGH"))
    given = parser.parse_args()
    setup = from_config(load(given.config), given.config.parent)
    walkers = setup.settings.run.walkers
    limits = {name: (float(low), float(high)) for name, low, high in given.limits}
    steps = given.evaluations // walkers
    found = np.array([delta_f(setup, walker, steps, given.width, given.bins, limits) for walker in range(walkers)])
    error = float(found.std(ddof=1) / np.sqrt(walkers))
    print(json.dumps({"delta_f": float(found.mean()), "stderr": error, "runs": found.tolist(), "steps_each": steps}))


if __name__ == "__main__":
    main()
