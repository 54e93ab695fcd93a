"""External programs from the words of `[engine]`: the user's files, PLUMED's input and the program itself."""

from pathlib import Path

from cvflow.config.cv_given import PlumedSection
from cvflow.config.engine_section import (
    CustomSection,
    GromacsSection,
    LammpsProgramSection,
    PesMDSection,
    ProgramSection,
)
from cvflow.config.references import read_text
from cvflow.config.settings import Config, ConfigError
from cvflow.cv.names import checked_name
from cvflow.engines.external import Custom, Gromacs, Lammps, PesMD, Program
from cvflow.engines.external.gromacs import prepared
from cvflow.engines.external.lammps import prepared as prepared_lammps
from cvflow.setup.programs.plumed_input import check_plumed


class Files:
    """The user's files, as they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: dict[str, Path] = {}

    def needed(self, name: str, what: str, mend: str = "") -> Path:
        """Its absolute path.

        Raises:
            ConfigError: it is not there, or another has the same name.
        """
        path = (self.folder / name).resolve()
        if not path.is_file():
            raise ConfigError(f"{what}: {path} is not a file{f'; {mend}' if mend else ''}")
        if self.found.setdefault(path.name, path) != path:
            raise ConfigError(f"{what}: two files are called {path.name}, and a path's folder has both: rename one")
        return path

    def all_needed(self, names: list[str]) -> tuple[str, ...]:
        """Absolute paths of `inputs`.

        Raises:
            ConfigError: one is not there, or two have the same name.
        """
        return tuple(str(self.needed(name, "engine.inputs")) for name in names)


def plumed_lines(config: Config, engine: ProgramSection, files: Files) -> tuple[str, ...]:
    """PLUMED's input: the file's lines, then the CVs', then those of walls, which are biases at both ends of a path.

    Raises:
        ConfigError: it holds what a path must not.
    """
    texts = [read_text(files.needed(engine.plumed, "engine.plumed"), "engine.plumed")] if engine.plumed else []
    if not config.cv:
        raise ConfigError('at least one [[cv]] is needed: name = "phi", plumed = "phi: TORSION ATOMS=5,7,9,15"')
    for section in config.cv:
        if not isinstance(section, PlumedSection):
            raise ConfigError(f"CV {checked_name(section.name)}: {engine.name} takes CVs of PLUMED: plumed = …")
        texts.append(section.plumed)
    texts += [f"cvflow_wall{i}: {wall.plumed}" for i, wall in enumerate(config.walls)]
    lines = tuple(line for text in texts for line in text.splitlines() if line.split("#")[0].strip())
    check_plumed(lines, {Path(name).name: (files.folder / name).resolve() for name in engine.inputs}, files.folder)
    return lines


def program_of(engine: ProgramSection, files: Files) -> Program:
    """The program that `[engine]` names.

    Raises:
        ValueError: a file is missing, or holds what a path must not.
    """
    match engine:
        case GromacsSection():
            vector = _vector(engine.program)
            return prepared(
                Gromacs(
                    mdp=read_text(files.needed(engine.mdp, "engine.mdp"), "engine.mdp"),
                    top=str(files.needed(engine.top, "engine.top")),
                    structure=str(files.needed(engine.structure, "engine.structure")),
                    inputs=files.all_needed(engine.inputs),
                    gmx=vector[-1],
                    launcher=vector[:-1],
                    mdrun_options=tuple(engine.mdrun_options),
                    threads=engine.threads or 1,
                    maxwarn=engine.maxwarn,
                    index=_optional(files, engine.index, "engine.index"),
                    reference=_optional(files, engine.reference, "engine.reference"),
                )
            )
        case LammpsProgramSection():
            return _lammps(engine, files)
        case PesMDSection():
            return PesMD(tuple(engine.coordinates), files.all_needed(engine.inputs), engine.program)
        case CustomSection():
            inputs = files.all_needed(engine.inputs)
            return Custom(tuple(engine.commands), tuple(engine.state_files), inputs, engine.energies)
    raise AssertionError(f"no program of {type(engine).__name__}")


def _vector(program: str | list[str]) -> tuple[str, ...]:
    """A program as an argument vector."""
    return (program,) if isinstance(program, str) else tuple(program)


def _optional(files: Files, name: str | None, what: str) -> str:
    """A file's absolute path; empty where none is named."""
    return str(files.needed(name, what)) if name else ""


def _lammps(engine: LammpsProgramSection, files: Files) -> Lammps:
    script = str(files.needed(engine.script, "engine.script"))
    program = prepared_lammps(Lammps(script, files.all_needed(engine.inputs), _vector(engine.program)))
    if (program.units == "lj") != (engine.kT is not None):
        raise ConfigError(
            f"engine.script has units {program.units}: engine.kT goes with lj, engine.temperature [K] with real and "
            "metal"
        )
    return program
