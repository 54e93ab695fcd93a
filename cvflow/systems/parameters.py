"""Ranges that parameters of built-in systems have."""

from math import inf


def check_positive(system: str, **parameters: float) -> None:
    """Parameters that are positive and finite.

    Raises:
        ValueError: one is not.
    """
    for name, value in parameters.items():
        if not 0 < value < inf:
            raise ValueError(f"{system} needs a positive {name}, got {value}")


def check_weight(system: str, **parameters: float) -> None:
    """Parameters that are the weight of one of two modes.

    Raises:
        ValueError: one is not between 0 and 1, or is one of them.
    """
    for name, value in parameters.items():
        if not 0 < value < 1:
            raise ValueError(f"{system} needs 0 < {name} < 1, got {value}")
