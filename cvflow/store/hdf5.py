"""The store as one HDF5 file, readable at any moment while it is written.

The file is in HDF5's single-writer-multiple-readers mode: data reach the disk before the metadata that point to them,
so a process killed at any moment leaves a file that can be read. Tables only grow; a commit first flushes them and then
appends one row to `commits`, which says how long each table was. A reader trusts the last such row and nothing later.
The walkers' frames alternate between two slots, so the slot that the last commit names is never the one being written.
To continue, what is committed is copied to a new file that replaces the old one: nothing is mended in place.
"""

import os
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from cvflow.state import Frame
from cvflow.store.base import Commit, FlowEntry, Header, Record, Store, bytes_array, sorted_turns, turn_type

_FLOW = np.dtype(
    [
        ("version", np.int32),
        ("span", np.float64),
        ("holdout_nll", np.float64),
        ("samples", np.int32),
        ("epochs", np.int32),
        ("seconds", np.float64),
        ("bytes", np.int64),
        ("training_nll", np.float64),
        ("kept_epoch", np.int32),
        ("effective_samples", np.float64),
    ]
)


def _row(flow: FlowEntry) -> tuple:
    """A flow as a row: its file's length in the place of the file."""
    return tuple(len(value) if isinstance(value, bytes) else value for value in flow)


def _commit_type(walkers: int) -> np.dtype:
    return np.dtype(
        [
            ("turns", np.int64),
            ("flows", np.int64),
            ("flow_bytes", np.int64),
            ("slot", np.int32),
            ("wall_seconds", np.float64),
            ("trajectory_bytes", np.int64, (walkers,)),
        ]
    )


class HDF5Store(Store):
    """Writes a run. Rows are buffered until the commit, which writes, flushes and syncs."""

    def __init__(
        self, path: Path, header: Header, pilot: Float[np.ndarray, "walkers samples cvs"], frame: Frame
    ) -> None:
        """Create the file; `frame` gives the shape of a configuration and whether there is a box.

        Raises:
            FileExistsError: there is a file already.
        """
        self._path = path
        self._turns: list[np.ndarray] = []
        self._flows: list[FlowEntry] = []
        walkers = header.walkers
        self._file = h5py.File(path, "x", libver="latest")
        self._file.attrs["header"] = header.to_json()
        self._file["pilot"] = pilot
        for name, dtype, chunk in (
            ("turns", turn_type(len(header.cvs)), 256),
            ("flows", _FLOW, 16),
            ("flow_bytes", np.uint8, 4096),
            ("commits", _commit_type(walkers), 64),
        ):
            self._file.create_dataset(name, shape=(0,), maxshape=(None,), dtype=dtype, chunks=(chunk,))
        self._create_positions(walkers, frame)
        self._file.create_dataset(
            "boxes", shape=(2, walkers, 3, 3) if frame.box is not None else (0,), dtype=np.float64
        )
        self._file.swmr_mode = True

    @classmethod
    def reopen(cls, path: Path) -> "HDF5Store":
        """Continue a store from its last commit, through a copy that replaces the file in one step.

        Raises:
            ValueError: the file is no store, or holds no commit.
        """
        record = read_record(path)
        copy = path.with_suffix(".tmp")
        copy.unlink(missing_ok=True)
        store = cls(copy, record.header, record.pilot, record.commit.frames[0])
        store.append_turns(record.turns)
        for flow in record.flows:
            store.append_flow(flow)
        store.commit(record.commit)
        os.replace(copy, path)
        store._path = path
        return store

    def append_turns(self, turns: np.ndarray) -> None:
        self._turns.append(turns)

    def append_flow(self, flow: FlowEntry) -> None:
        self._flows.append(flow)

    def commit(self, commit: Commit) -> None:
        slot = 1 - int(self._file["commits"][-1]["slot"]) if len(self._file["commits"]) else 0
        self._write_positions(slot, commit.frames)
        boxes = [frame.box for frame in commit.frames if frame.box is not None]
        if boxes:
            self._file["boxes"][slot] = np.stack(boxes)
        self._extend("turns", np.concatenate([np.empty(0, self._file["turns"].dtype), *self._turns]))
        self._extend("flow_bytes", bytes_array(b"".join(flow.data for flow in self._flows)))
        self._extend("flows", np.array([_row(flow) for flow in self._flows], dtype=_FLOW))
        self._turns, self._flows = [], []
        self._flush()
        lengths = [len(self._file[name]) for name in ("turns", "flows", "flow_bytes")]
        marker = (*lengths, slot, commit.wall_seconds, commit.trajectory_bytes)
        self._extend("commits", np.array([marker], dtype=self._file["commits"].dtype))
        self._flush()

    def record(self) -> Record:
        return _read(self._file)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _create_positions(self, walkers: int, frame: Frame) -> None:
        """Numbers, or a program's files, whose lengths vary: as many bytes as the longest, and all lengths."""
        shape = (2, walkers, *frame.positions.shape)
        if frame.positions.dtype != np.uint8:
            self._file.create_dataset("positions", shape=shape, dtype=np.float64)
            return
        longest = (2, walkers, None)
        self._file.create_dataset("positions", shape=shape, maxshape=longest, dtype=np.uint8, chunks=(1, 1, 1 << 16))
        self._file.create_dataset("lengths", shape=(2, walkers), dtype=np.int64)

    def _write_positions(self, slot: int, frames: list[Frame]) -> None:
        positions = self._file["positions"]
        if "lengths" not in self._file:
            positions[slot] = np.stack([frame.positions for frame in frames])
            return
        lengths = [len(frame.positions) for frame in frames]
        positions.resize(max(positions.shape[2], *lengths), axis=2)
        for walker, frame in enumerate(frames):
            positions[slot, walker, : lengths[walker]] = frame.positions
        self._file["lengths"][slot] = lengths

    def _extend(self, name: str, rows: np.ndarray) -> None:
        table = self._file[name]
        length = len(table)
        table.resize(length + len(rows), axis=0)
        table[length:] = rows

    def _flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.id.get_vfd_handle())


