"""What a config names by file: functions as "file.py:function", and serialised OpenMM objects."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openmm

from cvflow.config import ConfigError


def absolute(reference: str, folder: Path, what: str) -> str:
    """The reference with the file's full path.

    Raises:
        ConfigError: it is not of the form file.py:function.
    """
    file, colon, function = reference.rpartition(":")
    if not colon or not file or not function.isidentifier():
        raise ConfigError(f'{what}: {reference!r} is not of the form "file.py:function"')
    return f"{(folder / file).resolve()}:{function}"


def load_function(reference: str, what: str) -> Callable[..., Any]:
    """Import the file and give the function.

    Raises:
        ConfigError: the file cannot be read, fails when imported, or has no such function.
    """
    file, _, name = reference.rpartition(":")
    if not Path(file).is_file():
        raise ConfigError(f"{what}: {file} is not a file")
    spec = importlib.util.spec_from_file_location(f"cvflow_user_{Path(file).stem}", file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{what}: {file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses look for the module of a class whose annotations are strings.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's file raises is the user's to read
        del sys.modules[spec.name]
        raise ConfigError(f"{what}: {file} fails when imported: {type(error).__name__}: {error}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ConfigError(f"{what}: {file} has no function {name}")
    return function


def read_text(path: Path, what: str) -> str:
    """The file's text.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_text()
    except OSError as error:
        raise ConfigError(f"{what}: {path} cannot be read ({error.strerror})") from error


def deserialised(path: Path, what: str) -> object:
    """The OpenMM object in an XML file.

    Raises:
        ConfigError: the file cannot be read, or holds none.
    """
    text = read_text(path, what)
    try:
        return openmm.XmlSerializer.deserialize(text)
    except (ValueError, openmm.OpenMMException) as error:
        raise ConfigError(f"{what}: {path} is no serialised OpenMM object ({error})") from error
