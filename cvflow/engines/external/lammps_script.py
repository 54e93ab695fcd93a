"""The user's LAMMPS script: what it says of the system, and what it must leave to the path."""

import re
from typing import NamedTuple


class Units(NamedTuple):
    """What LAMMPS's units are worth in nm, kJ/mol and ps."""

    length: float
    energy: float
    time: float


# The conversions of energies are those that fix plumed makes, so that PLUMED's biases are in the same unit.
UNITS = {
    "lj": Units(1.0, 1.0, 1.0),
    "real": Units(0.1, 4.184, 0.001),
    "metal": Units(0.1, 96.48530749925792, 1.0),
}
"""By LAMMPS's names; reduced units are read as they are."""

_THE_PATH_S = {
    "run": "the path runs",
    "minimize": "the path begins from a given configuration",
    "rerun": "the path runs",
    "velocity": "the path draws its own velocities",
    "run_style": "the path is velocity Verlet",
    "timestep": "path.timestep sets it",
}
"""Commands that the script must not have, and why."""

_HARMLESS = ("cmap", "property/atom")
"""Fixes whose forces, if any, are in LAMMPS's potential energy without being told, and that move nothing."""

_RIGID = ("shake", "rattle")
"""Fixes that hold bonds."""

_NO_RIGID_BONDS = (
    "paths with rigid bonds are not tested for exactness in LAMMPS; let the bonds vibrate at a shorter time step, or "
    "take OpenMM or GROMACS, where they are"
)

_FRICTION = re.compile(r"\w*dpd\w*|gran|granular|brownian|lubricate\w*")
"""First words of pair styles with friction or noise."""

_FIX = re.compile(r"^Fix\[ *\d+\]: *(\S+), *style *= *(\S+?),", re.M)


def commands(script: str) -> list[list[str]]:
    """Its words, command by command: continued lines are joined, comments left out."""
    lines = re.sub(r"&[ \t]*\n", " ", script).splitlines()
    return [words for line in lines if (words := line.split("#")[0].split())]


def check_script(script: str, name: str) -> None:
    """Check that it only says what the system is.

    Raises:
        ValueError: it has a command that is the path's.
    """
    for words in commands(script):
        if words[0] in _THE_PATH_S:
            raise ValueError(f"engine.script: `{' '.join(words)}` of {name} is refused: {_THE_PATH_S[words[0]]}")
        if words[0] == "pair_style" and any(_FRICTION.fullmatch(word.split("/")[0]) for word in words[1:]):
            raise ValueError(f"engine.script: `{' '.join(words)}` of {name} is refused: it has friction or noise")


def check_information(printed: str, name: str) -> str:
    """Check what LAMMPS's `info system fixes` says after the script.

    Returns:
        its units, a key of UNITS.

    Raises:
        ValueError: it is no system that paths can be run of.
    """
    for label, style in _FIX.findall(printed):
        if style in _RIGID:
            raise ValueError(f"engine.script: `fix {label} … {style}` of {name} is refused: {_NO_RIGID_BONDS}")
        if style not in _HARMLESS:
            raise ValueError(
                f"engine.script: `fix {label} … {style}` of {name} is refused: a path is of constant energy, and all "
                "forces are in LAMMPS's potential energy or PLUMED's biases"
            )
    units, boundaries, dimensions = (
        found[1] if (found := re.search(rf"^{what} *= *(\S.*?) *$", printed, re.M)) else ""
        for what in ("Units", "Boundaries", "Dimensions")
    )
    if units not in UNITS:
        raise ValueError(f"engine.script: units {units} of {name} are not handled; write units {', '.join(UNITS)}")
    if boundaries != "p,p p,p p,p":
        raise ValueError(
            f"engine.script: boundaries {boundaries} of {name} are refused: fix plumed gives PLUMED the box as if it "
            "were periodic; write `boundary p p p`, with a large box for a molecule in vacuum"
        )
    if dimensions != "3":
        raise ValueError(f"engine.script: dimension {dimensions} of {name} is refused: paths are in three")
    return units
