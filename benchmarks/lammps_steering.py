"""Steered and plain steps a second in LAMMPS, and LAMMPS beside OpenMM, on the polymer, in one pinned process.

All run in turn, A B C D A B …; the ratio within each round is one figure, and the medians are printed, by the clock and
in processor time, in which what other processes take is not. A path is whole: fresh velocities, neighbour list, two
energies, its schedule, its protocol work and its CV at the end are all in its time. Plain LAMMPS is Verlet with
LAMMPS's own Langevin thermostat: of the whole system, whose double well is in the same callback as the restraint, and
without that well, which is LAMMPS alone.

    python benchmarks/lammps_steering.py [--rounds 15] [--steps 700] [--core 0]
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import openmm

from cvflow.core.frames import Frame, Steering
from cvflow.engines.base import Engine
from cvflow.engines.lammps import LammpsModel, LammpsSpec
from cvflow.engines.lammps.external_force import ExternalForce
from cvflow.engines.lammps.instance import LammpsInstance
from cvflow.engines.openmm import OpenMMSpec
from cvflow.sampler.jump import JumpState
from cvflow.sampler.local import UnadjustedLangevin
from cvflow.systems import Polymer

TIMESTEP = 0.014
CLOCKS = {"by the clock": time.perf_counter, "in processor time": time.process_time}


def path(engine: Engine, frame: Frame, steps: int) -> Callable[[], object]:
    """One path across the states."""
    order = Steering(engine.cv_values(frame), np.array([5.65]), np.array([300.0]), steps)
    rng = np.random.default_rng(1)
    return lambda: engine.steer(frame, order, rng)


def plain(model: LammpsModel, frame: Frame, steps: int, kT: float) -> Callable[[], object]:
    """As many thermostatted steps, one long run going on."""
    instance = LammpsInstance(model, TIMESTEP)
    instance.order(f"fix heat all langevin {kT} {kT} 1.0 1234")
    if model.long_bonds:
        instance.set_external(ExternalForce((), model.long_bonds, instance))
    else:
        instance.order("unfix cvflow_pull")
    instance.set_up(frame, np.sqrt(kT) * np.random.default_rng(2).standard_normal(frame.positions.shape))
    return lambda: instance.run(steps)


def seconds(run: Callable[[], object]) -> tuple[float, ...]:
    """By each clock."""
    begun = [clock() for clock in CLOCKS.values()]
    run()
    return tuple(clock() - start for clock, start in zip(CLOCKS.values(), begun, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--core", type=int, default=0)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})

    polymer, model, steps = Polymer(), Polymer().lammps(), arguments.steps
    lammps = LammpsSpec(model, (polymer.cv(),), polymer.kT, TIMESTEP).build()
    xml = openmm.XmlSerializer.serialize(polymer.system())
    other = OpenMMSpec(xml, (polymer.cv(),), polymer.kT, TIMESTEP).build()
    start = lammps.relaxed(polymer.start("compact", np.random.default_rng(0)))
    state = JumpState(start, lammps.cv_values(start))
    for _ in range(4):
        state, _ = UnadjustedLangevin(500).step(state, lammps, np.random.default_rng(0))
    runs = {
        "LAMMPS, steered path": path(lammps, state.frame, steps),
        "LAMMPS, plain": plain(model, state.frame, steps, polymer.kT),
        "LAMMPS, plain, without the well": plain(LammpsModel(model.commands), state.frame, steps, polymer.kT),
        "OpenMM, steered path": path(other, state.frame, steps),
    }
    for run in runs.values():
        run()
    rounds = [{name: seconds(run) for name, run in runs.items()} for _ in range(arguments.rounds)]
    for index, clock in enumerate(CLOCKS):
        print(f"{clock}, medians of {len(rounds)} rounds of {steps} steps:")
        for name in runs:
            taken = [1e6 / steps * each[name][index] for each in rounds]
            ratios = [each[name][index] / each["LAMMPS, steered path"][index] for each in rounds]
            print(f"  {name:<33}{median(taken):8.1f} µs a step; LAMMPS steered over this: {median(ratios):.3f} steps/s")


if __name__ == "__main__":
    main()
