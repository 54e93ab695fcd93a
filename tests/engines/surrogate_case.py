"""The dumbbell on a surrogate that is wrong in centre and width, and the one-jump test's cases over it, mutants too."""

from dataclasses import dataclass

import openmm

from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.one_jump import Case
from cvflow.engines.openmm import OpenMMSpec
from cvflow.engines.surrogate import SurrogateEngine, SurrogateSpec
from tests.engines.verlet_case import XML


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

WRONG = openmm.XmlSerializer.serialize(wrong_system())


@dataclass(frozen=True)
class SurrogateCase(Case):
    """A case whose steps are the wrong system's."""

    engine: type[SurrogateEngine] = SurrogateEngine
    offset: float = MEAN_OFFSET

    def spec(self) -> SurrogateSpec:
        kT, cvs, path = self.target.kT, (self.cv,), (self.timestep, self.friction, self.schedule)
        truth, surrogate = (OpenMMSpec(xml, cvs, kT, self.timestep, platform=self.platform) for xml in (XML, WRONG))
        return SurrogateSpec(truth, surrogate, cvs, kT, *path, walls=self.walls, offset=self.offset)

    def build(self) -> SurrogateEngine:
        return self.engine(self.spec())


class WorkOfTheSurrogate(SurrogateEngine):
    """Decides by the energies of the potential that it moves on."""

    def _begin(self, frame, velocities, course):
        return self._surrogate._begin(frame, velocities, course)


class TruthAtTheEndAlone(SurrogateEngine):
    """Takes the surrogate's energy where a path begins."""

    def _begin(self, frame, velocities, course):
        motion = super()._begin(frame, velocities, course)
        above = self._above(frame, self._surrogate.potential_energy(frame))
        motion.before = motion.before._replace(energy=motion.before.energy - above + self._spec.offset)
        return motion


class LooksAgainstTheSurrogate(SurrogateEngine):
    """Holds paths on their way against where they began on the surrogate."""

    def _begin(self, frame, velocities, course):
        motion = super()._begin(frame, velocities, course)
        motion._offset += self._above(frame, self._surrogate.potential_energy(frame)) - MEAN_OFFSET
        return motion
