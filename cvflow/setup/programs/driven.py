"""Runs whose paths are run by an external program that PLUMED is built into."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from cvflow.config.cv_given import PlumedSection
from cvflow.config.engine_section import GromacsSection, ProgramSection
from cvflow.config.resolved import PathSettings, resolved
from cvflow.config.settings import Config, ConfigError
from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Frame, Point
from cvflow.core.units import thermal_energy
from cvflow.cv.names import checked_name
from cvflow.engines.external import ExternalEngine, ExternalSpec, Gromacs, Program, ProgramFailedError
from cvflow.engines.external.gromacs_mdp import overridden
from cvflow.sampler.local import FreshVelocities
from cvflow.setup.engine_walkers import EngineWalkers
from cvflow.setup.named_states import check_named, checked_states
from cvflow.setup.programs.program import Files, plumed_lines, program_of
from cvflow.setup.specification import Setup, checked
from cvflow.setup.starts.placing import in_one_box
from cvflow.setup.starts.walker_starts import WalkerStarts, in_turn, opened, start_notes
from cvflow.setup.steady import check_same_energies, check_same_points
from cvflow.setup.steered import SteeredCVs

INPUTS = "inputs"
"""Where the run's folder keeps copies of the user's files."""


def from_driven(config: Config, folder: Path, with_starts: bool) -> Setup:
    """A run of an external program; it is asked for the CVs of the starts, so it must run.

    Raises:
        ValueError: something in the config is not possible, or the program does not run.
    """
    engine = config.engine
    assert isinstance(engine, ProgramSection)
    config = _possible(config, engine)
    files = Files(folder)
    lines = plumed_lines(config, engine, files)
    action = str(files.needed(engine.action, "engine.action", "`cvflow plumed build` makes it"))
    try:
        program = program_of(engine, files)
        starts = _starts(config, folder, program) if with_starts else WalkerStarts()
        setup = _assembled(config, engine, program, lines, action, starts, files)
    except ProgramFailedError as error:
        raise ConfigError(" | ".join([f"{error.reason}; its last lines", *error.lines])) from error
    return setup


def _possible(config: Config, engine: ProgramSection) -> Config:
    """The config with the defaults of external programs.

    Raises:
        ConfigError: it asks for what they cannot do.
    """
    given, run = config.path, config.run
    if given.kernel != "restraint" or given.friction != 0:
        raise ConfigError(f"{engine.name} has path.kernel = 'restraint' and path.friction = 0 alone")
    if given.early_rejection and "early_rejection" in given.model_fields_set:
        raise ConfigError(f"path.early_rejection = true is refused: paths of {engine.name} run to their end")
    if run.local != "hmc" or run.local_steps < 1 or run.local_timestep is not None:
        raise ConfigError(f"{engine.name} has run.local = 'hmc' alone, with at least one of run.local_steps")
    if (engine.temperature is None) == (engine.kT is None):
        raise ConfigError("give engine.temperature [K], or engine.kT for a model in reduced units")
    if "timestep" not in given.model_fields_set:
        raise ConfigError("path.timestep is missing [ps]")
    if config.system.parameters:
        raise ConfigError("system.parameters is refused: only built-in systems have parameters")
    return config.changed(path={"early_rejection": False})


def _starts(config: Config, folder: Path, program: Program) -> WalkerStarts:
    given = config.system.starts
    if not given:
        raise ConfigError('system.starts is missing: one structure per state, starts = {compact = "a.gro", ...}')
    check_named(config, given, "system.starts")
    frames = [program.read_start(folder / name) for name in given.values()]
    return in_turn(frames, list(given), config.run.walkers)


def _assembled(
    config: Config,
    engine: ProgramSection,
    program: Program,
    lines: tuple[str, ...],
    action: str,
    starts: WalkerStarts,
    files: Files,
) -> Setup:
    """Check that the parts fit together, with a path of one step from each start.

    Raises:
        ValueError: they do not.
        ProgramFailedError: the program does not run.
    """
    kT = engine.kT if engine.kT is not None else thermal_energy(float(engine.temperature or 0))
    names = tuple(checked_name(section.name) for section in config.cv)
    states = checked_states(config, names)
    starts = in_one_box(starts)
    frames = dict(zip(starts.names, starts.frames, strict=True))
    spec = ExternalSpec(
        program, lines, names, action, kT, config.path.timestep,
        time_limit=engine.time_limit, keep_failed=engine.keep_failed,
    )  # fmt: skip
    running = _at(spec, resolved(config).path).build()
    if frames:
        periods = running.periods(next(iter(frames.values())))
        config = _resumable(config, engine, periods, files)
    else:
        periods = tuple(float(cv.period or np.inf) for cv in config.cv if isinstance(cv, PlumedSection))
    units = tuple(section.unit or "" for section in config.cv)
    setup = checked(
        Setup(
            config=config,
            name=engine.name,
            space=CVSpace(names, units, periods, ((-np.inf, np.inf),) * len(names)),
            states=states,
            kT=kT,
            walkers=EngineWalkers(partial(_at, spec), starts.frames, FreshVelocities, threads=_threads(engine)),
            steered=SteeredCVs(),
            notes=_overridden(engine, program),
            topology=program.topology(),
            files={f"{INPUTS}/{path.name}": path for path in files.found.values()},
        )
    )
    return _started(setup, running, starts) if frames else setup


def _threads(engine: ProgramSection) -> int:
    """Cores of a path."""
    return (engine.threads or 1) if isinstance(engine, GromacsSection) else 1


def _started(setup: Setup, engine: ExternalEngine, starts: WalkerStarts) -> Setup:
    """The run with what there is to say of its starts; each is looked at once, by a path of one step.

    Raises:
        ValueError: they do not lie where they should, or something changes with time.
        ProgramFailedError: the program does not run, or not with the action.
    """
    frames = dict(zip(starts.names, starts.frames, strict=True))
    values = {state: engine.cv_values(frame) for state, frame in frames.items()}
    points = np.array([values[name] for name in starts.names])
    opening = opened(setup.states, starts.names, points, starts.said)
    engine.try_action(next(iter(frames.values())))
    check_steady(engine, next(iter(frames.values())), setup, np.abs(points).max(axis=0))
    return replace(setup, notes=setup.notes + start_notes(opening), opening=opening)


def _at(spec: ExternalSpec, path: PathSettings) -> ExternalSpec:
    return replace(spec, timestep=path.timestep, schedule=path.schedule.upper())


def check_steady(engine: ExternalEngine, frame: Frame, setup: Setup, scale: Point) -> None:
    """Check that CVs and energies of a configuration at the end of a path are what they are when the next begins.

    The path is as long as those of the run, each of which begins with nothing to remember: what does not show in it,
    a bias that is first laid down later for example, shows in no path.

    Args:
        engine: of the run.
        frame: where the path begins.
        setup: the run.
        scale: of each CV; coordinates go from path to path in single precision, of which a ten-thousandth is made.

    Raises:
        ValueError: they are not.
    """
    run, path = setup.config.run, resolved(setup.config).path
    before, after = engine.seen_twice(frame, max(run.local_steps, path.steps))
    if np.isfinite(before.cv).all():
        space = setup.space
        check_same_points(before.cv[None], after.cv[None], space.names, np.array(space.periods), 1e-4 * scale)
    for what, bias, again in (
        ("the sum of PLUMED's biases", before.bias, after.bias),
        ("the program's potential energy", before.potential, after.potential),
    ):
        check_same_energies(np.array([bias]), np.array([again]), what, 0.05 * setup.kT)


def _overridden(engine: ProgramSection, program: Program) -> tuple[str, ...]:
    """Notes of settings in the user's files that paths have of their own."""
    if not isinstance(program, Gromacs) or not isinstance(engine, GromacsSection):
        return ()
    settings = overridden(program.mdp)
    return tuple(f"{setting} in {engine.mdp} is not for paths: they have their own" for setting in settings)


def _resumable(config: Config, engine: ProgramSection, periods: tuple[float, ...], files: Files) -> Config:
    """The config as the run's own folder has it: copies of the files, and the periods that PLUMED told."""
    here = {path: f"{INPUTS}/{path.name}" for path in files.found.values()}
    names = {key: here[(files.folder / name).resolve()] for key, name in engine.named_files.items()}
    inputs = [here[(files.folder / name).resolve()] for name in engine.inputs]
    starts = {state: str((files.folder / name).resolve()) for state, name in config.system.starts.items()}
    cvs = [
        section.changed(period=period) if np.isfinite(period) else section
        for section, period in zip(config.cv, periods, strict=True)
    ]
    return config.changed(engine=names | {"inputs": inputs}, system={"starts": starts}, cv=cvs)
