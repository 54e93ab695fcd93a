"""Cores of this machine: those that this process may use, and those that no other run has taken.

OpenMM's CPU platform wants a core to itself, so workers are pinned; two runs that pin to the same cores halve each
other's speed while other cores idle. A run therefore claims cores by locks on files, which end with their process.
"""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

OWN_GROUPS, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
"""Where Linux says which control groups this process is in, and what they grant."""


def available_cores() -> set[int]:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def usable_cores() -> int:
    """How many of them at a time: a container's quota may be less than the cores it sees; one at least."""
    quota = min(map(_quota, _groups()), default=float("inf"))
    return max(1, int(min(len(available_cores()), quota)))


def _groups() -> list[Path]:
    """Folders of the control groups that share out this process's CPU time, its own and those around it."""
    try:
        lines = OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for _, controllers, place in (line.split(":", 2) for line in lines):
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = GROUPS / "cpu" if controllers else GROUPS
        inner = Path(place.lstrip("/"))
        # In a container the path may be the host's and be missing here, while the top is the container's own.
        found += [top / inner, *(top / outer for outer in inner.parents)]
    return found


def _quota(group: Path) -> float:
    """CPU time per wall time that a group has, of cgroup v2 or v1; infinite where there is no limit."""
    with suppress(OSError, ValueError):
        granted, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        return float("inf") if granted == "max" else int(granted) / int(period)
    with suppress(OSError, ValueError):
        granted, period = ((group / f"cpu.cfs_{word}_us").read_text(encoding="utf-8") for word in ("quota", "period"))
        return float("inf") if int(granted) < 0 else int(granted) / int(period)
    return float("inf")


class Claim:
    """Cores for some workers, free ones first; `close` gives them back, and so does the end of the process.

    Attributes:
        cores: one for each worker. Where too few are free, some are shared.
        taken: how many cores other runs hold.
    """

    def __init__(self, workers: int) -> None:
        self._locks: list[int] = []
        allowed = sorted(available_cores())
        folder = _folder()
        free: list[int] = []
        self.taken = 0
        for core in allowed:
            if len(free) == workers:
                break
            if folder is None or self._locked(folder / f"core-{core}"):
                free.append(core)
            else:
                self.taken += 1
        # More workers than free cores: they share, and those of one run rather than those of two.
        self.cores = [(free or allowed)[worker % len(free or allowed)] for worker in range(workers)]

    def close(self) -> None:
        """Give the cores back."""
        for lock in self._locks:
            os.close(lock)
        self._locks = []

    def _locked(self, path: Path) -> bool:
        """Whether the core is ours now; where files cannot be locked, it is nobody's."""
        import fcntl

        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError:
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._locks.append(lock)
        return True


def _folder() -> Path | None:
    """Where this user's locks lie; none where there is no place that is this user's alone, or no such locks."""
    if not hasattr(os, "getuid"):
        return None
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(runtime) / "cvflow" if runtime else Path(tempfile.gettempdir()) / f"cvflow-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    return folder if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() else None
