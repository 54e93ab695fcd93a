"""Folders of paths that failed, kept for looking at: the last few of each process."""

import os
import shutil
from pathlib import Path

FOLDER, KEPT = "cvflow-path-", "cvflow-failed-"
"""What the folder of a path is called, and of one that failed."""


def kept(folder: Path, number: int) -> Path:
    """Keep the folder of a path that failed, and no more than so many of this process.

    Args:
        folder: of the path, beside which it is kept.
        number: at least one.

    Returns:
        Where it is now.
    """
    ours = f"{KEPT}{os.getpid()}-"
    earlier = sorted(folder.parent.glob(f"{ours}*"), key=lambda place: place.stat().st_mtime_ns)
    for old in earlier[: len(earlier) + 1 - number]:
        shutil.rmtree(old, ignore_errors=True)
    place = folder.with_name(folder.name.replace(FOLDER, ours))
    os.utime(folder)
    return folder.rename(place)
