"""Force fields from files: OpenMM's own as they are, a user's if they hold data alone.

OpenMM runs the <Script>s of a force field, and takes one attribute for a Python expression.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError, ParserCreate

from openmm import app

from cvflow.config.settings import ConfigError

_SCRIPTS = ("Script", "InitializationScript")
_EXPRESSION = "useDispersionCorrection"
_VALUES = ("True", "False", "0", "1")


def force_field(names: Sequence[str], folder: Path, what: str) -> app.ForceField:
    """The force field in files: a user's own beside the config, else those that OpenMM brings.

    Args:
        names: of the files.
        folder: of the config.
        what: names it in errors.

    Raises:
        ConfigError: a file is not there, holds code, or is no force field.
    """
    files = [_place(name, folder, what) for name in names]
    waiting, seen = list(files), set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen or _brought(file):
            continue
        seen.add(file)
        waiting += [_place(name, file.parent, what) for name in _includes(file, what)]
    try:
        return app.ForceField(*map(str, files))
    except Exception as error:  # whatever its parsers raise
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise ConfigError(f"{what}: {', '.join(names)} cannot be read ({reason})") from error


def _directories() -> list[Path]:
    """Where OpenMM and packages that add to it have their force fields."""
    return [Path(directory).resolve() for directory in app.forcefield._getDataDirectories()]


def _brought(file: Path) -> bool:
    return any(file.is_relative_to(directory) for directory in _directories())


def _place(name: str, folder: Path, what: str) -> Path:
    """Beside the config, or beside the file that includes it; never in the folder where cvflow happens to run."""
    places = [place / name for place in (folder.absolute(), *_directories())]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ConfigError(f"{what}: {name} cannot be read (it is neither in {folder} nor one that OpenMM brings)")
    return found.resolve()


def _includes(file: Path, what: str) -> list[str]:
    """What a user's file includes.

    Raises:
        ConfigError: it holds code, or is no XML.
    """
    try:
        data = file.read_bytes()
        _check_no_dtd(data)
        root = ElementTree.fromstring(data)
    except OSError as error:
        raise ConfigError(f"{what}: {file} cannot be read ({error.strerror})") from error
    except (ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise ConfigError(f"{what}: {file} cannot be read ({error})") from error
    for node in root.iter():
        if node.tag in _SCRIPTS or node.attrib.get(_EXPRESSION, "True") not in _VALUES:
            part = f"a <{node.tag}>" if node.tag in _SCRIPTS else f"an expression as {_EXPRESSION}"
            raise ConfigError(
                f"{what}: {file} has {part}, which OpenMM would run: it holds code; make the System in Python and "
                "give it as system.xml"
            )
    names = [str(node.attrib.get("file", "")) for node in root.findall("Include")]
    for name in names:
        # OpenMM looks in the folder where it runs before it looks among its own.
        if not (file.parent / name).is_file() and Path(name).is_file():
            raise ConfigError(f"{what}: {file} includes {name}, which is not beside it: put it there")
    return names


def _check_no_dtd(data: bytes) -> None:
    """Refuse entities, which may grow without end."""

    def refuse(*declaration: object) -> None:
        raise ValueError("a DTD is refused")

    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)
