"""PLUMED's files of one path: its input, and what it wrote."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Outcome, Steering
from cvflow.core.units import temperature
from cvflow.engines.external.process import PathFailedError
from cvflow.engines.external.program import COLVAR, ROW

LINKED_ACTION = "cvflow_action.so"
"""The library that holds the action, in the folder of a path."""

JUMP = "cvflow_jump"
"""Label of the action in PLUMED's input."""

_NOTHING = ("cvflow_nought: CONSTANT VALUE=0", "cvflow_unbiased: BIASVALUE ARG=cvflow_nought STRIDE={steps}")
"""A bias of zero, for PRINT refuses the pattern *.bias where nothing matches; it is due at both ends alone, so that
PLUMED has nothing to do at the steps of a free path."""


class Columns(NamedTuple):
    """A file of PLUMED's: its columns by name, and what its header has SET."""

    values: dict[str, Float[np.ndarray, " _rows"]]
    header: dict[str, str]


def input_text(
    lines: Sequence[str],
    cvs: Sequence[str],
    steps: int,
    steering: Steering | None,
    schedule: str,
    action: str,
    kT: float,
) -> str:
    """PLUMED's input for one path.

    Args:
        lines: that define the CVs.
        cvs: their labels.
        steps: of the path.
        steering: where the restraint's centre goes; None for a path without it.
        schedule: LINEAR or COSINE.
        action: the library that holds CVFLOW.
        kT: thermal energy, as PLUMED understands it [kJ/mol].
    """
    arguments = ",".join(cvs)
    jump = [] if steering is None else [f"LOAD FILE={action}", *lines, _jump(arguments, steering, schedule, kT)]
    printed = f"PRINT ARG={arguments},*.bias FILE={COLVAR} STRIDE={steps} FMT=%.17g"
    nothing = (line.format(steps=steps) for line in _NOTHING)
    return "\n".join([*(jump or lines), *nothing, printed, ""])


def _jump(arguments: str, steering: Steering, schedule: str, kT: float) -> str:
    start, end, kappa = (
        ",".join(format(float(x), ".17g") for x in row) for row in (steering.start, steering.end, steering.kappa)
    )
    return (
        f"{JUMP}: CVFLOW ARG={arguments} KAPPA={kappa} STEPS={steering.steps} SCHEDULE={schedule} "
        f"TEMP={temperature(kT):.12g} "
        f"FROM={start} TO={end} FILE={ROW}"
    )


def read_columns(path: Path) -> Columns:
    """Read a file of PLUMED's.

    Raises:
        PathFailedError: it is not there, or was not written to its end.
    """
    try:
        text = path.read_text(encoding="utf-8")
        lines = [line.split() for line in text.splitlines()]
        names = next(line[2:] for line in lines if line[:2] == ["#!", "FIELDS"])
        header = {line[2]: line[3] for line in lines if line[:2] == ["#!", "SET"]}
        rows = [line for line in lines if line and not line[0].startswith("#")]
        table = np.array([[_number(word) for word in row] for row in rows]).reshape(-1, len(names))
    except (OSError, StopIteration, IndexError, ValueError) as error:
        reason = f"PLUMED's {path.name} is missing or cut off"
        raise PathFailedError(Outcome.PROGRAM_FAILED, reason) from error
    return Columns(dict(zip(names, table.T, strict=True)), header)


def _number(word: str) -> float:
    return float("nan") if word == "NA" else float(word)


def biases(columns: Columns) -> Float[np.ndarray, " _rows"]:
    """The sum of all of PLUMED's biases at each row, the steered restraint among them."""
    names = [name for name in columns.values if name.endswith(".bias")]
    return np.sum([columns.values[name] for name in names], axis=0)


def period(columns: Columns, cv: str) -> float:
    """Of a CV, in its unit in PLUMED, infinite on a line.

    Raises:
        ValueError: its circle does not lie around zero.
    """
    ends = [columns.header.get(f"{which}_{cv}") for which in ("min", "max")]
    if None in ends:
        return float("inf")
    lowest, highest = (_multiple_of_pi(str(end)) for end in ends)
    if abs(lowest + highest) > 1e-9 * (highest - lowest):
        raise ValueError(f"CV {cv}: its domain in PLUMED is {ends[0]} to {ends[1]}; give one that lies around zero")
    return highest - lowest


def _multiple_of_pi(text: str) -> float:
    """PLUMED's header has pi, -pi, and multiples of it as words."""
    found = re.fullmatch(r"([-+]?)(\d*\.?\d*)\*?pi", text)
    if not found:
        return float(text)
    return float(f"{found[1]}{found[2] or 1}") * np.pi
