"""The dumbbell as an ASE calculator, and the one-jump test's cases over it: the same potential, written once more."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.units import kJ, mol, nm

from cvflow.engine.ase import AseEngine, AseSpec
from cvflow.engine.openmm import OpenMMEngine
from cvflow.state import Outcome, PathResult
from tests.engine import dumbbell
from tests.engine.stationarity import Case


class DumbbellCalculator(Calculator):
    """In ASE's units outside, in nm and kJ/mol inside."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy, gradient = energy_and_gradient(self.atoms.positions / nm)
        self.results = {"energy": energy * kJ / mol, "forces": -gradient * (kJ / mol / nm)}


def energy_and_gradient(x):
    a, b, c = x
    bond = b - a
    r = np.linalg.norm(bond)
    n = bond / r
    z = (r - 2.3) / 0.8
    energy, slope = 1.6 * (1 - z**2) ** 2 + 0.8 * (r - 2.3), -6.4 * (1 - z**2) * z / 0.8 + 0.8
    if r < dumbbell.LJ_CUTOFF:
        s6, e4 = (dumbbell.LJ_SIGMA / r) ** 6, 4 * dumbbell.LJ_EPSILON
        energy, slope = energy + e4 * (s6**2 - s6), slope - e4 * (12 * s6**2 - 6 * s6) / r
    offset = c - np.array([dumbbell.SLOPE * r, 0, 0])
    energy += dumbbell.TETHER / 2 * a @ a + dumbbell.COUPLING / 2 * offset @ offset
    slope -= dumbbell.COUPLING * dumbbell.SLOPE * offset[0]
    return energy, np.array([dumbbell.TETHER * a - slope * n, slope * n, dumbbell.COUPLING * offset])


def atoms():
    made = Atoms("H3", positions=[[0, 0, 0], [16, 0, 0], [24, 0, 0]], masses=dumbbell.MASSES)
    made.calc = DumbbellCalculator()
    return made


@dataclass(frozen=True)
class AseCase(Case):
    engine: type[AseEngine] = AseEngine
    draws: int = 12_000

    def build(self) -> AseEngine | OpenMMEngine:
        return self.engine(AseSpec(atoms, (self.cv,), dumbbell.KT, self.timestep, self.friction, self.schedule))


class SwitchFirst(AseEngine):
    """Moves λ, then takes a whole Verlet step there: an order that has no reverse."""

    def _run(self, frame, velocities, steering, friction, rng, stakes):
        half = 0.5 * self._spec.timestep / self._masses
        before = self._energy(self._here(frame, steering, steering.start), velocities)
        for centre in self._spec.schedule.centres(steering.start, steering.end, steering.steps)[1:]:
            velocities = velocities + half * self._here(frame, steering, centre).forces
            frame = frame._replace(positions=frame.positions + self._spec.timestep * velocities)
            here = self._here(frame, steering, centre)
            velocities = velocities + half * here.forces
        work = (self._energy(here, velocities) - before) / self.kT
        return PathResult(frame, self.cv_values(frame), 0.0, work, work, 0.0, steering.steps, Outcome.COMPLETED)


class HalfStepVelocities(AseEngine):
    """Takes the velocities half a step on for those of the end."""

    def _energy(self, here, velocities):
        return super()._energy(here, velocities + 0.5 * self._spec.timestep / self._masses * here.forces)
