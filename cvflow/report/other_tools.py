"""A run as other tools take it: pandas, ArviZ, MDAnalysis, alchemlyb, mlcolvar. Each is imported where it is wanted."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cvflow.core.states import States
from cvflow.core.units import BOLTZMANN
from cvflow.estimate.convergence import chain_weights, cv_chains, production
from cvflow.estimate.work import CrossingWorks, crossing_works
from cvflow.report.plumed_text import colvar_columns, jump_columns, turn_times
from cvflow.store import Record

if TYPE_CHECKING:
    import MDAnalysis
    import pandas

Features = Callable[["MDAnalysis.Universe"], object]
"""Of one frame: a row of numbers that a CV is to be learned from."""


def turns_frame(record: Record) -> "pandas.DataFrame":
    """One row a turn, the columns of `COLVAR` and the state that the turn ended in ("" for none).

    Raises:
        ImportError: pandas is not installed.
    """
    columns, header = colvar_columns(record), record.header
    inside = States(header.states, header.cvs).assign(np.stack([columns[cv] for cv in header.cvs], axis=-1))
    names = np.array([*header.states, ""], dtype=object)
    return _library("pandas").DataFrame(columns | {"state": names[inside]})


def jumps_frame(record: Record) -> "pandas.DataFrame":
    """One row a jump, the columns of `jumps.dat`: every ingredient of its acceptance.

    Raises:
        ImportError: pandas is not installed.
    """
    return _library("pandas").DataFrame(jump_columns(record))


def arviz_tree(record: Record) -> Any:
    """Production as ArviZ's DataTree.

    Its group "posterior" has each CV, two draws a turn, by which the report's R-hat and effective sample sizes are
    reckoned, and where states have a bias "weight", one on the mean; "jumps" has one draw a turn: whether the jump was
    accepted, ln A, work [kT] and path steps.

    Raises:
        ImportError: arviz-base is not installed.
        ValueError: a walker has no production turn yet.
    """
    chains, made = cv_chains(record), production(record)
    posterior = {cv: chains[:, :, column] for column, cv in enumerate(record.header.cvs)}
    posterior |= {"weight": chain_weights(record)} if record.state_bias.energies else {}
    jumps = {name: made[name] for name in ("accepted", "log_acceptance", "work", "steps")}
    return _library("arviz_base", "arviz-base").from_dict({"posterior": posterior, "jumps": jumps})


def universe(record: Record, folder: Path, walker: int) -> "MDAnalysis.Universe":
    """A walker's frames, one a turn, with what the run knows of each in `ts.data`.

    There are the CVs by their names, "state" (its index, -1 for none), "production", and "weight": 1 in production, 0
    before it; where states have a bias exp(V), which is not one on the mean.

    Raises:
        ValueError: there is no such walker, or the folder has no trajectory that MDAnalysis reads.
    """
    header = record.header
    if not 0 <= walker < header.walkers:
        raise ValueError(f"walker must be 0 to {header.walkers - 1}, got {walker}")
    topology, frames = folder / "topology.pdb", folder / f"walker_{walker}.xtc"
    for file in (topology, frames):
        if not file.is_file():
            raise ValueError(f"{file}: no such file: runs of atoms by an engine inside cvflow have it")
    # A run that goes on has more frames than MDAnalysis may have noted beside the file.
    found = _library("MDAnalysis").Universe(str(topology), str(frames), refresh_offsets=True)
    chain = record.turns[record.turns["walker"] == walker]
    found.trajectory.add_transformations(_annotating(record, chain))
    return found


def alchemlyb_table(record: Record, start: str, end: str) -> "pandas.DataFrame":
    """The works between two states as alchemlyb's u_nk, for its BAR and MBAR.

    A path from one state weighs nothing there and its work w [kT] in the other; docs/theory.md, eq. (11), has w.

    Raises:
        ImportError: pandas is not installed.
        ValueError: a state is unknown, both are one, no path leads from one of them to the other, or paths were given
            up on their way: those that got to their end have weights then, of which alchemlyb and pymbar know nothing.
    """
    works = _crossing(record, start, end)
    if any((directed.weights != 1).any() for directed in works):
        raise ValueError(
            "paths were given up on their way (early rejection), so the others have weights, and u_nk has none: use "
            "delta_f, or a run with path.early_rejection = false"
        )
    pandas = _library("pandas")
    counts = [len(directed.works) for directed in works]
    forward, reverse = (directed.works[:, None] for directed in works)
    energies = np.concatenate([np.pad(forward, ((0, 0), (1, 0))), np.pad(reverse, ((0, 0), (0, 1)))])
    index = pandas.MultiIndex.from_arrays(
        [np.concatenate([np.arange(count, dtype=float) for count in counts]), np.repeat([0.0, 1.0], counts)],
        names=["time", "fep-lambda"],
    )
    table = pandas.DataFrame(energies, index, columns=[0.0, 1.0])
    table.attrs = {"temperature": record.header.kT / BOLTZMANN, "energy_unit": "kT"}
    return table


def mlcolvar_dataset(record: Record, folder: Path, features: Features | None = None) -> Any:
    """Production as mlcolvar's DictDataset: "data", and as "labels" the index of the state that each frame lies in.

    Args:
        record: the run.
        folder: where its trajectories lie; for `features` alone.
        features: makes the row of numbers of one frame, from an MDAnalysis Universe that stands at it; the CVs without.

    Raises:
        ImportError: mlcolvar is not installed.
        ValueError: there is no trajectory, or production has no frame in a named state.
    """
    library = _library("mlcolvar.data", "mlcolvar")
    header = record.header
    states = States(header.states, header.cvs)
    turns = record.turns[record.turns["production"]]
    labels = states.assign(turns["cv"])
    if not (labels >= 0).any():
        raise ValueError("production has no frame in a named state")
    data = turns["cv"] if features is None else _rows(record, folder, features)
    named = {"feature_names": header.cvs} if features is None else {}
    chosen = {"data": data[labels >= 0].astype(np.float32), "labels": labels[labels >= 0].astype(np.float32)}
    return library.DictDataset({name: _tensor(values) for name, values in chosen.items()}, **named)


def _rows(record: Record, folder: Path, features: Features) -> np.ndarray:
    """Features of each frame of production, by walker and turn, as the store's rows are."""
    rows = []
    for walker in range(record.header.walkers):
        frames = universe(record, folder, walker)
        rows += [np.asarray(features(frames)).ravel() for ts in frames.trajectory if ts.data["production"]]
    made = int(record.turns["production"].sum())
    if len(rows) != made:
        raise ValueError(f"{folder}: {len(rows)} frames of production for {made} turns")
    return np.stack(rows)


