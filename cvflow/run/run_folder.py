"""A run in its folder: begin one, or take it up again."""

import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from cvflow import __version__
from cvflow.config.settings import Config, ConfigError
from cvflow.core.frames import Frame
from cvflow.estimate.schema import Summary
from cvflow.host.atomic import copy_whole, write_whole
from cvflow.host.interrupt import terminable
from cvflow.host.journal import LOG, journal
from cvflow.host.stopping import Stopping, stopping
from cvflow.report import Form, Shown, shown, write_report
from cvflow.run.folder_lock import FolderLock, folder_lock
from cvflow.run.overwriting import MARK, check_free
from cvflow.run.same_run import checked_config, checked_versions
from cvflow.run.tuning import Trying, tuned
from cvflow.sampler.loop import Progress, Run
from cvflow.setup import Equilibrated, Setup, from_config, header
from cvflow.setup.files.topology_file import has_names, topology_text
from cvflow.store import HDF5Store, Record, previous, read_record
from cvflow.store.trajectory import Trajectories

Watch = Callable[[Progress | Trying | str], None]
"""What is told how far a run is, and what there is to say on the way."""

STORE = "run.h5"
CONFIG = "config.resolved.toml"
TOPOLOGY = "topology.pdb"


@contextmanager
def _attended(folder: Path, until: float | None) -> Iterator[Stopping]:
    """A run's folder while it runs: what happens is noted down, and what asks it to stop is heard."""
    with journal(folder), terminable(), stopping(folder, until) as stop:
        LOG.info("cvflow %s, process %d on %s, in %s", __version__, os.getpid(), platform.node(), folder.resolve())
        yield stop


def begin(
    setup: Setup,
    folder: Path,
    watch: Watch,
    workers: int | None = None,
    until: float | None = None,
    executor: Executor | None = None,
) -> Summary:
    """Run a setup from its starts to its report; returns the summary.

    Args:
        setup: the run.
        folder: for all that it writes.
        watch: is told how far it is.
        workers: processes, if not as many as suit; with an executor, how many it has, if not one a group of walkers.
        until: `time.monotonic()` at which it has to have stopped, if ever.
        executor: where the walkers' turns are run, if not on workers of this run's own; it is left open.

    Raises:
        ConfigError: the executor cannot run them, or the folder already holds a run, cannot be written, holds files
            that the run reads or that are none of cvflow's, or another process writes there.
        PausedError: the time was over, or a file EXIT asked it to stop.
    """
    begun = time.perf_counter()
    processes = setup.walkers.workers(setup, workers, executor)
    with _held(folder) as lock:
        prepare_folder(setup, folder)
        for line in setup.opening_words:
            watch(line)
        with _attended(folder, until) as stop, setup.walkers.working(processes, executor) as pool:
            setup = _with_all_starts(setup, pool, folder, watch)
            equilibrated = setup.equilibrate(pool)
            group_states, samples = equilibrated.group_states, equilibrated.samples
            for walker, frame in enumerate(frame for group_state in group_states for frame in group_state.frames):
                setup.check_frame(walker, frame)
            noted, setup = len(setup.notes), setup.after(equilibrated)
            for note in setup.notes[noted:]:
                watch(said(note))
            setup = tuned(setup, pool, equilibrated, watch)
            kappa = setup.kappa(samples)
            lock.check()
            write_config(folder, setup.config)
            made = header(setup, kappa, processes, folder)
            store = HDF5Store(folder / STORE, made, samples, group_states[0].frames[0])
            write_topology(setup, group_states[0].frames[0], folder)
            trajectories = trajectories_of(setup, folder, [0] * setup.settings.run.walkers)
            run = setup.run(
                equilibrated, kappa, store, trajectories=trajectories, watch=watch,
                wall_before=time.perf_counter() - begun, check=setup.check_frame, still_ours=lock.check,
            )  # fmt: skip
            return _finish(run, pool, store, folder, stop)


