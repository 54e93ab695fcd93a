"""What a store holds, once its seal has vouched for every byte."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import h5py
import numpy as np
from jaxtyping import Float, Int

from cvflow.core.frames import Frame
from cvflow.store.base import RUN_FORMAT, Commit, FlowEntry, Header, Record, in_todays_columns, sorted_turns
from cvflow.store.seal import DamagedStoreError, Seal, previous, seal_of, verified

_HDF5 = b"\x89HDF\r\n\x1a\n"

_OLDER = re.compile(rb'"version": "([^"\\]{1,40})".{0,4000}"format": "(cvflow-run-\d{1,6})"', re.DOTALL)
"""Of a header of any version, as it stands in the file."""

_BEGINNING = 1 << 20


def read_record(path: Path) -> Record:
    """Read what is committed, also while another process writes.

    Raises:
        ValueError: the file is no store, is one of another version, or is not whole; never a wrong number.
    """
    with sealed_file(path) as (file, _):
        return record_in(file)


class Storing(NamedTuple):
    """How a run has come along: one entry a commit.

    Attributes:
        turns: that were committed, of all walkers.
        wall_seconds: that the run had taken.
    """

    turns: Int[np.ndarray, " commits"]
    wall_seconds: Float[np.ndarray, " commits"]


def read_storing(path: Path) -> tuple[Record, Storing]:
    """Read what is committed, and when it was; also while another process writes.

    Raises:
        ValueError: as of `read_record`.
    """
    with sealed_file(path) as (file, _):
        commits = file["commits"][...]
        return record_in(file), Storing(commits["turns"], commits["wall_seconds"])


@contextmanager
def sealed_file(path: Path) -> Iterator[tuple[h5py.File, Seal]]:
    """Open a store of which every byte is what was committed; the file that is looked at is the one that is read.

    Raises:
        ValueError: it is no store, is one of another version, or is not whole.
    """
    try:
        with path.open("rb") as file:
            seal = _vouched(file)
            with h5py.File(file, "r") as opened:
                yield opened, seal
    except DamagedStoreError as error:
        raise DamagedStoreError(f"{path}: damaged ({error}); {_way_out(path)}") from error
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such file") from error


def _vouched(file: BinaryIO) -> Seal:
    """The seal, or in words why there is none."""
    try:
        return verified(file)
    except DamagedStoreError:
        file.seek(0)
        beginning = file.read(_BEGINNING)
        if beginning.startswith(_HDF5) and (found := _OLDER.search(beginning)) and found[2] != RUN_FORMAT.encode():
            version, other = found[1].decode(errors="replace"), found[2].decode()
            raise ValueError(
                f"{file.name}: a store of format {other}; this version reads {RUN_FORMAT}, the cvflow that wrote it "
                f"({version}) reads it"
            ) from None
        if not beginning.startswith(_HDF5):
            raise DamagedStoreError("not a cvflow store, or its beginning is gone") from None
        raise


def _way_out(path: Path) -> str:
    before = previous(path)
    seal = seal_of(before)
    if seal is None:
        return f"nothing whole lies beside it: bring a copy of it, or of {before.name}"
    return (
        f"{before.name} beside it is whole (commit {seal.commit}, {seal.turns} jumps): `cvflow recover {path.parent}` "
        "goes back to it"
    )


def record_in(file: h5py.File) -> Record:
    """Everything in a store whose bytes are known to be right.

    Raises:
        ValueError: it does not fit together.
    """
    header = Header.from_json(file.attrs["header"])
    commits = file["commits"][...]
    turns = sorted_turns(in_todays_columns(file["turns"][...], len(header.cvs)))
    flows = _flows(file)
    boxes = list(file["boxes"][...]) if "boxes" in file else [None] * header.walkers
    frames = [Frame(positions, box) for positions, box in zip(_positions(file), boxes, strict=True)]
    _check(commits, turns, flows, header)
    return Record(header, file["pilot"][...], turns, flows, Commit(frames, float(commits["wall_seconds"][-1])))


def _flows(file: h5py.File) -> list[FlowEntry]:
    data = file["flow_bytes"][...].tobytes()
    flows, offset = [], 0
    for row in file["flows"][...]:
        values = {name: row[name].tolist() for name in row.dtype.names}
        length, bias = values.pop("bytes"), values.pop("state_bias", [np.nan])
        known = tuple(bias) if np.isfinite(bias).all() else ()
        flows.append(FlowEntry(**values, data=data[offset : offset + length], state_bias=known))
        offset += length
    return flows


def _positions(file: h5py.File) -> list[np.ndarray]:
    """Of each walker, as they were committed."""
    stored = file["positions"][...]
    if "lengths" not in file:
        return list(stored)
    return [stored[walker, : int(length)] for walker, length in enumerate(file["lengths"][...])]


def _check(commits: np.ndarray, turns: np.ndarray, flows: list[FlowEntry], header: Header) -> None:
    """A program's own mistake, or another's hand, rather than the disk's: bytes can be right and rows missing.

    Raises:
        DamagedStoreError: jumps of a walker are missing or there twice, commits shrink, or say other lengths.
    """
    lengths = np.stack([commits[name] for name in ("turns", "flows", "flow_bytes")], axis=1)
    held = [len(turns), len(flows), sum(len(flow.data) for flow in flows)]
    if not len(lengths) or (np.diff(lengths, axis=0) < 0).any() or lengths[-1].tolist() != held:
        raise DamagedStoreError("its commits do not say what it holds")
    if [flow.version for flow in flows] != list(range(len(flows))):
        raise DamagedStoreError("versions of the flow are missing or there twice")
    walkers, begins, places = np.unique(turns["walker"], return_index=True, return_inverse=True)
    if not set(walkers) <= set(range(header.walkers)):
        raise DamagedStoreError("it holds jumps of walkers that it does not have")
    wrong = turns["walker"][turns["jump"] != np.arange(len(turns)) - begins[places]]
    if len(wrong):
        raise DamagedStoreError(f"jumps of walker {wrong[0]} are missing or there twice")
