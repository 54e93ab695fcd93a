"""Targets on surrogates that are wrong in centre and width, the one-jump test's cases over them, and mutants."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import openmm

from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.laws import of_chain
from cvflow.doctor.verify.one_jump import Case
from cvflow.doctor.verify.rigid_chain import STIFF_CHAIN, RigidChain
from cvflow.engines.openmm import OpenMMSpec
from cvflow.engines.surrogate import SurrogateEngine, SurrogateSpec


def wrong_system() -> openmm.System:
    """The dumbbell with its wells tilted, stiffer tethers and another zero of energy."""
    system = dumbbell.system()
    tilt = openmm.CustomBondForce("2.5*(r-2.3)+0.5*(r-2.6)^2+5")
    tilt.addBond(0, 1, [])
    tether = openmm.CustomExternalForce("0.5*periodicdistance(x,y,z,where,0,0)^2")
    tether.addPerParticleParameter("where")
    tether.addParticle(0, [0.0])
    tether.addParticle(2, [2.3 * dumbbell.SLOPE])
    for force in (tilt, tether):
        system.addForce(force)
    return system


MEAN_OFFSET = -7.3
"""About what the energies of the dumbbell lie above those of the wrong system."""


def wrong_chain() -> openmm.System:
    """The rigid chain with other angles and another torsion."""
    system = RigidChain(STIFF_CHAIN.angle - 3, 0.7 * STIFF_CHAIN.bend).system()
    torsion = openmm.PeriodicTorsionForce()
    torsion.addTorsion(0, 1, 2, 3, 1, np.radians(100.0), 3.0)
    system.addForce(torsion)
    return system


@dataclass(frozen=True)
class SurrogateCase(Case):
    """A case whose steps are a wrong system's."""

    engine: type[SurrogateEngine] = SurrogateEngine
    offset: float = MEAN_OFFSET
    wrong: Callable[[], openmm.System] = wrong_system

    def spec(self) -> SurrogateSpec:
        kT, cvs, path = self.target.kT, (self.cv,), (self.timestep, self.friction, self.schedule)
        xml = [openmm.XmlSerializer.serialize(system()) for system in (self.target.system, self.wrong)]
        truth, surrogate = (OpenMMSpec(each, cvs, kT, self.timestep, platform=self.platform) for each in xml)
        return SurrogateSpec(truth, surrogate, cvs, kT, *path, walls=self.walls, offset=self.offset)

    def build(self) -> SurrogateEngine:
        return self.engine(self.spec())


def of_rigid_chain(engine: type[SurrogateEngine] = SurrogateEngine) -> SurrogateCase:
    """Rigid bonds, and a torsion as the CV, which lives on a circle."""
    chain = of_chain(STIFF_CHAIN, draws=4_000, steps=12, timestep=0.008)
    settings = {item.name: getattr(chain, item.name) for item in fields(chain)}
    return SurrogateCase(**settings | {"engine": engine, "wrong": wrong_chain, "offset": 0.0})


class WorkOfTheSurrogate(SurrogateEngine):
    """Decides by the energies of the potential that it moves on."""

    def _begin(self, frame, velocities, course):
        return self._surrogate._begin(frame, velocities, course)


class KnowingBoth(SurrogateEngine):
    """Can ask both potentials while a path is under way."""

    def __init__(self, spec):
        super().__init__(spec)
        self._other = spec.engine_of(spec.surrogate)

    def above(self, frame):
        """How much the true energy lies above the surrogate's."""
        return self.potential_energy(frame) - self._other.potential_energy(frame)


class TruthAtTheEndAlone(KnowingBoth):
    """Takes the surrogate's energy where a path begins."""

    def _begin(self, frame, velocities, course):
        motion = super()._begin(frame, velocities, course)
        energy = motion.before.energy - self.above(frame) + self._spec.offset
        motion.before = motion.before._replace(energy=energy)
        return motion


class LooksAgainstTheSurrogate(KnowingBoth):
    """Holds paths on their way against where they began on the surrogate."""

    def _begin(self, frame, velocities, course):
        motion = super()._begin(frame, velocities, course)
        motion._offset += self.above(frame) - MEAN_OFFSET
        return motion
