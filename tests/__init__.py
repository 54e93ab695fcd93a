"""Tests. `checked` is the type checker that pytest puts around every function of the package.

Each process has one thread: pytest has a worker a core, and two that begin two threads each wait for one another.
"""

import os

from beartype import BeartypeConf, beartype

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # read as torch and numpy are loaded

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""Beartype, with an int wherever a float is asked for, as Python's own typing has it."""
