"""Settings of an .mdp file: the user's, and those that a path needs."""

import re
from collections.abc import Mapping

_RARELY = "1000000000"

LAW = {
    "integrator": "md-vv",
    "gen-vel": "no",
    # With `yes`, md-vv takes the velocities that it is given for those of half a step before: no path reads backwards.
    "continuation": "no",
    "tcoupl": "no",
    "pcoupl": "no",
    "comm-mode": "none",
    # GROMACS makes the velocities tangential by a series; with its default of 4 terms they are off in the third digit.
    "constraint-algorithm": "lincs",
    "lincs-order": "50",
    "lincs-iter": "8",
    "nstcalcenergy": _RARELY,
    "nstenergy": _RARELY,
    "nstlog": "0",
    "nstfout": "0",
    "nstxout-compressed": "0",
    # Pairs that the list has not got yet heat a path, and none reads backwards: the buffer is for a few missing ones in
    # a path, where GROMACS's own (20 steps and 0.005 kJ/mol/ps for each atom) is for a thermostat to put right.
    "nstlist": "10",
    "verlet-buffer-tolerance": "1e-6",
}
"""What a path needs, whatever the user's .mdp says."""

_BATHS = {
    "tcgrps", "taut", "reft", "nsttcouple", "nhchainlength", "pcoupltype", "taup", "refp", "compressibility",
    "nstpcouple", "commgrps", "nstcomm",
}  # fmt: skip
"""What says more of thermostats, barostats and the centre of mass's motion, which no path has; grompp would ask for
the groups that it names. Annealing's settings, too."""

_CHANGING = re.compile(
    r"awh|pull(coord|group)?\d*rate|pullcoord\d+start|pullpbcrefprevstepcom|deform|annealing|simulatedtempering|"
    r"deltalambda|accelerate|cosacceleration|rotation|swapcoords|densityguidedsimulationactive|imdgroup|colvarsactive|"
    r"disretau|oriretau|e[xyz]t|electricfield[xyz]|e[xyz]"
)
"""Settings that let forces depend on time, on where atoms were or on the path's beginning, or forces whose energy
GROMACS does not count, unless they are nought."""

_NOTHING = ("", "no", "none", "off", "false")

_SETTING = re.compile(r"^\s*([\w-]+)\s*=\s*([^;]*?)\s*(?:;.*)?$")


def with_settings(mdp: str, settings: dict[str, str]) -> str:
    """An .mdp with these settings in the place of its own, whichever way those are spelled."""
    ours = set(map(_normal, settings))
    kept = [line for line in mdp.splitlines() if (key := _key(line)) not in ours and not _of_baths(key)]
    return "\n".join([*kept, *(f"{key} = {value}" for key, value in settings.items()), ""])


def _of_baths(key: str | None) -> bool:
    return key is not None and (key in _BATHS or key.startswith("annealing"))


def check_possible(mdp: str) -> None:
    """Check what an .mdp asks of the atoms, the box and the forces.

    Raises:
        ValueError: it is what no path has.
    """
    for key, (name, value) in settings_of(mdp).items():
        asked = f"{name} = {value} in the .mdp is refused"
        if key == "freezegrps" and value:
            raise ValueError("freezegrps in the .mdp is refused: all atoms of a path move; restrain positions instead")
        if key == "pcoupl" and not _is_nothing(value):
            raise ValueError(
                f"{asked}: the box stays as the starts have it. Take it out to sample at constant volume, from starts "
                "of the mean volume"
            )
        if _changing(key, value):
            raise ValueError(
                f"{asked}: forces of a path must be of one energy, which GROMACS counts, at both ends and in between"
            )


def _changing(key: str, value: str) -> bool:
    if key == "freeenergy":
        return value.lower() == "expanded"
    if re.fullmatch(r"pullcoord\d+expression", key):
        return re.search(r"\bt\b", value) is not None  # the time
    return _CHANGING.fullmatch(key) is not None and not _is_nothing(value)


def _is_nothing(value: str) -> bool:
    """Whether a setting is off: no, or noughts."""
    return all(word in _NOTHING or _is_zero(word) for word in value.lower().split())


def _is_zero(word: str) -> bool:
    try:
        return float(word) == 0
    except ValueError:
        return False


def overridden(mdp: str) -> tuple[str, ...]:
    """Settings of an .mdp that say otherwise than a path needs, as `key = value`."""
    given = settings_of(mdp)
    theirs = {key: given[_normal(key)][1] for key in LAW if _normal(key) in given}
    return tuple(
        f"{key} = {value}"
        for key, value in theirs.items()
        if not key.startswith("nst") and value.lower() != LAW[key]
    )


def settings_of(mdp: str) -> Mapping[str, tuple[str, str]]:
    """Settings as their keys are spelled and their values, by the keys that GROMACS takes them for."""
    found = filter(None, map(_SETTING.match, mdp.splitlines()))
    return {_normal(match[1]): (match[1], match[2]) for match in found}


def _key(line: str) -> str | None:
    match = _SETTING.match(line)
    return _normal(match[1]) if match else None


def _normal(key: str) -> str:
    """GROMACS reads past - and _ in a key, wherever they stand, and knows no capitals."""
    return key.replace("_", "").replace("-", "").lower()
