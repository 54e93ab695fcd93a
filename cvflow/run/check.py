"""A run's folder, looked at and left alone: what is whole, one line a finding. Nothing in it is run."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cvflow.config.settings import ConfigError, load
from cvflow.run.run_folder import CONFIG, STORE, holds_run, open_record
from cvflow.run.same_run import differences
from cvflow.store import Record, previous, read_record, seal_of
from cvflow.store.trajectory import frame_atoms, frame_ends


class Found(NamedTuple):
    """One line, and whether what it names is whole."""

    line: str
    whole: bool = True


def check(folder: Path) -> Iterator[Found]:
    """Look at the store, at the commit before it, at the settings and at the trajectories.

    Raises:
        ConfigError: the folder holds no run.
    """
    if not holds_run(folder):
        open_record(folder)
    record = _record(folder / STORE)
    yield record if isinstance(record, Found) else _store(folder / STORE, record)
    yield from _before(previous(folder / STORE))
    yield from _settings(folder / CONFIG, record)
    if isinstance(record, Record):
        yield from (Found(f"{folder / STORE}: part of the potential: {wall}") for wall in record.header.walls)
        yield from _trajectories(folder, record)


def _record(path: Path) -> Record | Found:
    try:
        return read_record(path)
    except ValueError as error:
        return Found(str(error), whole=False)


def _store(path: Path, record: Record) -> Found:
    seal = seal_of(path)
    done = np.array(record.turns_done)
    each = f"{done.min()}" if done.min() == done.max() else f"{done.min()} to {done.max()}"
    number = "" if seal is None else f"commit {seal.commit}, "  # None: a run has just replaced it
    return Found(
        f"{path}: whole ({number}{len(record.turns)} jumps, {each} of each of {len(done)} walkers, "
        f"{len(record.flows)} flows)"
    )


def _before(path: Path) -> Iterator[Found]:
    """The store's first commit has none before it."""
    if not path.exists():
        return
    record = _record(path)
    yield record if isinstance(record, Found) else _store(path, record)


def _settings(path: Path, record: Record | Found) -> Iterator[Found]:
    """Those of the run's own file, and the files that they name, against what the run was begun with."""
    try:
        if isinstance(record, Found):
            load(path)
            faults = []
        else:
            faults = [f"{path}: {fault}" for fault in differences(record.header, path)]
    except ConfigError as error:
        faults = [str(error)]
    yield from (Found(fault, whole=False) for fault in faults)
    if not faults:
        yield Found(f"{path}: {'can be read' if isinstance(record, Found) else 'as the run was begun'}")


def _trajectories(folder: Path, record: Record) -> Iterator[Found]:
    """One frame a turn; a run that was stopped may have written more than it committed."""
    paths = [folder / f"walker_{walker}.xtc" for walker in range(record.header.walkers)]
    if not any(path.exists() for path in paths):
        return
    for path, turns in zip(paths, record.turns_done, strict=True):
        frames = sum(1 for _ in frame_ends(path, frame_atoms(path)))
        says = f"{path}: {frames} whole frames for {turns} committed jumps"
        yield Found(says if frames >= turns else f"{says}; for looking only, the run goes on without", frames >= turns)