def resume(
    folder: Path,
    jumps: int | None,
    watch: Watch,
    workers: int | None = None,
    until: float | None = None,
    executor: Executor | None = None,
    *,
    accept_versions: bool = False,
) -> Summary:
    """Continue a run from its last commit, to its own length or to another; returns the summary.

    The run goes on as it was begun, with the settings in its store; those in the folder must be the same, but for the
    number of jumps.

    Args:
        folder: the run's.
        jumps: production jumps per walker in all; else as many as the folder's config says.
        watch: called as the run goes on.
        workers: processes, if not as many as suit; with an executor, how many it has, if not one a group of walkers.
        until: `time.monotonic()` at which it has to have stopped, if ever.
        executor: as of `begin`.
        accept_versions: whether other versions of cvflow, OpenMM, torch and the like may go on with it.

    Raises:
        ConfigError: the folder holds no run or cannot be written, another process writes there, settings, files or
            versions are others than the run was begun with, or fewer jumps are asked for than are done.
        PausedError: the time was over, or a file EXIT asked it to stop.
    """
    _check_store(folder)
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{folder}: cannot be written: it is somebody else's, or read-only; resume a copy of it")
    with _held(folder) as lock:
        record = open_record(folder)
        made = checked_versions(record.header, folder, accept_versions, len(record.turns))
        setup = from_config(checked_config(made, folder / CONFIG), folder, with_starts=False)
        setup = setup.changed(run={"jumps": checked_jumps(jumps, setup.settings.run.jumps, record)})
        processes = setup.walkers.workers(setup, workers, executor)
        with _attended(folder, until) as stop:
            write_config(folder, setup.config)
            store = HDF5Store.reopen(folder / STORE, replace(made, config=setup.config.to_toml()))
            kappa, group_states = np.array(made.kappa), setup.walkers.standing(setup, record.commit.frames)
            if not (folder / TOPOLOGY).exists():
                write_topology(setup, record.commit.frames[0], folder)
            trajectories = trajectories_of(setup, folder, record.turns_done)
            run = setup.run(
                Equilibrated(group_states, record.pilot), kappa, store, trajectories=trajectories, watch=watch,
                check=setup.check_frame, still_ours=lock.check,
            )  # fmt: skip
            run.restore(record)
            with setup.walkers.working(processes, executor) as pool:
                return _finish(run, pool, store, folder, stop)


def report(
    folder: Path, beside: Sequence[Path] = (), out: Path | None = None, forms: Sequence[Form] = ()
) -> list[Shown]:
    """Write the report of a folder's run again, with other runs beside it if folders are named.

    Args:
        folder: of the run.
        beside: of the other runs.
        out: where to write; into the run's own folder without.
        forms: vector formats that each figure is written in besides PNG.

    Returns:
        This run, then the others.

    Raises:
        ConfigError: a folder holds no run, or is named twice; nothing is written then. Or where to write is read-only
            or full.
        ValueError: a run has no production yet, or cannot stand beside this one; nothing is written then.
    """
    if len({place.resolve() for place in (folder, *beside)}) <= len(beside):
        raise ConfigError(f"--beside: a folder is named twice among {', '.join(map(str, (folder, *beside)))}")
    record = open_record(folder)
    others = [shown(other, open_record(other), record.header) for other in beside]
    with writing_into(place := out or folder):
        return [Shown(place, record.header, write_report(record, place, others, forms)), *others]


@contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """A report that cannot be written where it should be is misuse: the folder is somebody else's, or full.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{folder}: cannot be written ({reason}); give another folder by --out") from error


def open_record(folder: Path) -> Record:
    """Read what a folder's run has committed.

    Raises:
        ConfigError: there is none.
    """
    _check_store(folder)
    try:
        return read_record(folder / STORE)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _check_store(folder: Path) -> None:
    if not (folder / STORE).is_file():
        raise ConfigError(f"{folder}: {_why_none(folder)}")


def _why_none(folder: Path) -> str:
    """Why there is no store: it is gone, nothing was committed yet, or this is another folder."""
    if previous(folder / STORE).exists():
        return f"{STORE} is gone; the commit before its last is here: `cvflow recover {folder}` goes back to it"
    if (folder / CONFIG).exists():
        return f"nothing was committed before the run stopped; start it again, with --out {folder}"
    return f"no run here ({STORE} is missing); give the --out folder of a run"


def holds_run(folder: Path) -> bool:
    """Whether something of a run's is committed in a folder, damaged or not."""
    return any(path.exists() for path in (folder / STORE, previous(folder / STORE)))


def said(note: str) -> str:
    """A note as a line for people."""
    return note if note.startswith("warning: ") else f"note: {note}"


