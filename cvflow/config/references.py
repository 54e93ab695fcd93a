"""What a config names by file: references to functions, and serialised OpenMM objects."""

from pathlib import Path

import openmm

from cvflow.config.section import ConfigError
from cvflow.host.openmm_xml import deserialised as deserialised_text
from cvflow.host.text_file import text_of


def absolute(reference: str, folder: Path, what: str) -> str:
    """The reference with the file's full path.

    Raises:
        ConfigError: it is not of the form file.py:function.
    """
    file, colon, function = reference.rpartition(":")
    if not colon or not file or not function.isidentifier():
        raise ConfigError(f'{what}: {reference!r} is not of the form "file.py:function"')
    return f"{(folder / file).resolve()}:{function}"


def read_text(path: Path, what: str) -> str:
    """The file's text.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return text_of(path)
    except OSError as error:
        raise ConfigError(f"{what}: {path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(f"{what}: {error}") from error


def deserialised(path: Path, what: str) -> object:
    """The OpenMM object in an XML file.

    Raises:
        ConfigError: the file cannot be read, holds code, or no object.
    """
    text = read_text(path, what)
    try:
        return deserialised_text(text, f"{what}: {path}")
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except openmm.OpenMMException as error:
        raise ConfigError(f"{what}: {path} is no serialised OpenMM object ({error})") from error
