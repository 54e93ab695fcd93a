"""Whose folder it is: a lock file that one process holds while it writes a run.

`run.lock` is made in one step that either succeeds or finds the file there, on NFS of version 3 and later too, so that
of any number of processes, on any number of machines, one has the folder. It says who that is. The holder shows every
`HEARTBEAT` seconds that it lives, by the file's time, and looks before each commit whether the file is still its.

A lock outlives its holder when that is killed. Where the holder would be seen if it lived, in the same boot of the same
machine and the same process namespace, its process number and its start time tell, and the lock of one that is gone is
taken over at once. Elsewhere, on another machine or in another container, only the file's time tells: after `SILENCE`
seconds without a sign of life the lock is taken over. A holder that was merely asleep stops at its next commit.
"""

import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from cvflow.config.settings import ConfigError
from cvflow.host.atomic import write_whole

NAME = "run.lock"

HEARTBEAT = 30.0
"""Seconds between two signs of life."""

SILENCE = 600.0
"""Seconds without one from which a holder elsewhere counts as gone."""


class FolderTakenError(ConfigError):
    """Another process writes here; the message says who."""


class LockLostError(RuntimeError):
    """The folder is no longer this process's."""


@dataclass(frozen=True)
class Holder:
    """A process that has a folder.

    Attributes:
        host: its machine's name, for people.
        pid: its number there.
        since: when it took the folder, local time of its machine.
        place: what has to be the same for its number to mean anything here: the machine's boot and the namespace.
        started: when the process began, in the kernel's count; numbers are given again. Empty where it isn't known.
        token: nobody else's.
    """

    host: str
    pid: int
    since: str
    place: str
    started: str
    token: str

    @property
    def words(self) -> str:
        """For people."""
        return f"process {self.pid} on {self.host}, since {self.since}"


class SeenHolder(NamedTuple):
    """Who has a folder, in words, and whether that process lives, as far as it can be told."""

    words: str
    alive: bool


class FolderLock:
    """A folder that is this process's; `folder_lock` gives one."""

    def __init__(self, path: Path, me: Holder) -> None:
        self._path, self._me = path, me
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="folder lock", daemon=True)
        self._heart.start()

    def check(self) -> None:
        """Check that the folder is still this process's; to be called before anything in it is changed.

        Raises:
            LockLostError: it is not.
        """
        holder = _holder(self._path)
        if holder != self._me:
            who = f"{holder.words} has taken it over" if holder else f"{self._path.name} is gone"
            raise LockLostError(f"{self._path.parent} is no longer this run's: {who}; this process writes no more")

    def release(self) -> None:
        """Give the folder back, if it is still this process's."""
        self._over.set()
        self._heart.join()
        if self._me.pid == os.getpid() and _holder(self._path) == self._me:
            self._path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT):
            with suppress(OSError):  # gone, or the network is: the next check tells
                if _holder(self._path) == self._me:
                    os.utime(self._path)


@contextmanager
def folder_lock(folder: Path) -> Iterator[FolderLock]:
    """Hold a folder that is there for as long as the context lasts.

    Raises:
        FolderTakenError: another process holds it; nothing is changed then.
        OSError: the folder cannot be written to.
    """
    path, me = folder / NAME, _myself()
    if not _made(path, me):
        try:
            _take_over(path, me)
        except FileNotFoundError as error:  # it has been given back in this moment
            if not _made(path, me):
                raise FolderTakenError(f"{folder}: another process has just begun to write here") from error
    lock = FolderLock(path, me)
    try:
        yield lock
    finally:
        lock.release()


def _made(path: Path, holder: Holder) -> bool:
    """Make the lock, if there is none."""
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        return False
    try:
        with file:
            json.dump(asdict(holder), file)
    except OSError:  # a full disk
        path.unlink(missing_ok=True)
        raise
    return True


def _take_over(path: Path, me: Holder) -> None:
    """Take the place of a holder that is gone; of several processes that find it gone, one does.

    Raises:
        FolderTakenError: it lives, or may.
    """
    there = _holder(path)
    gone = _gone(path, there)
    claim = path.with_name(f"{NAME}.claim")
    if not _made(claim, me):
        raise FolderTakenError(
            f"{path.parent}: another process is taking this folder over right now; if none is, remove {claim}"
        )
    try:
        if _holder(path) != there:
            raise FolderTakenError(f"{path.parent}: another process has just taken this folder over")
        write_whole(path, json.dumps(asdict(me)))
    finally:
        claim.unlink(missing_ok=True)
    logging.getLogger(__name__).warning("%s is taken over: %s", path.parent, gone)


def _gone(path: Path, holder: Holder | None) -> str:
    """Why the holder is gone, in words.

    Raises:
        FolderTakenError: it is not, or it cannot be told.
    """
    who = holder.words if holder else "a process that has not said who it is"
    if holder is not None and holder.place == _place():
        if _runs(holder):
            raise FolderTakenError(f"{path.parent}: a run is writing here ({who}): wait for it, or stop it")
        return f"{who}, was writing here and is gone"
    silent = _now(path) - path.stat().st_mtime
    if silent < SILENCE:
        raise FolderTakenError(
            f"{path.parent}: a run is writing here ({who}), with a sign of life {max(silent, 0):.0f} s ago: wait for "
            f"it, or stop it; one that was killed is taken over after {SILENCE:.0f} s, or at once if you remove {path}"
        )
    return f"{who}, was writing here and has given no sign of life for {silent:.0f} s"


def seen_holder(folder: Path) -> SeenHolder | None:
    """Look who has a folder, and touch nothing; None if nobody does."""
    path = folder / NAME
    holder = _holder(path)
    try:
        silent = time.time() - path.stat().st_mtime
    except OSError:
        return None
    if holder is None:
        return SeenHolder("a process that has not said who it is", silent < SILENCE)
    return SeenHolder(holder.words, _runs(holder) if holder.place == _place() else silent < SILENCE)


def _runs(holder: Holder) -> bool:
    """Whether a process of this machine, or this container, is there."""
    return _started(holder.pid) in (None, holder.started) and _exists(holder.pid)


def _holder(path: Path) -> Holder | None:
    """Who holds a lock; nobody if there is none, or none that can be read yet."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        holder = Holder(**values)
    except (OSError, ValueError, TypeError):
        return None
    kinds = {item.name: int if item.name == "pid" else str for item in fields(Holder)}
    return holder if all(isinstance(values[name], kind) for name, kind in kinds.items()) else None


def _myself() -> Holder:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    started = _started(os.getpid()) or ""
    return Holder(socket.gethostname(), os.getpid(), since, _place(), started, secrets.token_hex(8))


def _place() -> str:
    """The boot and the process namespace: containers share a machine's name, and number their processes from 1."""
    try:
        return (
            Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
            + " "
            + os.readlink("/proc/self/ns/pid")
        )
    except OSError:  # no Linux
        return socket.gethostname()


def _started(pid: int) -> str | None:
    """When a process began, in the kernel's count; "" if it has ended, None if it cannot be told."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    except OSError:
        return None
    return "" if state in "ZX" else rest[18]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _now(path: Path) -> float:
    """The time by the clock of the file system: two machines' own can be minutes apart."""
    probe = path.with_name(f".cvflow-{secrets.token_hex(8)}.tmp")
    try:
        probe.touch(exist_ok=False)
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)
