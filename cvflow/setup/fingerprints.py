"""The files that a config names: those that are read to begin a run, and those that it needs to go on."""

from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

from cvflow.config.cv_section import with_terms
from cvflow.config.engine_section import AseSection, OpenMMSection, ProgramSection
from cvflow.config.settings import Config
from cvflow.setup.starts.structure_file import place


def files_read(config: Config, folder: Path) -> tuple[Path, ...]:
    """Every file of the user's that a config names and that is there; `folder` is what its names are relative to."""
    system = config.system
    sources = [system.pdb, system.cif, system.prmtop, system.top, system.psf, system.topology]
    names = [*sources, *system.forcefield, *system.parameter_files]
    paths = [folder / name for name in names if name is not None] + [folder / name for name in _needed(config)]
    paths += [place(start, folder)[0] for start in system.starts.values()]
    return tuple(dict.fromkeys(path.resolve() for path in paths if path.is_file()))


def fingerprints(config: Config, folder: Path) -> dict[str, str]:
    """SHA-256 of every file that a run needs to go on, by the config's name for it; "" where it is not there.

    The topology is none of them: that file is for looking at the frames.
    """
    return {name: fingerprint(folder / name) for name in dict.fromkeys(_needed(config))}


def fingerprint(path: Path) -> str:
    """SHA-256 of a file's content; "" where there is no such file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _needed(config: Config) -> Iterator[str]:
    """Systems, forces, users' functions, surrogates', files of external programs and of PLUMED's."""
    system, engine = config.system, config.engine
    if system.xml is not None:
        yield system.xml
    if file := (system.python or "").rpartition(":")[0]:  # what a script has made in memory has none
        yield file
    for cv in with_terms(config.cv):
        yield from cv.files
    if isinstance(engine, OpenMMSection | AseSection) and engine.surrogate:
        yield engine.surrogate.rpartition(":")[0]
    if isinstance(engine, ProgramSection):
        yield from engine.named_files.values()
        yield from engine.inputs
