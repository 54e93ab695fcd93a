"""PLUMED's text files: `COLVAR`, `jumps.dat` and `fes.dat`, for its tools and for `plumed.read_as_pandas`.

The format: one `#! FIELDS` line with the columns' names, `#! SET name value` lines with constants, then numbers
separated by blanks.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from cvflow.core.frames import Outcome
from cvflow.estimate.free_energy import FreeEnergyProfile
from cvflow.estimate.grid import Axis, cv_period
from cvflow.estimate.running import RunningConvergence, RunningDifferences
from cvflow.estimate.surface import FreeEnergySurface
from cvflow.estimate.work import CrossingWorks
from cvflow.store import Header, Record

ByName = Mapping[str, np.ndarray]

_OF_JUMPS = {"cv_old.": "cv_old", "from.": "centre_old", "to.": "centre_new", "cv_end.": "cv_end"}
"""Points of a jump in CV space: the prefix of their columns, and the field of the store's rows."""

_ENERGIES = {
    "units_free_energy": "kT",
    "units_stderr": "kT",
    "units_free_energy_kjmol": "kJ/mol",
    "units_stderr_kjmol": "kJ/mol",
    "nan": "too_few_visits_or_paths_to_tell_an_error",
}


def colvar_text(record: Record) -> str:
    """One row a turn, by jump and walker: the CVs [their units] after the turn's local move; time in ps.

    Where a bias makes chains visit every state as much, `state_bias` is what it is there [kJ/mol, or in reduced units
    kT], as REWEIGHT_BIAS takes it.
    """
    header = record.header
    circles = {cv: period for cv in header.cvs if np.isfinite(period := cv_period(header, cv))}
    constants = _units(header, "")
    for cv, period in circles.items():
        constants |= _circle(cv, period)
    return plumed_text(colvar_columns(record), constants)


def colvar_columns(record: Record) -> dict[str, np.ndarray]:
    """The columns of `COLVAR`."""
    header, order = record.header, _order(record.turns)
    columns = _turn_columns(header, record.turns[order]) | _by_cv("", header.cvs, record.turns["cv"][order])
    biased = any(flow.state_bias for flow in record.flows)
    return columns | ({"state_bias": header.kT * record.biases("cv")[order]} if biased else {})


def jumps_text(record: Record) -> str:
    """One row a jump, by jump and walker, with every ingredient of its acceptance.

    cv_old is ξ at the path's start and cv_end at its end, `from` is λ_0 and `to` is λ̃; works, heat and the logarithms
    are in kT, log_q per CV unit. log_acceptance = log_q_old - log_q_new - work, less what a bias of the states rises by
    from cv_old to cv_end.
    """
    constants = {f"units_{name}": "kT" for name in ("work", "protocol_work", "shadow_work", "heat")}
    for prefix in _OF_JUMPS:
        constants |= _units(record.header, prefix)
    constants |= {f"outcome_{outcome:d}": outcome.name.lower() for outcome in Outcome}
    return plumed_text(jump_columns(record), constants)


def jump_columns(record: Record) -> dict[str, np.ndarray]:
    """The columns of `jumps.dat`."""
    header, turns = record.header, _by_jump(record.turns)
    columns = _turn_columns(header, turns) | {"flow_version": turns["flow_version"]}
    for prefix, field in _OF_JUMPS.items():
        columns |= _by_cv(prefix, header.cvs, turns[field])
    columns |= {name: turns[name] for name in ("steps", "log_q_old", "log_q_new", "work", "protocol_work")}
    columns["shadow_work"] = turns["work"] - turns["protocol_work"]
    return columns | {name: turns[name] for name in ("heat", "log_acceptance", "accepted", "outcome")}


def fes_text(profile: FreeEnergyProfile, kT: float) -> str:
    """F along one CV on a grid like that of `plumed sum_hills`, in kT and (with kT in kJ/mol) in kJ/mol.

    As in PLUMED's grids, nbins counts the points; min and max are the first and the last point of a CV on a line, and
    the ends of the period, which are one point, of a CV on a circle. Where too few visits or paths tell an error, F and
    the error are nan, and the constant `nan` says so.
    """
    columns = {profile.cv: profile.centres, **_energies(profile.free_energy, profile.stderr, kT)}
    return plumed_text(columns, _grid(profile.axis) | _ENERGIES)


