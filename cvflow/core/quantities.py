"""OpenMM's quantities, and numpy's numbers, as the plain ones that this project works in: nm, ps, amu, kJ/mol, K."""

from collections.abc import Mapping
from sys import float_info
from typing import Any

import numpy as np

from cvflow.host.faults import brief

EXPECTED = {
    "temperature": "kelvin",
    "hydrogen_mass": "dalton",
    "timestep": "picosecond",
    "local_timestep": "picosecond",
    "friction": "1/picosecond",
    "r0": "nanometer",
    "cutoff": "nanometer",
    "beta": "1/nanometer",
    "positions": "nanometer",
}
"""What settings are measured in, by their names."""


def plain(value: Any, name: str = "") -> Any:
    """The value without units, and with Python's own numbers, inside mappings and lists too.

    Args:
        value: anything; what is no quantity stays what it is.
        name: of a setting, whose unit must be of the kind of `EXPECTED`, where it is one of those.

    Raises:
        ValueError: the quantity is of another kind.
    """
    if isinstance(value, Mapping):
        return {key: plain(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, name) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return plain(without_unit(value, name)) if is_quantity(value) else value


def is_quantity(value: Any) -> bool:
    """Whether it is one of OpenMM's."""
    return type(value).__name__ == "Quantity" and hasattr(value, "value_in_unit_system")


def without_unit(quantity: Any, name: str) -> Any:
    """The number, list or array of an OpenMM Quantity.

    Raises:
        ValueError: it is of another kind than `name` is.
    """
    from openmm import unit

    expected = EXPECTED.get(name)
    if expected is not None and not quantity.unit.is_compatible(_unit(expected)):
        raise ValueError(f"{name} is measured in {expected}, got {quantity.unit}")
    return quantity.value_in_unit_system(unit.md_unit_system)


def _unit(words: str) -> Any:
    from openmm import unit

    _, per, name = words.rpartition("/")
    found = getattr(unit, name)
    return found**-1 if per else found


def positive(value: Any, name: str) -> float:
    """A positive, finite number, from a number or a Quantity.

    Raises:
        ValueError: it is none.
    """
    number = plain(value, name)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= float_info.max:
        measured = f" [{EXPECTED[name]}]" if name in EXPECTED else ""
        raise ValueError(f"{name} must be a positive number{measured}, got {brief(value)}")
    return float(number)
