"""Tests. `checked` is the type checker that pytest puts around every function of the package."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""Beartype, with an int wherever a float is asked for, as Python's own typing has it."""
