"""What is dear to make: made by the first of pytest's workers that asks for it, and copied by the others."""

import shutil
from pathlib import Path

from filelock import FileLock


def made_once(factory, name, make) -> Path:
    """A folder of one's own with what `make(folder)` wrote into the one that all workers of this session share."""
    own = factory.mktemp(name, numbered=True)
    base = factory.getbasetemp()
    session = base.parent if base.name.startswith("popen-") else base
    shared = session / f"once-{name}"
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            begun = session / f"begun-{name}"
            begun.mkdir()
            make(begun)
            begun.rename(shared)
    return Path(shutil.copytree(shared, own, dirs_exist_ok=True))
