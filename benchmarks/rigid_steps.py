"""A steered path with rigid bonds against plain LangevinMiddle: alanine dipeptide in TIP3P, in one pinned process.

Bonds to hydrogen and water are rigid, with PME, at 2 fs and tolerance 1e-6 on the CPU platform. Both integrators run in
turn, A B A B …; the ratio of each pair is one figure, and the medians are printed. A path is whole, as in
steered_steps.py. Besides, W + W_back of paths and of their reverse, and what the time step adds to W.

    python benchmarks/rigid_steps.py [--pairs 9] [--steps 200] [--edge 2.87] [--core 0]
"""

import argparse
import os
from statistics import median

import numpy as np
import openmm
from openmm import app, unit
from steered_steps import plain, timed

from cvflow.core.frames import Frame, Steering
from cvflow.core.units import temperature
from cvflow.cv import torsion
from cvflow.engines.openmm import OpenMMEngine, OpenMMSpec, put_right
from cvflow.systems import AlanineDipeptide

TIMESTEP, TOLERANCE, KAPPA, TURN = 0.002, 1e-6, 300.0, 1.0


def solvated(edge: float) -> tuple[openmm.System, Frame]:
    """The peptide in a cube of water [nm], and where it begins."""
    peptide = AlanineDipeptide()
    state = next(iter(peptide.states))
    start = peptide.start(state, np.random.default_rng(0)).positions
    made = app.Modeller(peptide.topology(), start * unit.nanometer)
    field = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    made.addSolvent(field, model="tip3p", boxSize=openmm.Vec3(edge, edge, edge) * unit.nanometer)
    system = field.createSystem(
        made.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer, constraints=app.HBonds,
        removeCMMotion=False,
    )  # fmt: skip
    box = np.array([vector._value for vector in system.getDefaultPeriodicBoxVectors()])
    return system, put_right(system, Frame(np.array(made.positions.value_in_unit(unit.nanometer)), box), TOLERANCE)


def equilibrated(engine: OpenMMEngine, frame: Frame, rng: np.random.Generator) -> Frame:
    """Downhill, and two picoseconds with friction."""
    frame = engine.relaxed(frame)
    for _ in range(4):
        frame = engine.free_path(frame, 250, 5.0, rng).frame
    return frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--edge", type=float, default=2.87)
    parser.add_argument("--core", type=int, default=0)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})

    (system, frame), kT, rng = solvated(arguments.edge), AlanineDipeptide().kT, np.random.default_rng(0)
    phi = torsion("phi", 4, 6, 8, 14)
    xml = openmm.XmlSerializer.serialize(system)
    engine = OpenMMSpec(xml, (phi,), kT, TIMESTEP, constraint_tolerance=TOLERANCE).build()
    print(f"{system.getNumParticles()} atoms, {system.getNumConstraints()} constraints")
    frame = equilibrated(engine, frame, rng)

    def order(steps: int) -> Steering:
        here = engine.cv_values(frame)
        return Steering(here, here + TURN, np.array([KAPPA]), steps)

    for steps in (20, 100, 200):
        missed = [abs(engine.return_error(frame, order(steps), rng)) for _ in range(3)]
        print(f"|W + W_back| over {steps:3d} steps: {max(missed):.1e} kT (largest of 3)")
    shadow = [engine.steer(frame, order(200), rng).shadow_work for _ in range(5)]
    print(f"shadow work over 200 steps: {', '.join(f'{each:+.2f}' for each in shadow)} kT")

    integrator = openmm.LangevinMiddleIntegrator(temperature(kT), 1.0, TIMESTEP)
    integrator.setConstraintTolerance(TOLERANCE)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatform("CPU"), {"Threads": "1"})
    context.setPositions(frame.positions)
    context.setVelocitiesToTemperature(temperature(kT), 1)

    def steered() -> float:
        return timed(lambda: engine.steer(frame, order(arguments.steps), rng))

    steered(), plain(context, arguments.steps)
    pairs = [(steered(), plain(context, arguments.steps)) for _ in range(arguments.pairs)]
    per_step = 1e3 / arguments.steps
    print(f"steered path:    {per_step * median(path for path, _ in pairs):6.2f} ms a step (median of {len(pairs)})")
    print(f"LangevinMiddle:  {per_step * median(langevin for _, langevin in pairs):6.2f} ms a step")
    ratios = sorted(langevin / path for path, langevin in pairs)
    spread = f"{ratios[0]:.3f} to {ratios[-1]:.3f}"
    print(f"steps/s, steered over plain: {median(ratios):.3f} (median of the pairs, {spread})")


if __name__ == "__main__":
    main()
