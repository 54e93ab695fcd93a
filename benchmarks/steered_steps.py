"""Path steps a second against plain LangevinMiddle steps a second, on the polymer, in one pinned process.

Both integrators run in turn, A B A B …; the ratio of each pair is one figure, and the medians are printed. A path is
whole: fresh velocities, two energies, its schedule, its protocol work and its CV at the end are all in its time. The
plain system has no restraint.

    python benchmarks/steered_steps.py [--pairs 15] [--steps 700] [--core 0] [--platform CPU] [--precision mixed]

On a GPU: `cvflow verify --platform CUDA`, then this with `--platform CUDA --steps 5000`.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import openmm

from cvflow.core.frames import Frame, Steering
from cvflow.core.units import temperature
from cvflow.engines.openmm import OpenMMEngine, OpenMMSpec
from cvflow.engines.openmm.platforms import context_properties, platform_named, properties
from cvflow.sampler.jump import JumpState
from cvflow.sampler.local import UnadjustedLangevin
from cvflow.systems import Polymer

TIMESTEP = 0.014


def timed(function: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def steered(engine: OpenMMEngine, frame: Frame, steps: int, rng: np.random.Generator) -> float:
    """Seconds of one path across the states."""
    order = Steering(engine.cv_values(frame), np.array([5.65]), np.array([300.0]), steps)
    return timed(lambda: engine.steer(frame, order, rng))


def plain(context: openmm.Context, steps: int) -> float:
    """Seconds of as many steps of a context's own."""
    return timed(lambda: (context.getIntegrator().step(steps), context.getState(getPositions=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--precision")
    arguments = parser.parse_args()
    asked = properties(arguments.platform, arguments.precision, None, ())
    os.sched_setaffinity(0, {arguments.core})

    polymer, rng = Polymer(), np.random.default_rng(0)
    xml = openmm.XmlSerializer.serialize(polymer.system())
    where = {"platform": arguments.platform, "properties": asked}
    engine = OpenMMSpec(xml, (polymer.cv(),), polymer.kT, TIMESTEP, **where).build()
    start = engine.minimise(polymer.start("compact", rng), np.zeros(1), np.zeros(1))
    state = JumpState(start, engine.cv_values(start))
    for _ in range(4):
        state, _ = UnadjustedLangevin(500).step(state, engine, rng)

    integrator = openmm.LangevinMiddleIntegrator(temperature(polymer.kT), 1.0, TIMESTEP)
    platform = platform_named(arguments.platform)
    given = context_properties(arguments.platform, platform.getPropertyNames(), asked, ())
    context = openmm.Context(polymer.system(), integrator, platform, given)
    context.setPositions(state.frame.positions)
    context.setVelocitiesToTemperature(temperature(polymer.kT), 1)

    steered(engine, state.frame, arguments.steps, rng)
    plain(context, arguments.steps)
    pairs = [
        (steered(engine, state.frame, arguments.steps, rng), plain(context, arguments.steps))
        for _ in range(arguments.pairs)
    ]
    per_step = 1e6 / arguments.steps
    print(engine.in_use.words)
    print(f"steered path:    {per_step * median(path for path, _ in pairs):6.1f} µs a step (median of {len(pairs)})")
    print(f"LangevinMiddle:  {per_step * median(langevin for _, langevin in pairs):6.1f} µs a step")
    print(
        f"steps/s, steered over plain: {median(langevin / path for path, langevin in pairs):.3f} (median of the pairs)"
    )


if __name__ == "__main__":
    main()
