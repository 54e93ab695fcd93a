"""Stores that say something else than what was run, whole and sealed."""

from dataclasses import replace
from pathlib import Path

from cvflow.store import HDF5Store, read_record


def rewrite(source: Path, target: Path, **header) -> None:
    """A copy of a store with other values in its header."""
    record = read_record(source)
    store = HDF5Store(target, replace(record.header, **header), record.pilot, record.commit.frames[0])
    store.append_turns(record.turns)
    for flow in record.flows:
        store.append_flow(flow)
    store.commit(record.commit)
    store.close()
