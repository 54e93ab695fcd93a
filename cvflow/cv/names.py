"""Names of CVs: words of state expressions, columns of text files, parts of file names."""

import re
from collections import Counter
from collections.abc import Sequence
from keyword import iskeyword

from cvflow.host.faults import brief

_WORD = re.compile(r"[A-Za-z]\w*\Z")

LONGEST_NAME = 64
"""Bytes of a name: files are named after two CVs at once, and most file systems take 255."""

RESERVED = frozenset(
    ["time", "walker", "jump", "production", "free_energy", "stderr", "free_energy_kjmol", "stderr_kjmol"]
)
"""Columns that COLVAR and fes.dat have beside the CVs."""


def checked_name(name: str) -> str:
    """Return the name if it can stand in state expressions, file headers and file names.

    Raises:
        ValueError: it cannot.
    """
    if not isinstance(name, str) or not _WORD.match(name) or iskeyword(name):
        raise ValueError(
            f"a CV's name must be a word of letters, digits and _ (and none of Python's own, such as and, or, not), "
            f"got {brief(name)}"
        )
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"a CV's name has at most {LONGEST_NAME} letters, got {len(name)}: {name[:12]}…")
    if name in RESERVED:
        raise ValueError(
            f"a CV cannot be called {name!r}: COLVAR or fes.dat has a column of that name; call it {name}_"
        )
    return name


def check_together(names: Sequence[str]) -> None:
    """Check that the names of one run's CVs, and the files named after them, are different ones.

    Raises:
        ValueError: they are not, or one of them cannot be a CV's name at all.
    """
    for name in names:
        checked_name(name)
    listed = ", ".join(names[:8])
    folded = Counter(name.casefold() for name in names)
    same = [name for name in names if folded[name.casefold()] > 1]
    if len(set(same)) < len(same):
        raise ValueError(f"two CVs have the same name: {listed}")
    if same:
        raise ValueError(
            f"CVs {' and '.join(same[:2])} differ in capitals alone, and files are named after them: rename one"
        )
    for name in names:
        parts = name.casefold().split("_")
        halves = [("_".join(parts[:i]), "_".join(parts[i:])) for i in range(1, len(parts))]
        for first, second in halves:
            if first != second and first in folded and second in folded:
                raise ValueError(f"fes_{name}.png would be of {name}, and of {first} and {second}: rename a CV")
