"""What `[system]` says of a molecule's potential, as arguments of OpenMM's createSystem."""

from typing import Any

import numpy as np
from openmm import app, unit
from openmm.app.internal.unitcell import computePeriodicBoxVectors

from cvflow.config.section import ConfigError
from cvflow.config.system_section import SystemSection
from cvflow.core.frames import Box

CUTOFF = 1.0
"""`system.nonbonded_cutoff` [nm] where there is none."""

_WITH_BOX = ("CutoffPeriodic", "Ewald", "PME", "LJPME")
_CONSTRAINTS = {"none": None, "h-bonds": app.HBonds, "all-bonds": app.AllBonds, "h-angles": app.HAngles}


def given_box(given: SystemSection) -> Box | None:
    """The vectors of `system.box`, as rows [nm].

    Raises:
        ConfigError: its angles make no box.
    """
    if given.box is None:
        return None
    edges, angles = given.box[:3], given.box[3:] or [90.0, 90.0, 90.0]
    try:
        vectors = np.array(computePeriodicBoxVectors(*edges, *np.radians(angles))._value)
    except (ValueError, ZeroDivisionError):
        vectors = np.full((3, 3), np.nan)
    if not (np.isfinite(vectors).all() and np.linalg.det(vectors) > 0):
        raise ConfigError(f"system.box: edges {edges} nm with angles {angles} degrees make no box")
    return vectors


def method_of(given: SystemSection, box: Box | None) -> str:
    """OpenMM's nonbonded method: PME in a box and NoCutoff without, unless the config says another.

    Raises:
        ConfigError: it needs a box, and there is none.
    """
    method = given.nonbonded_method
    if method is None:
        return "NoCutoff" if box is None or given.implicit_solvent else "PME"
    if method in _WITH_BOX and box is None:
        raise ConfigError(
            f"system.nonbonded_method = {method!r} needs a periodic box, and the files have none: give its edges, "
            "box = [3.0, 3.0, 3.0] in nm"
        )
    return method


def is_periodic(method: str) -> bool:
    """Whether a nonbonded method repeats the box."""
    return method in _WITH_BOX


def arguments(given: SystemSection, method: str, box: Box | None) -> dict[str, Any]:
    """What createSystem is given.

    Args:
        given: the words.
        method: from `method_of`.
        box: rows of vectors [nm], if the system is periodic.

    Raises:
        ConfigError: the words do not go together, or the box is too small.
    """
    constraints = given.constraints or "none"
    made: dict[str, Any] = {
        "nonbondedMethod": getattr(app, method),
        "constraints": _CONSTRAINTS[constraints],
        "rigidWater": constraints != "none" if given.rigid_water is None else given.rigid_water,
        "removeCMMotion": False,
    }
    if given.implicit_solvent is not None:
        made["implicitSolvent"] = getattr(app, given.implicit_solvent)
    if given.ewald_error_tolerance is not None:
        made["ewaldErrorTolerance"] = given.ewald_error_tolerance
    return made | _cut_off(given, method, box)


def _cut_off(given: SystemSection, method: str, box: Box | None) -> dict[str, Any]:
    cutoff, switch = given.nonbonded_cutoff, given.switch_distance
    if method == "NoCutoff":
        for word, value in (("nonbonded_cutoff", cutoff), ("switch_distance", switch)):
            if value is not None:
                raise ConfigError(f"system.{word} = {value:g} is refused: nonbonded_method is NoCutoff here")
        return {}
    cutoff = CUTOFF if cutoff is None else cutoff
    if switch is not None and not switch < cutoff:
        raise ConfigError(f"system.switch_distance = {switch:g} nm is not below the cutoff of {cutoff:g} nm")
    width = float("inf") if box is None or not is_periodic(method) else float(np.diag(box).min())
    if cutoff > 0.5 * width:
        raise ConfigError(
            f"system.nonbonded_cutoff = {cutoff:g} nm is more than half of the box, which is {width:.4g} nm wide: give "
            f"at most {0.5 * width:.4g}, or a larger box"
        )
    made = {"nonbondedCutoff": cutoff * unit.nanometer}
    return made if switch is None else made | {"switchDistance": switch * unit.nanometer}