def surface_text(surface: FreeEnergySurface, kT: float) -> str:
    """F along two CVs, as `fes_text`; the first CV runs fastest, and a blank line follows each of its rows."""
    first, second = np.meshgrid(surface.first.centres, surface.second.centres)
    columns = {
        surface.first.cv: first.ravel(),
        surface.second.cv: second.ravel(),
        **_energies(surface.free_energy.T.ravel(), surface.stderr.T.ravel(), kT),
    }
    constants = _grid(surface.first) | _grid(surface.second) | _ENERGIES
    return plumed_text(columns, constants, block=first.shape[1])


def running_text(found: RunningDifferences, first: str) -> str:
    """ΔF [kT] and its error of each state from the first, after ever more jumps of each walker; nan where unknown."""
    columns: dict[str, np.ndarray] = {"jumps": found.jumps, "force_evaluations": found.evaluations}
    for index in range(len(found.names)):
        columns |= {f"delta_f.{index + 1}": found.value[:, index], f"stderr.{index + 1}": found.stderr[:, index]}
    names = {f"state_{index}": "_".join(name.split()) for index, name in enumerate([first, *found.names])}
    return plumed_text(columns, names | {"units_delta_f": "kT"})


def convergence_text(found: RunningConvergence, cvs: Sequence[str]) -> str:
    """R-hat and effective samples of each CV after ever more jumps of each walker; nan where nothing can be said."""
    columns: dict[str, np.ndarray] = {"jumps": found.jumps}
    for place, cv in enumerate(cvs):
        columns |= {f"r_hat.{cv}": found.r_hat[:, place], f"bulk.{cv}": found.bulk[:, place]}
        columns |= {f"tail.{cv}": found.tail[:, place]}
    return plumed_text(columns, {})


def works_text(works: CrossingWorks, start: str, end: str) -> str:
    """Works w [kT] and weights of all proposals between two states, of `crossing_works`; direction 0 is forward."""
    both = [directed.works for directed in works], [directed.weights for directed in works]
    columns = {
        "direction": np.repeat([0, 1], [len(directed.works) for directed in works]),
        "work": np.concatenate(both[0]),
        "weight": np.concatenate(both[1]),
    }
    names = {"state_0": "_".join(start.split()), "state_1": "_".join(end.split())}
    return plumed_text(columns, names | {"units_work": "kT", "work_500": "given_up_or_not_connecting"})


def _energies(free_energy: np.ndarray, stderr: np.ndarray, kT: float) -> ByName:
    return {
        "free_energy": free_energy,
        "stderr": stderr,
        "free_energy_kjmol": free_energy * kT,
        "stderr_kjmol": stderr * kT,
    }


def _grid(axis: Axis) -> dict[str, str]:
    count = {f"nbins_{axis.cv}": str(len(axis.centres))}
    if axis.periodic:
        return _circle(axis.cv, axis.period) | count | {f"periodic_{axis.cv}": "true"}
    ends = {f"min_{axis.cv}": repr(float(axis.centres[0])), f"max_{axis.cv}": repr(float(axis.centres[-1]))}
    return ends | count | {f"periodic_{axis.cv}": "false"}


def _circle(cv: str, period: float) -> dict[str, str]:
    """The ends of the period, in PLUMED's own word for an angle's."""
    end = "pi" if period == 2 * np.pi else repr(0.5 * period)
    return {f"min_{cv}": f"-{end}", f"max_{cv}": end}


def plumed_text(columns: ByName, constants: Mapping[str, str], block: int = 0) -> str:
    """Columns of equal length as PLUMED text; floats with the digits that give the same number back.

    With a `block`, a blank line follows after so many rows.
    """
    head = [f"#! FIELDS {' '.join(columns)}"]
    head += [f"#! SET {name} {value}" for name, value in constants.items()]
    rows = [f" {' '.join(row)}" for row in zip(*(_texts(column) for column in columns.values()), strict=True)]
    if block:
        rows = [f"{row}\n" if (i + 1) % block == 0 else row for i, row in enumerate(rows)]
    return "\n".join(head + rows) + "\n"


def turn_times(header: Header, jumps: np.ndarray) -> np.ndarray:
    """Time [ps] of local dynamics before each jump: the paths between states count no time, local moves their mean."""
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
    named = {
        f"units_{prefix}{cv}": "_".join(unit.split()) for cv, unit in zip(header.cvs, header.units, strict=True) if unit
    }
    return ({"units_time": "ps"} | named) if named else {}


def _by_jump(turns: np.ndarray) -> np.ndarray:
    return turns[_order(turns)]


def _order(turns: np.ndarray) -> np.ndarray:
    return np.lexsort((turns["walker"], turns["jump"]))


def _texts(column: np.ndarray) -> list[str]:
    if column.dtype.kind == "f":
        return [repr(float(value)) for value in column]
    return [str(int(value)) for value in column]
