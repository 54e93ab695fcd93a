"""PLUMED's text files: `COLVAR`, `jumps.dat` and `fes.dat`, for its tools and for `plumed.read_as_pandas`.

The format: one `#! FIELDS` line with the columns' names, `#! SET name value` lines with constants, then numbers
separated by blanks.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from cvflow.estimate.free_energy import Profile
from cvflow.state import Outcome
from cvflow.store import Header, Record

Columns = Mapping[str, np.ndarray]


def colvar_text(record: Record) -> str:
    """One row a turn, by jump and walker: the CVs [their units] after the turn's local move; time in ps."""
    turns = _by_jump(record.turns)
    columns = _turn_columns(record.header, turns) | _by_cv("", record.header.cvs, turns["cv"])
    return plumed_text(columns, _units(record.header, ""))


def jumps_text(record: Record) -> str:
    """One row a jump, by jump and walker, with every ingredient of its acceptance.

    cv_old is ξ at the path's start and cv_end at its end, `from` is λ_0 and `to` is λ̃; works, heat and the logarithms
    are in kT, log_q per CV unit. log_acceptance = log_q_old - log_q_new - work.
    """
    header, turns = record.header, _by_jump(record.turns)
    columns = _turn_columns(header, turns) | {"flow_version": turns["flow_version"]}
    sources = {"cv_old.": "cv_old", "from.": "centre_old", "to.": "centre_new", "cv_end.": "cv_end"}
    for prefix, field in sources.items():
        columns |= _by_cv(prefix, header.cvs, turns[field])
    columns |= {name: turns[name] for name in ("steps", "log_q_old", "log_q_new", "work", "protocol_work")}
    columns["shadow_work"] = turns["work"] - turns["protocol_work"]
    columns |= {name: turns[name] for name in ("heat", "log_acceptance", "accepted", "outcome")}
    constants = {f"units_{name}": "kT" for name in ("work", "protocol_work", "shadow_work", "heat")}
    for prefix in sources:
        constants |= _units(header, prefix)
    constants |= {f"outcome_{index}": outcome.name.lower() for index, outcome in enumerate(Outcome)}
    return plumed_text(columns, constants)


def fes_text(profile: Profile, kT: float) -> str:
    """F along one CV on a grid like that of `plumed sum_hills`, in kT and (with kT in kJ/mol) in kJ/mol.

    As in PLUMED's grids of non-periodic variables, min and max are the first and the last point, and nbins counts the
    points. Where no sample fell, F is nan.
    """
    cv, centres = profile.cv, profile.centres
    columns = {
        cv: centres,
        "free_energy": profile.free_energy,
        "stderr": profile.stderr,
        "free_energy_kjmol": profile.free_energy * kT,
        "stderr_kjmol": profile.stderr * kT,
    }
    constants = {
        f"min_{cv}": repr(float(centres[0])),
        f"max_{cv}": repr(float(centres[-1])),
        f"nbins_{cv}": str(len(centres)),
        f"periodic_{cv}": "false",
    }
    units = {"free_energy": "kT", "stderr": "kT", "free_energy_kjmol": "kJ/mol", "stderr_kjmol": "kJ/mol"}
    return plumed_text(columns, constants | {f"units_{name}": unit for name, unit in units.items()})


def plumed_text(columns: Columns, constants: Mapping[str, str]) -> str:
    """Columns of equal length as PLUMED text; floats with the digits that give the same number back."""
    head = [f"#! FIELDS {' '.join(columns)}"]
    head += [f"#! SET {name} {value}" for name, value in constants.items()]
    texts = [_texts(column) for column in columns.values()]
    return "\n".join(head + [f" {' '.join(row)}" for row in zip(*texts, strict=True)]) + "\n"


def turn_times(header: Header, jumps: np.ndarray) -> np.ndarray:
    """Time [ps] of local dynamics before each jump: the paths between states count no time."""
    # Rounded to the femtosecond's billionth: 3 × 0.7 shall print as 2.1.
    return np.round(jumps * (header.local_steps * header.timestep), 12)


def _turn_columns(header: Header, turns: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "time": turn_times(header, turns["jump"]),
        "walker": turns["walker"],
        "jump": turns["jump"],
        "production": turns["production"],
    }


def _by_cv(prefix: str, cvs: Iterable[str], values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{prefix}{cv}": values[:, index] for index, cv in enumerate(cvs)}


def _units(header: Header, prefix: str) -> dict[str, str]:
    """CVs' units as constants. In reduced units there is none to name, and PLUMED knows no empty value."""
    named = {f"units_{prefix}{cv}": unit for cv, unit in zip(header.cvs, header.units, strict=True) if unit}
    return ({"units_time": "ps"} | named) if named else {}


def _by_jump(turns: np.ndarray) -> np.ndarray:
    return turns[np.lexsort((turns["walker"], turns["jump"]))]


def _texts(column: np.ndarray) -> list[str]:
    if column.dtype.kind == "f":
        return [repr(float(value)) for value in column]
    return [str(int(value)) for value in column]
