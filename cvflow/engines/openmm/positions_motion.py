"""A path under way in an OpenMM context that steers the positions of a few atoms."""

from typing import NamedTuple

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.frames import Frame, Positions
from cvflow.cv.interpolation import Knots
from cvflow.engines.motion import End, PerParticle
from cvflow.engines.openmm.context import PathContext, blowing_up
from cvflow.engines.openmm.motion import ContextMotion
from cvflow.engines.openmm.positions_integrator import PositionsRattle, PositionsVerlet

SteeredAtoms = Float[np.ndarray, "steered 3"]


class Guide(NamedTuple):
    """Where the steered atoms should be, and when.

    Attributes:
        atoms: which ones.
        knots: positions that are passed, joined by straight lines [nm].
        each: time steps from one to the next.
        kappa: spring constant [kJ/mol/nm²]; zero where atoms are held.
    """

    atoms: list[int]
    knots: Knots
    each: int
    kappa: float

    def at(self, step: int) -> SteeredAtoms:
        """Positions after so many steps [nm]."""
        piece, passed = divmod(step, self.each)
        if not passed:
            return self.knots[piece]
        return self.knots[piece] + passed / self.each * (self.knots[piece + 1] - self.knots[piece])

    def apart(self, positions: Positions, step: int) -> SteeredAtoms:
        """From there to where the atoms are [nm]."""
        return positions[self.atoms] - self.at(step)

    def energy(self, positions: Positions, step: int) -> float:
        """Of the springs [kJ/mol]."""
        return 0.5 * self.kappa * float((self.apart(positions, step) ** 2).sum())


class PositionsMotion(ContextMotion):
    """Beside atoms that are held on their way, or pulled along it by springs that the integrator adds to the forces.

    The work is not split: what part of it the time step makes is not measured, and the protocol work is NaN.
    """

    @blowing_up
    def __init__(
        self,
        context: PathContext[PositionsVerlet | PositionsRattle],
        frame: Frame,
        velocities: Positions,
        guide: Guide,
        half: PerParticle,
    ) -> None:
        """Begin.

        Args:
            context: which has forgotten other paths.
            frame: where the path begins.
            velocities: synchronous with it [nm/ps]; zero for atoms that are held.
            guide: of the steered atoms.
            half: the way from synchronous velocities to the context's, as part of a force [ps/amu]; zero for atoms
                that are held.
        """
        super().__init__(context, frame, half)
        self._integrator, self._guide, self._done = context.integrator, guide, 0
        self._set_off(frame, velocities)

    @blowing_up
    def advance(self, steps: int) -> None:
        end = self._done + steps
        while self._done < end:
            passed = self._done % self._guide.each
            if not passed:
                self._begin_piece(self._done // self._guide.each)
            here = min(end - self._done, self._guide.each - passed)
            self._integrator.step(here)
            self._done += here

    @blowing_up
    def end(self) -> End:
        state = self._state()
        frame = self._frame_at_end(state)
        instant = self._instant(state)
        return End(instant, frame, instant.energy - self._guide.energy(frame.positions, self._done), float("nan"))

    def _begin_piece(self, piece: int) -> None:
        start, end = self._guide.knots[piece : piece + 2]
        self._integrator.begin(self._among_all(start), self._among_all(end - start), self._guide.each)

    def _among_all(self, steered: SteeredAtoms) -> Positions:
        """Rows of the steered atoms among those of all."""
        rows = np.zeros_like(self._like.positions)
        rows[self._guide.atoms] = steered
        return rows

    def _energy(self, state: openmm.State) -> float:
        positions = state.getPositions(asNumpy=True)._value
        return state.getPotentialEnergy()._value + self._guide.energy(positions, self._done)

    def _forces(self, state: openmm.State) -> Positions:
        forces = np.array(state.getForces(asNumpy=True)._value)
        positions = state.getPositions(asNumpy=True)._value
        forces[self._guide.atoms] -= self._guide.kappa * self._guide.apart(positions, self._done)
        return forces
