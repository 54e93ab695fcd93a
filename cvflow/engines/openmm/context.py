"""One OpenMM context and the integrator that makes its steps: placed, stepped and read."""

from collections.abc import Callable
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

import numpy as np
import openmm

from cvflow.core.frames import Frame, Positions
from cvflow.cv.base import STEPS_PASSED
from cvflow.engines.motion import BlownUpError, BondsLostError
from cvflow.engines.openmm import rattle
from cvflow.engines.openmm.platforms import Properties, context_properties, platform_named
from cvflow.engines.openmm.rigid import rigid_parts

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Integrator = TypeVar("_Integrator", bound=openmm.CustomIntegrator)


class PathContext(Generic[_Integrator]):
    """A system and the integrator that makes the steps of its paths.

    Attributes:
        integrator: advances by time steps when it is told to.
        context: OpenMM's own.
        rigid: what of the system moves as a whole.

    Raises:
        ValueError: the platform is not installed, or cannot run the system.
    """

    def __init__(
        self,
        system: openmm.System,
        integrator: _Integrator,
        platform: str,
        properties: Properties,
        devices: tuple[int, ...],
    ) -> None:
        self.integrator, self.rigid = integrator, rigid_parts(system)
        self._net = self.rigid.coupled
        self._keeps_neighbours = platform == "CPU"
        found = platform_named(platform)
        try:
            asked = context_properties(platform, found.getPropertyNames(), properties, devices)
            self.context = openmm.Context(system, integrator, found, asked)
        except openmm.OpenMMException as error:
            raise ValueError(f"OpenMM cannot run the system on platform {platform}: {error}") from error

    def place(self, frame: Frame) -> None:
        """Take up a configuration."""
        if frame.box is not None:
            self.context.setPeriodicBoxVectors(*frame.box)
        self.context.setPositions(frame.positions)
        if self.rigid.sites.any():
            self.context.computeVirtualSites()

    def tangential(self, velocities: Positions) -> Positions:
        """The part of velocities that rigid bonds allow where the context stands, whose own velocities stay.

        Of Maxwell's velocities it is those of the rigid system: OpenMM's projection is orthogonal in the metric of the
        masses.
        """
        if not self.rigid.constrained:
            return velocities
        own = self._velocities()
        self.context.setVelocities(velocities)
        self.context.applyVelocityConstraints(self.integrator.getConstraintTolerance())
        allowed = self._velocities()
        self.context.setVelocities(own)
        return allowed

    def check_bonds(self, positions: Positions) -> None:
        """Check that rigid bonds have their lengths, at an end of a path; the same for the path's reverse.

        Raises:
            BondsLostError: they have not.
        """
        if not self.rigid.kept(positions):
            raise BondsLostError("rigid bonds are not at their lengths")

    def check_turns(self, velocities: Positions) -> None:
        """Check that no rigid bond has turned so far in a step that the way back may be another, or is another.

        Args:
            velocities: of the context, where a path has ended.

        Raises:
            BondsLostError: one has.
        """
        if not self.rigid.constrained:
            return
        if not np.isfinite(velocities).all() or (self._net and rattle.strayed(self.integrator)):
            raise BondsLostError("rigid bonds turn too far in one time step, or find no way back")

    def _velocities(self) -> Positions:
        return self.context.getState(getVelocities=True).getVelocities(asNumpy=True)._value

    def forget(self, frame: Frame) -> None:
        """Make what follows independent of what the context computed before.

        The CPU platform keeps its neighbour list until atoms have moved, and the list's order is the order of its sums
        in single precision: the same path would differ in its last digits, and after some hundred steps everywhere.
        One energy of the frame moved far away rebuilds the list now, and placing the frame rebuilds it again.

        GPUs sort atoms in space as they go, and sum in that order, which nothing here undoes: there a path that is run
        again may differ in its last digits. (A checkpoint of the context as it was made has the atoms' own order, but
        not the neighbour list that belongs to it: energies of water were wrong after it.)
        """
        if self._keeps_neighbours:
            self.context.setPositions(frame.positions + 1000.0)
            self.context.getState(getEnergy=True)

    def let_time_pass(self) -> None:
        """Move the context's clock: a force may read it, and plugins bring forces that do."""
        self.context.setTime(self.context.getTime() + STEPS_PASSED * self.integrator.getStepSize())
        self.context.setStepCount(self.context.getStepCount() + STEPS_PASSED)

    def frame(self, state: openmm.State, like: Frame) -> Frame:
        """The configuration of a state, in the box of another."""
        return Frame(np.array(state.getPositions(asNumpy=True)._value), like.box)


def blowing_up(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """The function, which raises BlownUpError where OpenMM complains of a NaN."""

    @wraps(function)
    def guarded(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        try:
            return function(*arguments, **named)
        except openmm.OpenMMException as error:
            if "NaN" not in str(error):
                raise
            raise BlownUpError(str(error)) from error

    return guarded