def way_on(folder: Path) -> str:
    """How to go on with a run that ended early."""
    if not holds_run(folder):
        return "nothing was committed yet, start it again"
    return f"what is done is committed, go on with `cvflow resume {folder}`"


def check_unused(folder: Path) -> None:
    """Check that a folder holds no run.

    Raises:
        ConfigError: it does.
    """
    if holds_run(folder):
        raise ConfigError(
            f"{folder} already holds a run: continue it with `cvflow resume {folder}` or "
            f"cvflow.resume({str(folder)!r}), or give another folder (--out)"
        )


def prepare_folder(setup: Setup, folder: Path) -> None:
    """Make the folder and write what a later `resume` builds the engine from, "auto" as it was given.

    Raises:
        ConfigError: the folder already holds a run, or cannot be written; nothing is touched then.
    """
    check_unused(folder)
    check_free(folder, (*setup.files, *map(start_file, setup.walkers.to_make)), setup.reads)
    try:
        write_config(folder, setup.config)
        for name, content in setup.files.items():
            _write(folder / name, content)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written ({error.strerror}); give another --out") from error


def start_file(state: str) -> str:
    """Where a start that was made for a state is kept."""
    name = re.sub(r"[^\w+-]", "_", state)
    return f"start_{name}.pdb"


def _with_all_starts(setup: Setup, executor: Executor, folder: Path, watch: Watch) -> Setup:
    """The run with starts that are made or explored for: told in words, and kept in the folder where they are made."""
    if not setup.walkers.preparing:
        return setup
    watch(setup.walkers.preparing)
    told, setup = {*setup.opening_words, *setup.notes}, setup.completed(executor)
    for line in (*setup.opening_words, *map(said, setup.notes)):
        if line not in told and line.removeprefix("note: ") not in told:
            watch(line)
    for state, frame in setup.made.items():
        assert setup.topology is not None
        write_whole(folder / start_file(state), topology_text(setup.topology, frame))
    return setup


def _write(path: Path, content: str | Path) -> None:
    """A file of the run's own: text, or a copy of one of the user's."""
    path.parent.mkdir(exist_ok=True)
    if isinstance(content, str):
        write_whole(path, content)
    else:
        copy_whole(content, path)


def write_topology(setup: Setup, frame: Frame, folder: Path) -> None:
    """Write the names and bonds of the atoms, where anything is known of them, with a frame's positions."""
    if setup.topology is not None and has_names(setup.topology):
        write_whole(folder / TOPOLOGY, topology_text(setup.topology, frame))


def trajectories_of(setup: Setup, folder: Path, frames: Sequence[int]) -> Trajectories | None:
    """Files that take the walkers' frames, cut to the given numbers of them; none for models without atoms."""
    if setup.topology is None:
        return None
    run, path = setup.settings.run, setup.settings.path
    return Trajectories(folder, setup.topology, run.walkers, run.local_steps * path.timestep, frames)


def write_config(folder: Path, config: Config) -> None:
    """Write the settings that a run was begun with, for people and for `cvflow run`."""
    write_whole(folder / CONFIG, f"{MARK}\n{config.to_toml()}")


def checked_jumps(asked: int | None, configured: int, record: Record) -> int:
    """Production jumps per walker.

    Raises:
        ConfigError: some walker has done more.
    """
    jumps = configured if asked is None else asked
    done = int(np.bincount(record.turns["walker"][record.turns["production"]]).max(initial=0))
    if jumps < done:
        what = f"run.jumps = {jumps} in {CONFIG}" if asked is None else f"--jumps {jumps}"
        raise ConfigError(f"{what}: walkers have done {done} production jumps already; ask for more")
    return jumps


@contextmanager
def _held(folder: Path) -> Iterator[FolderLock]:
    """The folder, made if it is not there, as this process's own.

    Raises:
        ConfigError: another process has it, or it cannot be written.
    """
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context(folder_lock(folder))
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be written ({error.strerror}); give another --out") from error
        yield lock


def _finish(run: Run, pool: Executor, store: HDF5Store, folder: Path, stop: Stopping) -> Summary:
    try:
        run.go(pool, stop)
        LOG.info("all jumps are done")
        return write_report(store.record(), folder)
    finally:
        store.close()
