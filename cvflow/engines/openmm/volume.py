"""The box at constant pressure: what one of OpenMM's Monte Carlo barostats in the system asks for.

OpenMM's barostats act when an integrator updates the context's state, which the path integrator never does, so paths
run at fixed box. Between jumps the box is moved here: OpenMM's own moves adapt their size as they go and draw from a
generator that lives with the context, so neither exactness nor reproducibility could be had from them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import openmm

from cvflow.core.acceptance import accepts, log_acceptance
from cvflow.core.frames import Box, Frame

BAR = 0.0602214076
"""1 bar in kJ/mol/nm³, and 1 bar nm in kJ/mol/nm²."""

AXES = "xyz"


class Stretch(NamedTuple):
    """One way in which a move changes the box.

    Attributes:
        powers: of the ratio c'/c, by which x, y and z grow; c is the volume, or the area of x and y where the volume is
            kept. c moves evenly to both sides, whatever it is now, so that a move and its reverse are as likely.
    """

    powers: tuple[float, float, float]

    @property
    def keeps_volume(self) -> bool:
        """Whether z gives what x and y take."""
        return sum(self.powers) == 0

    def measure(self, box: Box) -> float:
        """What is moved, c [nm³ or nm²]."""
        return area(box) if self.keeps_volume else volume(box)


ISOTROPIC = Stretch((1 / 3, 1 / 3, 1 / 3))
ALONG = tuple(Stretch((float(axis == 0), float(axis == 1), float(axis == 2))) for axis in range(3))
"""Each axis by itself."""


class Piston(NamedTuple):
    """What a barostat asks for.

    Attributes:
        barostat: its name.
        stretches: ways in which the box moves; one is drawn for each move.
        pressure: kJ/mol/nm³.
        tension: of the surface of x and y [kJ/mol/nm²].
        frequency: time steps between two moves.
        temperature: the barostat's own [K].
    """

    barostat: str
    stretches: tuple[Stretch, ...]
    pressure: float
    tension: float
    frequency: int
    temperature: float


def piston(system: openmm.System) -> Piston | None:
    """What the system's barostat asks for; none if it has none, or one that never moves anything.

    Raises:
        ValueError: there are several, or one whose moves have no distribution in common.
    """
    found = [(kind, force) for force in system.getForces() for kind in _READERS if type(force) is kind]
    if len(found) > 1:
        names = " and a ".join(kind.__name__ for kind, _ in found)
        raise ValueError(f"the system has a {names}: one alone can move the box; remove the others")
    if not found or found[0][1].getFrequency() == 0:
        return None
    kind, force = found[0]
    stretches, pressure, tension = _READERS[kind](force)
    if not stretches:
        return None
    return Piston(
        barostat=kind.__name__,
        stretches=stretches,
        pressure=BAR * pressure,
        tension=BAR * tension,
        frequency=max(1, force.getFrequency()),
        temperature=force.getDefaultTemperature()._value,
    )


_Asked = tuple[tuple[Stretch, ...], float, float]
"""Stretches, pressure [bar] and surface tension [bar nm]."""


def _isotropic(force: openmm.MonteCarloBarostat) -> _Asked:
    return (ISOTROPIC,), force.getDefaultPressure()._value, 0.0


def _anisotropic(force: openmm.MonteCarloAnisotropicBarostat) -> _Asked:
    free = [axis for axis, free in enumerate((force.getScaleX(), force.getScaleY(), force.getScaleZ())) if free]
    pressures = [force.getDefaultPressure()._value[axis] for axis in free]
    if len(set(pressures)) > 1:
        asked = ", ".join(f"{AXES[axis]} {pressure:g}" for axis, pressure in zip(free, pressures, strict=True))
        raise ValueError(
            f"the system's MonteCarloAnisotropicBarostat has different pressures along axes that move ({asked} bar): "
            "no distribution belongs to them, for what they do to the box depends on the order of the moves; give all "
            "of them one pressure, or let one axis move alone"
        )
    return tuple(ALONG[axis] for axis in free), pressures[0] if pressures else 0.0, 0.0


def _membrane(force: openmm.MonteCarloMembraneBarostat) -> _Asked:
    z = -1.0 if force.getZMode() == force.ConstantVolume else 0.0
    together, apart = [Stretch((0.5, 0.5, z))], [Stretch((1.0, 0.0, z)), Stretch((0.0, 1.0, z))]
    stretches = together if force.getXYMode() == force.XYIsotropic else apart
    if force.getZMode() == force.ZFree:
        stretches.append(ALONG[2])
    return tuple(stretches), force.getDefaultPressure()._value, force.getDefaultSurfaceTension()._value


_READERS: dict[Any, Callable[[Any], _Asked]] = {
    openmm.MonteCarloBarostat: _isotropic,
    openmm.MonteCarloAnisotropicBarostat: _anisotropic,
    openmm.MonteCarloMembraneBarostat: _membrane,
}

BAROSTATS = tuple(kind.__name__ for kind in _READERS)
"""Those whose moves are made here."""


@dataclass(frozen=True)
class VolumeMove:
    """Metropolis moves of the box at constant pressure; molecules keep their shape.

    The volume, or the area where the volume is kept, moves uniformly by at most c_0 / (2 √N), with c_0 that of the
    system's default box and N the number of molecules: about two standard deviations of a liquid's.

    Attributes:
        piston: what is asked for.
        molecules: atoms that move as one.
        default_box: of the system.
        kT: thermal energy [kJ/mol].

    Source: Frenkel and Smit, Understanding Molecular Simulation, section 5.4; Zhang, Feller, Brooks and Pastor,
    J. Chem. Phys. 103, 10252 (1995) for the surface tension.
    """

    piston: Piston
    molecules: list[list[int]]
    default_box: Box
    kT: float

    def __call__(
        self, frame: Frame, energy: Callable[[Frame], float], rng: np.random.Generator
    ) -> tuple[Frame, bool]:
        """One move: the frame it leads to, and whether it was accepted; `energy` is the potential's [kJ/mol]."""
        assert frame.box is not None
        stretch = self._drawn(rng)
        before = stretch.measure(frame.box)
        after = before + stretch.measure(self.default_box) / (2 * np.sqrt(len(self.molecules))) * rng.uniform(-1, 1)
        if not after > 0:
            return frame, False
        proposed = scaled(frame, self.molecules, [(after / before) ** power for power in stretch.powers])
        volumes = (volume(frame.box),) * 2 if stretch.keeps_volume else (before, after)
        gained = energy(proposed) - energy(frame) + self._work(frame.box, proposed.box, volumes[1] - volumes[0])
        work = float(gained / self.kT - self._log_jacobian(*volumes))
        accepted = accepts(log_acceptance(0.0, 0.0, work), rng)
        return (proposed if accepted else frame), accepted

    def _drawn(self, rng: np.random.Generator) -> Stretch:
        stretches = self.piston.stretches
        return stretches[0] if len(stretches) == 1 else stretches[rng.integers(len(stretches))]

    def _work(self, before: Box, after: Box | None, growth: float) -> float:
        """Of the pressure and of the surface [kJ/mol], the volume having grown by so much."""
        assert after is not None
        return self.piston.pressure * growth - self.piston.tension * (area(after) - area(before))

    def _log_jacobian(self, before: float, after: float) -> float:
        """Of the molecules' centres, which fill the volume."""
        return float(len(self.molecules) * np.log(after / before))


def default_box(system: openmm.System) -> Box:
    """The system's own box vectors, as rows [nm]."""
    return np.array([vector._value for vector in system.getDefaultPeriodicBoxVectors()])


def volume(box: Box) -> float:
    """Of a box [nm³]."""
    return float(np.linalg.det(box))


def area(box: Box) -> float:
    """Of a box's face across z [nm²]: OpenMM's boxes have their first two vectors in it."""
    return float(box[0, 0] * box[1, 1])


def scaled(frame: Frame, molecules: list[list[int]], factors: list[float]) -> Frame:
    """The frame in a box whose x, y and z are so much larger: molecules' centres follow the box, their shapes stay."""
    assert frame.box is not None
    growth = np.array(factors)
    positions = frame.positions.copy()
    for molecule in molecules:
        positions[molecule] += (growth - 1) * positions[molecule].mean(axis=0)
    return Frame(positions, growth * frame.box)
