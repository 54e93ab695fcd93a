"""Runs whose paths are run by an external program that PLUMED is built into."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from cvflow.config.cv_section import PlumedSection
from cvflow.config.drive_section import DriveSection
from cvflow.config.references import read_text
from cvflow.config.resolved import PathSettings, resolved
from cvflow.config.settings import Config, ConfigError, parse
from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Frame, Point
from cvflow.core.units import thermal_energy
from cvflow.cv.names import checked_name
from cvflow.engines.external import (
    Custom,
    ExternalEngine,
    ExternalSpec,
    Gromacs,
    Lammps,
    PesMD,
    Program,
    ProgramFailedError,
)
from cvflow.engines.external.gromacs import prepared
from cvflow.engines.external.gromacs_mdp import overridden
from cvflow.engines.external.lammps import prepared as prepared_lammps
from cvflow.sampler.local import FreshVelocities
from cvflow.setup.engine_walkers import EngineWalkers
from cvflow.setup.placing import in_one_box
from cvflow.setup.plumed_input import check_plumed
from cvflow.setup.specification import Setup, check_named, checked, checked_states
from cvflow.setup.starts import Starts, in_turn, opened, start_notes
from cvflow.setup.steady import check_same_energies, check_same_points
from cvflow.setup.steered import SteeredCVs

INPUTS = "inputs"
"""Where the run's folder keeps copies of the user's files."""

PROBED_STEPS = 20
"""Of the path after which a configuration is looked at for the first time, before the next path begins with it."""


def from_driven(config: Config, folder: Path, with_starts: bool) -> Setup:
    """A run of an external program; it is asked for the CVs of the starts, so it must run.

    Raises:
        ValueError: something in the config is not possible, or the program does not run.
    """
    config = _possible(config)
    drive = config.drive
    assert drive is not None
    files = _Files(folder)
    lines = _lines(config, files)
    action = str(files.needed(drive.action, "drive.action", "`cvflow plumed build` makes it"))
    try:
        program = _PROGRAMS[config.engine.name](drive, files)
        starts = _starts(config, folder, program) if with_starts else Starts()
        setup = _assembled(config, program, lines, action, starts, files)
    except ProgramFailedError as error:
        raise ConfigError(" | ".join([f"{error.reason}; its last lines", *error.lines])) from error
    return setup


def _possible(config: Config) -> Config:
    """The config with the defaults of external programs.

    Raises:
        ConfigError: it asks for what they cannot do.
    """
    given, run, drive = config.path, config.run, config.drive
    assert drive is not None
    if given.kernel != "restraint" or given.friction != 0:
        raise ConfigError(f"{config.engine.name} has path.kernel = 'restraint' and path.friction = 0 alone")
    if given.early_rejection and "early_rejection" in given.model_fields_set:
        raise ConfigError(f"path.early_rejection = true is refused: paths of {config.engine.name} run to their end")
    if run.local != "hmc" or run.local_steps < 1 or run.local_timestep is not None:
        raise ConfigError(f"{config.engine.name} has run.local = 'hmc' alone, with at least one of run.local_steps")
    if (config.engine.temperature is None) == (drive.kT is None):
        raise ConfigError("give engine.temperature [K], or drive.kT for a model in reduced units")
    if "timestep" not in given.model_fields_set:
        raise ConfigError("path.timestep is missing [ps]")
    if config.system.parameters:
        raise ConfigError("system.parameters is refused: only built-in systems have parameters")
    return config.changed(path={"early_rejection": False})


class _Files:
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
        return tuple(str(self.needed(name, "drive.inputs")) for name in names)


def _lines(config: Config, files: _Files) -> tuple[str, ...]:
    """PLUMED's input: the file's lines, then the CVs'.

    Raises:
        ConfigError: it holds what a path must not.
    """
    drive = config.drive
    assert drive is not None
    texts = [read_text(files.needed(drive.plumed, "drive.plumed"), "drive.plumed")] if drive.plumed else []
    if not config.cv:
        raise ConfigError('at least one [[cv]] is needed: name = "phi", plumed = "phi: TORSION ATOMS=5,7,9,15"')
    for section in config.cv:
        if not isinstance(section, PlumedSection):
            raise ConfigError(f"CV {checked_name(section.name)}: {config.engine.name} takes CVs of PLUMED: plumed = …")
        texts.append(section.plumed)
    lines = tuple(line for text in texts for line in text.splitlines() if line.split("#")[0].strip())
    check_plumed(lines, {Path(name).name: (files.folder / name).resolve() for name in drive.inputs}, files.folder)
    return lines


def _gromacs(drive: DriveSection, files: _Files) -> Program:
    return prepared(
        Gromacs(
            mdp=read_text(files.needed(str(drive.mdp), "drive.mdp"), "drive.mdp"),
            top=str(files.needed(str(drive.top), "drive.top")),
            structure=str(files.needed(str(drive.structure), "drive.structure")),
            inputs=files.all_needed(drive.inputs),
            gmx=drive.program or "gmx",
            maxwarn=drive.maxwarn,
        )
    )


def _lammps(drive: DriveSection, files: _Files) -> Program:
    script = str(files.needed(str(drive.script), "drive.script"))
    program = prepared_lammps(Lammps(script, files.all_needed(drive.inputs), drive.program or "lmp"))
    if (program.units == "lj") != (drive.kT is not None):
        raise ConfigError(
            f"drive.script has units {program.units}: drive.kT goes with lj, engine.temperature [K] with real and metal"
        )
    return program


def _pesmd(drive: DriveSection, files: _Files) -> Program:
    return PesMD(tuple(drive.coordinates), files.all_needed(drive.inputs), drive.program or "plumed")


def _custom(drive: DriveSection, files: _Files) -> Program:
    return Custom(tuple(drive.commands), tuple(drive.state_files), files.all_needed(drive.inputs), drive.energies)


_PROGRAMS: dict[str, Callable[[DriveSection, _Files], Program]] = {
    "gromacs": _gromacs,
    "lammps": _lammps,
    "pesmd": _pesmd,
    "custom": _custom,
}


def _starts(config: Config, folder: Path, program: Program) -> Starts:
    given = config.system.starts
    if not given:
        raise ConfigError('system.starts is missing: one structure per state, starts = {compact = "a.gro", ...}')
    check_named(config, given, "system.starts")
    frames = [program.read_start(folder / name) for name in given.values()]
    return in_turn(frames, list(given), config.run.walkers)


def _assembled(
    config: Config, program: Program, lines: tuple[str, ...], action: str, starts: Starts, files: _Files
) -> Setup:
    """Check that the parts fit together, with a path of one step from each start.

    Raises:
        ValueError: they do not.
        ProgramFailedError: the program does not run.
    """
    drive = config.drive
    assert drive is not None
    kT = drive.kT if drive.kT is not None else thermal_energy(float(config.engine.temperature or 0))
    names = tuple(checked_name(section.name) for section in config.cv)
    states = checked_states(config, names)
    starts = in_one_box(starts)
    frames = dict(zip(starts.names, starts.frames, strict=True))
    spec = ExternalSpec(program, lines, names, action, kT, config.path.timestep, time_limit=drive.time_limit)
    engine = _at(spec, resolved(config).path).build()
    if frames:
        periods = engine.periods(next(iter(frames.values())))
        config = _resumable(config, periods, files)
    else:
        periods = tuple(float(cv.period or np.inf) for cv in config.cv if isinstance(cv, PlumedSection))
    units = tuple(section.unit or "" for section in config.cv)
    setup = checked(
        Setup(
            config=config,
            name=config.engine.name,
            space=CVSpace(names, units, periods, ((-np.inf, np.inf),) * len(names)),
            states=states,
            kT=kT,
            walkers=EngineWalkers(partial(_at, spec), starts.frames, FreshVelocities),
            steered=SteeredCVs(),
            notes=tuple(
                f"{setting} in {drive.mdp} is not for paths: they have their own" for setting in _overridden(program)
            ),
            topology=program.topology(),
            files={f"{INPUTS}/{path.name}": path for path in files.found.values()},
        )
    )
    if not frames:
        return setup
    values = {state: engine.cv_values(frame) for state, frame in frames.items()}
    points = np.array([values[name] for name in starts.names])
    opening = opened(states, starts.names, points, starts.said)
    check_steady(engine, next(iter(frames.values())), setup, np.abs(points).max(axis=0))
    return replace(setup, notes=setup.notes + start_notes(opening), opening=opening)


def _at(spec: ExternalSpec, path: PathSettings) -> ExternalSpec:
    return replace(spec, timestep=path.timestep, schedule=path.schedule.upper())


def check_steady(engine: ExternalEngine, frame: Frame, setup: Setup, scale: Point) -> None:
    """Check that CVs and biases of a configuration at the end of a path are what they are when the next begins.

    Args:
        engine: of the run.
        frame: where the path begins.
        setup: the run.
        scale: of each CV; coordinates go from path to path in single precision, of which a ten-thousandth is made.

    Raises:
        ValueError: they are not.
    """
    before, after = engine.seen_twice(frame, PROBED_STEPS)
    if np.isfinite(before.cv).all():
        space = setup.space
        check_same_points(before.cv[None], after.cv[None], space.names, np.array(space.periods), 1e-4 * scale)
    bias, again = np.array([before.bias]), np.array([after.bias])
    check_same_energies(bias, again, "the sum of PLUMED's biases", 0.05 * setup.kT)


def _overridden(program: Program) -> tuple[str, ...]:
    return overridden(program.mdp) if isinstance(program, Gromacs) else ()


def _resumable(config: Config, periods: tuple[float, ...], files: _Files) -> Config:
    """The config as the run's own folder has it: copies of the files, and the periods that PLUMED told."""
    drive = config.drive
    assert drive is not None
    here = {path: f"{INPUTS}/{path.name}" for path in files.found.values()}
    words = {
        word: here[(files.folder / name).resolve()]
        for word in ("action", "plumed", "mdp", "top", "structure", "script")
        if (name := getattr(drive, word)) is not None
    }
    inputs = [here[(files.folder / name).resolve()] for name in drive.inputs]
    starts = {state: str((files.folder / name).resolve()) for state, name in config.system.starts.items()}
    values = config.model_dump(exclude_none=True)
    values["drive"] |= words | {"inputs": inputs}
    values["system"]["starts"] = starts
    for section, period in zip(values["cv"], periods, strict=True):
        section |= {"period": period} if np.isfinite(period) else {}
    return parse(values, "cvflow drive")
