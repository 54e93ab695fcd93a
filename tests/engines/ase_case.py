"""The dumbbell as an ASE calculator, and the one-jump test's cases over it: the same potential, written once more."""

from dataclasses import dataclass, replace

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.units import kJ, mol, nm

from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify import wrong_motion as late
from cvflow.doctor.verify.one_jump import Case
from cvflow.engines.ase import AseEngine, AseSpec
from cvflow.engines.openmm import OpenMMEngine
from tests.engines import wrong_motion
from tests.engines.dumbbell_arrays import energy_and_gradient


class DumbbellCalculator(Calculator):
    """In ASE's units outside, in nm and kJ/mol inside."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy, gradient = energy_and_gradient(self.atoms.positions / nm)
        self.results = {"energy": energy * kJ / mol, "forces": -gradient * (kJ / mol / nm)}


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
