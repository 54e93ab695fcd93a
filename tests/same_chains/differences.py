"""Whether two runs left the same numbers behind, and where they first differ."""

import numpy as np

from tests.same_chains.stores import Arrays

NEAR = 1e-6
"""Of each number, and of the largest of its kind: what processors that round differently may come apart by."""


def differences(old: Arrays, new: Arrays, exactly: bool = True) -> list[str]:
    """A line for each array or field that is not the same; `exactly` asks for the same bits."""
    only = [f"{name} is {where}" for names, where in _apart(set(old), set(new)) for name in names]
    return only + [line for name in old if name in new for line in _of_array(name, old[name], new[name], exactly)]


def _apart(old: set[str], new: set[str]) -> tuple[tuple[list[str], str], ...]:
    return (sorted(old - new), "gone"), (sorted(new - old), "new")


def _of_array(name: str, old: np.ndarray, new: np.ndarray, exactly: bool) -> list[str]:
    if old.dtype.names is None or new.dtype.names is None:
        line = _line(old, new, exactly)
        return [f"{name}: {line}"] if line else []
    fields = {field: old[field] for field in old.dtype.names}, {field: new[field] for field in new.dtype.names}
    return [f"{name}: {line}" for line in differences(*fields, exactly)]


def _line(old: np.ndarray, new: np.ndarray, exactly: bool) -> str:
    """Where two arrays without fields differ; empty where they do not."""
    if old.dtype != new.dtype or old.shape != new.shape:
        return f"{old.dtype}{list(old.shape)} is now {new.dtype}{list(new.shape)}"
    different = ~(_same(old, new) | (False if exactly else _near(old, new)))
    if not different.any():
        return ""
    first = tuple(int(index[0]) for index in np.nonzero(np.atleast_1d(different)))
    was, now = np.atleast_1d(old)[first], np.atleast_1d(new)[first]
    return f"{np.count_nonzero(different)} of {different.size} differ, first at {list(first)}: {was!r} is now {now!r}"


def _same(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Element by element: the same bits, zeros of two signs apart; or neither is a number."""
    if not np.issubdtype(old.dtype, np.floating):
        return old == new
    return ((old == new) & (np.signbit(old) == np.signbit(new))) | (np.isnan(old) & np.isnan(new))


def _near(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Element by element, in units of itself or of the largest; integers and decisions are near nothing."""
    if not np.issubdtype(old.dtype, np.floating):
        return np.zeros(old.shape, bool)
    sizes = np.abs(old[np.isfinite(old)])
    return np.isclose(old, new, rtol=NEAR, atol=NEAR * (sizes.max() if sizes.size else 0.0))