def read_record(path: Path) -> Record:
    """Read what is committed, also while another process writes.

    Raises:
        ValueError: the file is no store, or holds no commit.
    """
    try:
        with h5py.File(path, "r", libver="latest", swmr=True) as file:
            return _read(file)
    except (OSError, KeyError) as error:
        raise ValueError(f"{path}: not a cvflow store, or damaged ({error})") from error


def _positions(file: h5py.File, slot: int) -> list[np.ndarray]:
    """Of each walker, as they were committed."""
    stored = file["positions"]
    if "lengths" not in file:
        return list(stored[slot])
    return [stored[slot, walker, : int(length)] for walker, length in enumerate(file["lengths"][slot])]


def _read(file: h5py.File) -> Record:
    header = Header.from_json(file.attrs["header"])
    if not len(file["commits"]):
        raise ValueError(f"{file.filename}: nothing was committed before the run stopped; start it again")
    marker = file["commits"][-1]
    slot = int(marker["slot"])
    boxes = file["boxes"][slot] if len(file["boxes"]) else [None] * header.walkers
    frames = [Frame(positions, box) for positions, box in zip(_positions(file, slot), boxes, strict=True)]
    data = file["flow_bytes"][: int(marker["flow_bytes"])].tobytes()
    flows, offset = [], 0
    for row in file["flows"][: int(marker["flows"])]:
        values = dict(zip(row.dtype.names, row.item(), strict=True))
        length = values.pop("bytes")
        flows.append(FlowEntry(**values, data=data[offset : offset + length]))
        offset += length
    commit = Commit(frames, float(marker["wall_seconds"]), [int(n) for n in marker["trajectory_bytes"]])
    turns = sorted_turns(file["turns"][: int(marker["turns"])])
    return Record(header, file["pilot"][...], turns, flows, commit)
