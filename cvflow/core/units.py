"""Units: nm, ps, amu, kJ/mol and K at the edges, kT from the path on.

In these units 1 amu nm²/ps² = 1 kJ/mol, so a system in reduced Lennard-Jones units is the same numbers read as nm, ps,
amu and kJ/mol.
"""

BOLTZMANN = 0.00831446261815324
"""Boltzmann's constant times Avogadro's, kJ/mol/K (2019 SI, exact to the digits given)."""

ANGSTROM = 0.1
"""nm."""

ELECTRONVOLT = 96.48533212331002
"""kJ/mol (2019 SI)."""


def thermal_energy(temperature: float) -> float:
    """Return kT [kJ/mol] at a temperature [K].

    Raises:
        ValueError: the temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature} K")
    return BOLTZMANN * temperature


def temperature(kT: float) -> float:
    """Return the temperature [K] at which the thermal energy is kT [kJ/mol]."""
    return kT / BOLTZMANN
