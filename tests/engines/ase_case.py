"""The dumbbell as an ASE calculator, and the one-jump test's cases over it: the same potential, written once more."""

from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.units import kJ, mol, nm

from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify import wrong_motion as late
from cvflow.doctor.verify.one_jump import Case
from cvflow.engines.ase import AseEngine, AseSpec
from cvflow.engines.openmm import OpenMMEngine
from tests.engines import wrong_motion


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
        spec = AseSpec(atoms, (self.cv,), dumbbell.KT, self.timestep, self.friction, self.schedule)
        return self.engine(replace(spec, walls=self.walls))


class SwitchFirst(wrong_motion.SwitchFirst, AseEngine):
    pass


class HalfStepVelocities(late.HalfStepVelocities, AseEngine):
    pass
