"""What a run leaves behind: append-only, committed, data and never code."""

from cvflow.store.base import Commit, FlowEntry, Header, Record, Store, sorted_turns, turn_type
from cvflow.store.hdf5 import HDF5Store, read_record
from cvflow.store.memory import MemoryStore

__all__ = [
    "Commit",
    "FlowEntry",
    "HDF5Store",
    "Header",
    "MemoryStore",
    "Record",
    "Store",
    "read_record",
    "sorted_turns",
    "turn_type",
]
