"""The dumbbell as a user's file makes it, its tether a function of Python's: no System as XML."""

from dataclasses import dataclass

import numpy as np
import openmm
from openmm import app

from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.one_jump import Case
from cvflow.engines.openmm import OpenMMEngine, OpenMMSpec
from cvflow.host.functions import NamedFunction


def tether(state):
    positions = state.getPositions(asNumpy=True)._value[0]
    forces = np.zeros((3, 3))
    forces[0] = -dumbbell.TETHER * positions
    return 0.5 * dumbbell.TETHER * float(positions @ positions), forces


def made() -> tuple[app.Topology, openmm.System]:
    system = dumbbell.system()
    (index,) = [i for i, force in enumerate(system.getForces()) if isinstance(force, openmm.CustomExternalForce)]
    system.removeForce(index)
    system.addForce(openmm.PythonForce(tether))
    topology = app.Topology()
    residue = topology.addResidue("UNK", topology.addChain())
    for _ in range(system.getNumParticles()):
        topology.addAtom("X", None, residue)
    return topology, system


@dataclass(frozen=True)
class MadeCase(Case):
    """A case whose System comes from the function above."""

    def build(self) -> OpenMMEngine:
        function = NamedFunction(f"{__file__}:made")
        return self.engine(
            OpenMMSpec(
                "", (self.cv,), self.target.kT, self.timestep, self.friction, self.schedule, self.platform,
                function=function,
            )
        )  # fmt: skip
