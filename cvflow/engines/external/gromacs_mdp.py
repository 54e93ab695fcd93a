"""Settings of an .mdp file: the user's, and those that a path needs."""

import re

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
}
"""What a path needs, whatever the user's .mdp says."""

_BATHS = {
    "tc-grps", "tau-t", "ref-t", "nsttcouple", "nh-chain-length", "pcoupltype", "tau-p", "ref-p", "compressibility",
    "nstpcouple", "comm-grps", "nstcomm",
}  # fmt: skip
"""What says more of thermostats, barostats and the centre of mass's motion, which no path has; grompp would ask for
the groups that it names. Annealing's settings, too."""

_SETTING = re.compile(r"^\s*([\w-]+)\s*=\s*([^;]*?)\s*(?:;.*)?$")


def with_settings(mdp: str, settings: dict[str, str]) -> str:
    """An .mdp with these settings in the place of its own, whichever way those are spelled."""
    kept = [line for line in mdp.splitlines() if (key := _key(line)) not in settings and not _of_baths(key)]
    return "\n".join([*kept, *(f"{key} = {value}" for key, value in settings.items()), ""])


def _of_baths(key: str | None) -> bool:
    return key is not None and (key in _BATHS or key.startswith("annealing"))


def check_possible(mdp: str) -> None:
    """Check what an .mdp asks of the atoms and the box.

    Raises:
        ValueError: it is what no path has.
    """
    for key, value in settings_of(mdp):
        if key == "freezegrps" and value:
            raise ValueError("freezegrps in the .mdp is refused: all atoms of a path move; restrain positions instead")
        if key == "pcoupl" and value.lower() not in ("", "no"):
            raise ValueError(
                f"pcoupl = {value} in the .mdp is refused: the box stays as the starts have it. Take it out to sample "
                "at constant volume, from starts of the mean volume"
            )


def overridden(mdp: str) -> tuple[str, ...]:
    """Settings of an .mdp that say otherwise than a path needs, as `key = value`."""
    return tuple(
        f"{key} = {value}"
        for key, value in settings_of(mdp)
        if key in LAW and not key.startswith("nst") and value.lower() != LAW[key]
    )


def settings_of(mdp: str) -> list[tuple[str, str]]:
    """Settings as keys, spelled in one way, and values."""
    found = filter(None, map(_SETTING.match, mdp.splitlines()))
    return [(_normal(match[1]), match[2]) for match in found]


def _key(line: str) -> str | None:
    match = _SETTING.match(line)
    return _normal(match[1]) if match else None


def _normal(key: str) -> str:
    """GROMACS takes - and _ for the same, and knows no capitals."""
    return key.replace("_", "-").lower()
