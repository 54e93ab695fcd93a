"""Text files of users: UTF-8, with or without a byte-order mark."""

from pathlib import Path


def text_of(path: Path) -> str:
    """The file's text.

    Raises:
        OSError: it cannot be read.
        ValueError: it is in another encoding; the line is named.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}: line {line} is not UTF-8: save the file in that encoding") from error
