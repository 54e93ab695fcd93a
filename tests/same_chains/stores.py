"""What a store holds of a chain, read without cvflow."""

import json
from pathlib import Path

import h5py
import numpy as np
from safetensors.numpy import load

Arrays = dict[str, np.ndarray]
"""By name; tables have fields, and rows in the order of walkers and jumps."""

_FIXED = ("kT", "kappa", "timestep", "local_steps", "walkers", "adapt_jumps", "exact")
"""Of the header: numbers that a run goes by. The rest of it is words, versions and digests."""


def arrays(path: Path) -> Arrays:
    """All that does not depend on the clock."""
    with h5py.File(path) as file:
        found = {name: data[...] for name, data in file.items() if name not in ("commits", "flow_bytes")}
        header, flows = json.loads(file.attrs["header"]), file["flow_bytes"][...].tobytes()
    found["turns"] = np.sort(found["turns"], order=["walker", "jump"])
    if "lengths" in found:
        found["positions"] = files_in(found["positions"], found["lengths"])
    found["header"] = _record({name: np.array(header[name]) for name in _FIXED if name in header})
    end = 0
    for version, length in enumerate(found["flows"]["bytes"]):
        begin, end = end, end + int(length)
        found[f"flow {version}"] = _record(load(flows[begin:end]))
    return {name: _timeless(array) for name, array in found.items()}


def files_in(rows: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Bytes of a program's files, a row a walker; what is behind a file's end is of longer ones before it."""
    return np.where(np.arange(lengths.max()) < lengths[:, None], rows[:, : lengths.max()], 0)


def _record(tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Arrays of several shapes as the fields of one row."""
    names = sorted(tensors)
    row = np.empty(1, [(name, tensors[name].dtype, tensors[name].shape) for name in names])
    for name in names:
        row[name][0] = tensors[name]
    return row


def _timeless(array: np.ndarray) -> np.ndarray:
    """Without the clock's fields, nor the length of a file with words in its head."""
    names = [name for name in array.dtype.names or () if "seconds" not in name and name != "bytes"]
    if not names:
        return array
    bare = np.empty(array.shape, [(name, array.dtype[name]) for name in names])
    for name in names:
        bare[name] = array[name]
    return bare