def _tensor(values: np.ndarray) -> Any:
    return _library("torch").from_numpy(values)


def _annotating(record: Record, chain: np.ndarray) -> Callable[[Any], Any]:
    """What MDAnalysis calls with each frame it reads: frames are found by their time, since some may be missing."""
    header = record.header
    inside, weights = States(header.states, header.cvs).assign(chain["cv"]), np.exp(record.state_bias.of(chain["cv"]))
    times = turn_times(header, chain["jump"])

    def annotate(ts: Any) -> Any:
        turn = int(np.abs(times - ts.time).argmin()) if np.ptp(times) > 0 else ts.frame
        ts.data |= dict(zip(header.cvs, chain["cv"][turn].tolist(), strict=True))
        ts.data["state"], ts.data["production"] = int(inside[turn]), bool(chain["production"][turn])
        ts.data["weight"] = float(weights[turn]) if chain["production"][turn] else 0.0
        return ts

    return annotate


def _crossing(record: Record, start: str, end: str) -> CrossingWorks:
    names = list(record.header.states)
    if start == end or start not in names or end not in names:
        raise ValueError(f"two different states of {', '.join(names)} are needed, got {start!r} and {end!r}")
    works = crossing_works(record, names.index(start), names.index(end))
    if not all(len(directed.works) and np.isfinite(directed.works).all() for directed in works):
        raise ValueError(f"production proposed no paths in both directions between {start} and {end}")
    return works


def _library(module: str, package: str = "") -> Any:
    """Raises ImportError, which says what to install."""
    try:
        return import_module(module)
    except ImportError as error:
        name = package or module
        raise ImportError(f"this needs {name}, which is not installed: `pip install {name}`") from error
