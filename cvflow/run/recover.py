"""A run whose store is damaged or gone, taken back to the commit before."""

from collections.abc import Iterator
from pathlib import Path

from cvflow.config.settings import ConfigError
from cvflow.host.atomic import copy_whole
from cvflow.run.folder_lock import folder_lock
from cvflow.run.run_folder import STORE, holds_run, open_record
from cvflow.store import Record, claimed_seal, previous, read_record


def recover(folder: Path) -> Iterator[str]:
    """Put the commit before the last in the place of a damaged store, which stays under another name.

    Yields:
        What is kept, and what is gone.

    Raises:
        ConfigError: the folder holds no run, another process writes in it, or nothing in it is whole; nothing is
            touched then.
    """
    if not holds_run(folder):
        open_record(folder)
    path = folder / STORE
    reason = _why_not(path)
    if not reason:
        yield f"{path} is whole: nothing to recover"
        return
    record, lost = _kept(path, reason), ""
    with folder_lock(folder):
        if path.exists():
            aside, lost = _free_name(path), _lost(path, record)
            path.rename(aside)
            yield f"the damaged store is {aside} now, as it was"
        copy_whole(previous(path), path)
    yield f"kept: {len(record.turns)} jumps and {len(record.flows)} flows, as of the commit before"
    yield f"gone: what was done after it{lost}; `cvflow resume {folder}` does it again, the same"


def _why_not(path: Path) -> str:
    """Why a store cannot be read, empty if it can."""
    try:
        read_record(path)
    except ValueError as error:
        return str(error)
    return ""


def _kept(path: Path, reason: str) -> Record:
    try:
        return read_record(previous(path))
    except ValueError as error:
        raise ConfigError(f"nothing whole to go back to: {reason}; {error}") from error


def _lost(path: Path, record: Record) -> str:
    """By the damaged file's own last line, if that is still there."""
    seal = claimed_seal(path)
    return f" ({seal.turns - len(record.turns)} jumps)" if seal and seal.turns >= len(record.turns) else ""


def _free_name(path: Path) -> Path:
    """The first of run.damaged.h5, run.damaged-2.h5, … that is free."""
    number = 1
    while (name := path.with_name(f"{path.stem}.damaged{'' if number == 1 else f'-{number}'}{path.suffix}")).exists():
        number += 1
    return name
