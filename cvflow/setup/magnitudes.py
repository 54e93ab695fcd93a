"""Time steps and temperatures of molecules: the usual ones, and those that are right in another unit: fs, °C."""

import numpy as np
import openmm

from cvflow.config.settings import Config, ConfigError
from cvflow.engines.openmm import rigid_parts

FLEXIBLE, RIGID, RIGID_AND_HEAVY = 0.0005, 0.002, 0.004
"""`path.timestep` [ps] where there is none: bonds to hydrogen vibrate, are rigid, or are rigid with heavy hydrogens."""

HYDROGEN, HEAVY = 4.5, 3.0
"""Masses [amu] up to which an atom is a hydrogen, and from which a hydrogen is a heavy one."""

LONGEST_TIMESTEP = 0.25
"""Time step [ps] from which molecules cannot be meant: 0.5 and 2 are what one writes in fs."""

COLDEST = 100.0
"""Temperature [K] below which °C may be meant: 25 and 37 are what one writes there."""


def usual_timestep(system: openmm.System) -> float:
    """A time step [ps] for a System's fastest bonds.

    2 fs where there are constraints and every hydrogen takes part in one, 4 fs where all hydrogens are heavy besides,
    and 0.5 fs otherwise. Those of rigid water need not be heavy: OpenMM's `hydrogenMass` leaves them as they are.
    """
    masses = np.array([system.getParticleMass(i)._value for i in range(system.getNumParticles())])
    rigid = rigid_parts(system)
    hydrogens = np.flatnonzero((masses > 0) & (masses < HYDROGEN))
    if not rigid.constrained or not np.isin(hydrogens, rigid.pairs).all():
        return FLEXIBLE
    in_water = rigid.pairs[np.isin(rigid.pairs, hydrogens).all(axis=1)]
    others = np.setdiff1d(hydrogens, in_water)
    return RIGID_AND_HEAVY if len(others) and (masses[others] >= HEAVY).all() else RIGID


def check_timestep(config: Config) -> None:
    """Check that the time step of molecules is one in ps.

    Raises:
        ConfigError: it would be one in fs.
    """
    timestep = config.path.timestep
    if timestep >= LONGEST_TIMESTEP:
        raise ConfigError(
            f"path.timestep = {timestep:g} ps is refused: time steps are in ps, not fs; {timestep:g} fs is "
            f"{timestep / 1000:g}"
        )


def temperature_notes(temperature: float) -> tuple[str, ...]:
    """A warning of temperatures that look like °C."""
    if temperature >= COLDEST:
        return ()
    return (f"warning: the temperature is {temperature:g} K; if °C are meant, it is {temperature + 273.15:g} K",)
