"""Files that appear whole or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EEXIST
from pathlib import Path
from typing import BinaryIO


def write_whole(path: Path, data: bytes | str) -> None:
    """Put a file in its place in one step, durably: a reader meets the old one or the new one, never half of one.

    Args:
        path: the file's place; what stands there is replaced: of a symbolic link the link itself, not its target.
        data: its content; text is written as UTF-8.

    Raises:
        OSError: the folder cannot be written to, the disk is full, or a folder or a device stands there; what stood in
            the place still does.
    """
    with _put_in_place(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def copy_whole(source: Path, path: Path) -> None:
    """The same with another file's content and permissions.

    Raises:
        OSError: as above, or the source cannot be read.
    """
    with source.open("rb") as original, _put_in_place(path) as file:
        shutil.copyfileobj(original, file)
        os.chmod(file.name, os.fstat(original.fileno()).st_mode & 0o777)


@contextmanager
def _put_in_place(path: Path) -> Iterator[BinaryIO]:
    """A file beside the place, under a name that nobody can foresee, that takes the place when it is written."""
    if path.exists() and not path.is_file():  # /dev/null would be gone for everybody
        raise FileExistsError(EEXIST, "what stands there is no file", str(path))
    temporary = path.with_name(f".cvflow-{secrets.token_hex(8)}.tmp")
    try:
        # "x" follows no symbolic link, and gives the file the mode that the user's umask gives to any other.
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _make_names_durable(path.parent)


def _make_names_durable(folder: Path) -> None:
    """Where the file system has such a thing: folders are no files on Windows, and some networks refuse it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
