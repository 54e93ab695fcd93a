"""What a run leaves behind: append-only, committed, data and never code."""

from cvflow.store.base import Commit, FlowEntry, Header, Record, Store, sorted_turns, turn_type
from cvflow.store.hdf5 import HDF5Store
from cvflow.store.memory import MemoryStore
from cvflow.store.reading import Storing, read_record, read_storing
from cvflow.store.seal import DamagedStoreError, Seal, claimed_seal, previous, seal_of

__all__ = [
    "Commit",
    "DamagedStoreError",
    "FlowEntry",
    "HDF5Store",
    "Header",
    "MemoryStore",
    "Record",
    "Seal",
    "Store",
    "Storing",
    "claimed_seal",
    "previous",
    "read_record",
    "read_storing",
    "seal_of",
    "sorted_turns",
    "turn_type",
]
