"""The store as one HDF5 file, whole at any moment while it grows.

HDF5 works in memory alone: a commit takes the file's image, seals it and puts it in the place of the one before. So no
reader ever meets half a commit, a process killed at any moment leaves its last one, a full disk is an error of one
`write`, and HDF5 parses no byte that its seal does not vouch for. No file is locked. Tables only grow, and one row of
`commits` says how long each was at each commit.
"""

from pathlib import Path
from uuid import uuid4

import h5py
import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Frame
from cvflow.store.base import Commit, FlowEntry, Header, Record, Store, bytes_array, turn_type
from cvflow.store.reading import read_record, record_in, sealed_file
from cvflow.store.seal import Seal, replace, sealed

_FLOW = [
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

_COMMIT = np.dtype([("turns", np.int64), ("flows", np.int64), ("flow_bytes", np.int64), ("wall_seconds", np.float64)])

_TABLES = ("turns", "flows", "flow_bytes")

_MEMORY = {"driver": "core", "backing_store": False, "libver": ("v110", "v110")}
"""Nothing of a file before its image is taken; of a version that programs of the last years read."""


def _flow_type(states: int) -> np.dtype:
    """Of a row a version; without states there is nothing to bias, and HDF5 has no columns without numbers."""
    return np.dtype([*_FLOW, *([("state_bias", np.float64, (states,))] if states else [])])


def _rows(flows: list[FlowEntry], columns: np.dtype) -> np.ndarray:
    """Flows as rows: a file's length in the place of the file, and NaN for a bias that there is not."""
    rows = np.zeros(len(flows), columns)
    for row, flow in zip(rows, flows, strict=True):
        values = flow._asdict() | {"bytes": len(flow.data), "state_bias": flow.state_bias or np.nan}
        for name in columns.names or ():
            row[name] = values[name]
    return rows


class HDF5Store(Store):
    """Writes a run. Rows are buffered until the commit; nothing is on disk before the first."""

    def __init__(
        self, path: Path, header: Header, pilot: Float[np.ndarray, "walkers samples cvs"], frame: Frame
    ) -> None:
        """`frame` gives the shape of a configuration and whether there is a box.

        Raises:
            FileExistsError: there is a file already.
        """
        if path.exists():
            raise FileExistsError(f"{path} is there already")
        self._open(path, header, pilot, frame)

    def _open(self, path: Path, header: Header, pilot: np.ndarray, frame: Frame) -> None:
        self._path = path
        self._seal: Seal | None = None
        self._turns: list[np.ndarray] = []
        self._flows: list[FlowEntry] = []
        self._file = h5py.File(uuid4().hex, "w", **_MEMORY)
        self._file.attrs["header"] = header.to_json()
        self._file["pilot"] = pilot
        for name, dtype, chunk in (
            ("turns", turn_type(len(header.cvs)), 256),
            ("flows", _flow_type(len(header.states)), 16),
            ("flow_bytes", np.uint8, 4096),
            ("commits", _COMMIT, 64),
        ):
            self._file.create_dataset(name, shape=(0,), maxshape=(None,), dtype=dtype, chunks=(chunk,), fletcher32=True)
        self._create_positions(header.walkers, frame)
        if frame.box is not None:
            self._file.create_dataset("boxes", shape=(header.walkers, 3, 3), dtype=np.float64)

    @classmethod
    def reopen(cls, path: Path, header: Header | None = None) -> "HDF5Store":
        """Continue a store from its last commit, under another header if one is given; the file stays until the next.

        Raises:
            ValueError: the file is no store, or damaged.
        """
        store = cls.__new__(cls)
        with sealed_file(path) as (file, seal):
            record = record_in(file)
            store._open(path, header or record.header, record.pilot, record.commit.frames[0])
            store._extend("commits", file["commits"][...])
        store.append_turns(record.turns)
        for flow in record.flows:
            store.append_flow(flow)
        store._seal = seal
        return store

    def append_turns(self, turns: np.ndarray) -> None:
        self._turns.append(turns)

    def append_flow(self, flow: FlowEntry) -> None:
        self._flows.append(flow)

    def commit(self, commit: Commit) -> None:
        self._write_positions(commit.frames)
        boxes = [frame.box for frame in commit.frames if frame.box is not None]
        if boxes:
            self._file["boxes"][...] = np.stack(boxes)
        self._extend("turns", np.concatenate([np.empty(0, self._file["turns"].dtype), *self._turns]))
        self._extend("flow_bytes", bytes_array(b"".join(flow.data for flow in self._flows)))
        self._extend("flows", _rows(self._flows, self._file["flows"].dtype))
        self._turns, self._flows = [], []
        marker = (*(len(self._file[name]) for name in _TABLES), commit.wall_seconds)
        self._extend("commits", np.array([marker], dtype=_COMMIT))
        self._file.flush()
        image = self._file.id.get_file_image()
        seal = sealed(image, len(self._file["commits"]), len(self._file["turns"]))
        replace(self._path, image, seal, self._seal)
        self._seal = seal

    def record(self) -> Record:
        if self._seal is None:
            raise ValueError(f"{self._path}: nothing was committed yet")
        return read_record(self._path)

    def close(self) -> None:
        """Let go of the memory."""
        self._file.close()

    def _create_positions(self, walkers: int, frame: Frame) -> None:
        """Numbers, or a program's files, whose lengths vary: as many bytes as the longest, and all lengths."""
        shape = (walkers, *frame.positions.shape)
        if frame.positions.dtype != np.uint8:
            self._file.create_dataset("positions", shape=shape, dtype=np.float64)
            return
        longest = (walkers, None)
        self._file.create_dataset("positions", shape=shape, maxshape=longest, dtype=np.uint8, chunks=(1, 1 << 16))
        self._file.create_dataset("lengths", shape=(walkers,), dtype=np.int64)

    def _write_positions(self, frames: list[Frame]) -> None:
        positions = self._file["positions"]
        if "lengths" not in self._file:
            positions[...] = np.stack([frame.positions for frame in frames])
            return
        lengths = [len(frame.positions) for frame in frames]
        positions.resize(max(positions.shape[1], *lengths), axis=1)
        for walker, frame in enumerate(frames):
            positions[walker, : lengths[walker]] = frame.positions
        self._file["lengths"][...] = lengths

    def _extend(self, name: str, rows: np.ndarray) -> None:
        table = self._file[name]
        length = len(table)
        table.resize(length + len(rows), axis=0)
        table[length:] = rows
