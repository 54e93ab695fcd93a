"""Files that are whole or refused: written under another name, sealed, synced, and put in place in one step.

The last line of a sealed file, its seal, says how long the rest is and gives its BLAKE2b digest, so that no byte can
change, get lost or be added unnoticed; readers of HDF5, which look at a file's beginning, do not mind it. What was in
place before stays beside the new file as one commit less, so that damage to one file costs a commit and not a run.
"""

import os
import re
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cvflow.store.base import RUN_FORMAT

_LINE = re.compile(
    rb"\n" + RUN_FORMAT.encode() + rb" commit (\d{12}) turns (\d{12}) bytes (\d{15}) blake2b ([0-9a-f]{64})\n"
)
_PIECE = 1 << 22


class DamagedStoreError(ValueError):
    """A store is not what was committed; the message says what is left."""


class Seal(NamedTuple):
    """What a sealed file's last line says.

    Attributes:
        commit: counts the commits of a run.
        turns: rows of the table of turns.
        size: bytes before the line.
        digest: of those bytes and of the numbers above.
    """

    commit: int
    turns: int
    size: int
    digest: str

    @property
    def line(self) -> bytes:
        """The seal as it stands in the file."""
        return _numbers(self.commit, self.turns, self.size) + f"{self.digest}\n".encode()


def _numbers(commit: int, turns: int, size: int) -> bytes:
    return f"\n{RUN_FORMAT} commit {commit:012d} turns {turns:012d} bytes {size:015d} blake2b ".encode()


_LENGTH = len(Seal(0, 0, 0, 64 * "0").line)


def sealed(image: bytes, commit: int, turns: int) -> Seal:
    """The seal of an image."""
    digest = blake2b(image, digest_size=32)
    digest.update(_numbers(commit, turns, len(image)))
    return Seal(commit, turns, len(image), digest.hexdigest())


def previous(path: Path) -> Path:
    """Where the commit before the last is kept."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def claimed(file: BinaryIO) -> Seal | None:
    """What the last line of a file says, true or not; None if it is no seal."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LENGTH))
    found = _LINE.fullmatch(file.read(_LENGTH))
    if not found or int(found[3]) != size - _LENGTH:
        return None
    return Seal(int(found[1]), int(found[2]), int(found[3]), found[4].decode())


def verified(file: BinaryIO) -> Seal:
    """The seal of a file that is whole, from its first byte to its last.

    Raises:
        DamagedStoreError: it is not.
    """
    seal = claimed(file)
    if seal is None:
        raise DamagedStoreError("its end is missing")
    digest = blake2b(digest_size=32)
    file.seek(0)
    left = seal.size
    while left and (piece := file.read(min(left, _PIECE))):
        digest.update(piece)
        left -= len(piece)
    digest.update(_numbers(seal.commit, seal.turns, seal.size))
    if digest.hexdigest() != seal.digest:
        raise DamagedStoreError("its bytes are not those that were committed")
    return seal


def seal_of(path: Path) -> Seal | None:
    """The seal of a file, None if it is not there or not whole."""
    try:
        with path.open("rb") as file:
            return verified(file)
    except (OSError, DamagedStoreError):
        return None


def claimed_seal(path: Path) -> Seal | None:
    """What a file says of itself, true or not; None if it is not there or says nothing."""
    try:
        with path.open("rb") as file:
            return claimed(file)
    except OSError:
        return None


def replace(path: Path, image: bytes, seal: Seal, before: Seal | None) -> None:
    """Put a sealed image in a file's place in one step; `before` is the seal of what this process put there last.

    A failure leaves what was in place, as it was.

    Raises:
        FileExistsError: what is in place is not what this process put there.
        OSError: the disk is full, or whatever else keeps the image from being written and synced.
    """
    _check_mine(path, before)
    fresh = path.with_name(f"{path.name}.tmp")
    try:
        _write(fresh, image, seal)
        _keep_previous(path)
        os.replace(fresh, path)
        _sync_folder(path.parent)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def _check_mine(path: Path, before: Seal | None) -> None:
    if path.exists() and (before is None or claimed_seal(path) != before):
        raise FileExistsError(f"{path} was written by another process, which has the run now; nothing of it is touched")


def _write(path: Path, image: bytes, seal: Seal) -> None:
    """All of it, down to the disk: without HDF5 in between, an error is an OSError here and nowhere else."""
    path.unlink(missing_ok=True)
    with path.open("xb", buffering=0) as file:
        for part in (memoryview(image), memoryview(seal.line)):
            while part:
                part = part[file.write(part) :]
        os.fsync(file.fileno())


def _keep_previous(path: Path) -> None:
    """A second name for what is in place, which the new file then takes the first name from."""
    if not path.exists():
        return
    link = path.with_name(f"{path.name}.link")
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except OSError:
        os.replace(path, previous(path))  # a file system without links
    else:
        os.replace(link, previous(path))


def _sync_folder(folder: Path) -> None:
    """The new name itself; where folders cannot be synced (network file systems), the server does it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
