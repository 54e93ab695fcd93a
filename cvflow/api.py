"""The Python way in: one's own system, of OpenMM, ASE or torch, and one's own CVs."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import openmm
from matplotlib.figure import Figure
from openmm import app, unit

from cvflow.config.references import absolute
from cvflow.config.settings import ConfigError
from cvflow.config.wall_section import wall_words
from cvflow.core.quantities import plain, positive
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable
from cvflow.engines.batch.system import TorchSystem
from cvflow.estimate.comparison import compared_pairs
from cvflow.estimate.schema import Summary
from cvflow.host.faults import brief
from cvflow.host.functions import check_not_importing, reference_to
from cvflow.host.main_module import UnguardedError, check_not_a_worker
from cvflow.host.stopping import seconds_of
from cvflow.report import other_tools
from cvflow.report.figures import free_energy_figure, laid_out, surface_figure
from cvflow.run import run_folder
from cvflow.run.folder_lock import LockLostError
from cvflow.run.notebook import show_figures
from cvflow.run.progress import watching
from cvflow.run.scheduler import Workplace, joined
from cvflow.setup import (
    AseSystem,
    MolecularSystem,
    ase_system_from,
    from_objects,
    molecular_system,
    molecule_from_function,
)
from cvflow.store import Record

if TYPE_CHECKING:
    import MDAnalysis
    import pandas


class FreeEnergy(NamedTuple):
    """A free-energy difference with its standard error, in kT and in kJ/mol; and what to beware of in this run.

    All are NaN where the difference is not determined: `reason` says why, and is empty where it is. `alone` says why
    chains or works alone are taken, where they are not joined.
    """

    kT: float
    kT_stderr: float
    kJ_mol: float
    kJ_mol_stderr: float
    cautions: tuple[str, ...] = ()
    reason: str = ""
    alone: str = ""

    @property
    def determined(self) -> bool:
        """Whether there is a difference to state."""
        return not self.reason


@dataclass(frozen=True)
class Result:
    """A finished run. Everything in it comes from the folder's store.

    Attributes:
        folder: where its files are.
        record: all that the store holds.
        summary: the run in numbers, as in `summary.json` (docs/summary.md), by name or by key:
            ``summary.jumps.accepted`` is ``summary["jumps"]["accepted"]``.
    """

    folder: Path
    record: Record
    summary: Summary

    def delta_f(self, start: str, end: str) -> FreeEnergy:
        """F(end) - F(start), the best estimate of chains and works together; the parts are in the summary.

        Raises:
            ValueError: a state is unknown, or both are one.
        """
        names = list(self.record.header.states)
        for name in (start, end):
            if name not in names:
                raise ValueError(f"unknown state {name!r}; the run has {', '.join(names)}")
        if start == end:
            raise ValueError(f"delta_f needs two different states, got {start!r} twice")
        (found,) = compared_pairs(self.record, [(names.index(start), names.index(end))])
        best, kT = found.best, self.record.header.kT
        value, stderr, reason = best.found.value, best.found.stderr, best.found.reason
        return FreeEnergy(value, stderr, kT * value, kT * stderr, self.summary.warnings, reason, best.alone)

    def plot_fes(self, cv: str, second: str | None = None, bins: int = 60) -> Figure:
        """Free energy along a CV with its error band, or a contour picture along two, as a matplotlib figure.

        A notebook shows it below the cell that it ends.

        Args:
            cv: name of the CV.
            second: name of the other one.
            bins: of the range that the walkers visited, along each CV.

        Raises:
            ValueError: a CV is unknown.
        """
        show_figures()
        if second is None:
            return laid_out(free_energy_figure(self.record, cv, bins))
        return laid_out(surface_figure(self.record, cv, second, bins))

    def turns(self) -> "pandas.DataFrame":
        """One row a turn: time [ps], walker, jump, whether of production, each CV, and the state that it ended in.

        Raises:
            ImportError: pandas is not installed.
        """
        return other_tools.turns_frame(self.record)

    def jumps(self) -> "pandas.DataFrame":
        """One row a jump, as `jumps.dat` has them: every ingredient of its acceptance; works in kT.

        Raises:
            ImportError: pandas is not installed.
        """
        return other_tools.jumps_frame(self.record)

    def to_arviz(self) -> Any:
        """Production as ArviZ's DataTree: "posterior" has each CV, two draws a turn, and "jumps" one draw a turn.

        Raises:
            ImportError: arviz-base is not installed.
        """
        return other_tools.arviz_tree(self.record)

    def universe(self, walker: int = 0) -> "MDAnalysis.Universe":
        """A walker's frames, one a turn; `ts.data` of each has the CVs by name, "state", "production" and "weight".

        Args:
            walker: its number, from 0.

        Raises:
            ValueError: there is no such walker, or no trajectory that MDAnalysis reads.
        """
        return other_tools.universe(self.record, self.folder, walker)

    def to_alchemlyb(self, start: str, end: str) -> "pandas.DataFrame":
        """The works between two states as alchemlyb's u_nk [kT]; its BAR of them is the run's.

        Raises:
            ImportError: pandas is not installed.
            ValueError: a state is unknown, no paths lead there and back, or early rejection gave up paths, so that the
                others have weights, which u_nk has not.
        """
        return other_tools.alchemlyb_table(self.record, start, end)

    def to_mlcolvar(self, features: "Callable[[MDAnalysis.Universe], object] | None" = None) -> Any:
        """Production's frames that lie in a named state as mlcolvar's DictDataset, labelled with the state's index.

        Args:
            features: makes the row of numbers of one frame, from a Universe that stands at it; the CVs without.

        Raises:
            ImportError: mlcolvar is not installed.
            ValueError: there is no trajectory, or production has no frame in a named state.
        """
        return other_tools.mlcolvar_dataset(self.record, self.folder, features)


def openmm_system(
    topology: app.Topology | app.Modeller | app.Simulation | Callable[..., object] | str,
    system: openmm.System | app.ForceField | None = None,
    temperature: float | unit.Quantity | None = None,
    hydrogen_mass: float | unit.Quantity | None = None,
    parameters: Mapping[str, float | int] | None = None,
) -> MolecularSystem:
    """Bring an OpenMM system, a force field that makes one, a Simulation, or a function.

    A force field is applied without constraints, with PME in a periodic box and without cutoff otherwise; its own
    `createSystem` has more to choose from. A System keeps the constraints, rigid water and virtual sites that it has.

    A function makes the System in each worker process anew, and nothing of it is stored: so its forces may be Python's
    (openmm.PythonForce), OpenMM-ML's or torch's. A later `cvflow resume` finds it by the name of its file.

    Args:
        topology: names and bonds of the atoms, or a Modeller that has them; a Simulation; or a function at the top
            level of a file, or "file.py:function", that gives a Topology and a System.
        system: the potential and the masses, or a force field; none with a Simulation or a function.
        temperature: K, or a Quantity; that of a Simulation's thermostat, if it has one, where none is given.
        hydrogen_mass: amu or a Quantity, of every hydrogen, if given. It leaves the distribution of positions as it is;
            4 amu take a time step twice as long. Not with a function.
        parameters: numbers that go to the function by name.

    Raises:
        ValueError: the temperature or the mass is not positive, the force field does not know the molecule, or the
            function is not where workers find it, fails or makes something else.
    """
    if system is not None or not (callable(topology) or isinstance(topology, str)):
        if parameters is not None:
            raise ValueError("openmm_system: parameters go to a function, and none is given")
        return molecular_system(topology, system, temperature, hydrogen_mass)
    if hydrogen_mass is not None:
        raise ValueError("openmm_system: hydrogen_mass is refused: a function makes its own masses")
    return molecule_from_function(topology, temperature, plain(parameters or {}))


def ase_system(
    source: Callable[..., object] | str,
    temperature: float | unit.Quantity,
    parameters: Mapping[str, float | int] | None = None,
) -> AseSystem:
    """Bring atoms with any ASE calculator, as a function that makes them.

    Each worker process calls the function once and has a calculator of its own; a later `cvflow resume` finds it by the
    name of its file.

    Args:
        source: a function at the top level of a file, or "file.py:function", that gives an ase.Atoms whose calculator
            is set and that has no constraints.
        temperature: K.
        parameters: numbers that go to the function by name.

    Raises:
        ValueError: ASE is missing, the function is not where workers find it, fails or makes something else, or the
            temperature is not positive.
    """
    if not isinstance(source, str) and not callable(source):
        raise ValueError(
            f"ase_system: {type(source).__name__} objects are neither stored nor sent to worker processes: give a "
            'function at the top level of a file that makes the ase.Atoms with its calculator, or "file.py:function"'
        )
    what = "ase_system"
    reference = absolute(source, Path(), what) if isinstance(source, str) else reference_to(source, what)
    return ase_system_from(reference, plain(parameters or {}), positive(temperature, "temperature"), what)


@contextmanager
def _noting(way_on: Callable[[], str]) -> Iterator[None]:
    """Let what ends a run early say how to go on with it."""
    try:
        yield
    except (ConfigError, UnguardedError, LockLostError):  # before anything was done; the folder is another's now
        raise
    except (KeyboardInterrupt, Exception) as error:
        error.add_note(way_on())
        raise


_IN_MEMORY = "what is done is committed, but the system is in no file: `cvflow resume` cannot go on with it"


def _way_on(folder: Path) -> str:
    """How to go on with a run, from a shell and from Python."""
    words = run_folder.way_on(folder)
    return f"{words} or cvflow.resume({str(folder)!r})" if run_folder.holds_run(folder) else words


@contextmanager
def _workplace(executor: Executor | None, scheduler: str | None, workers: int | None) -> Iterator[Workplace]:
    """Where the turns are run: an executor that is given, a scheduler's workers, or workers of the run's own."""
    _check_workers(workers)
    if executor is None:
        with joined(scheduler, workers) as place:
            yield place
        return
    if scheduler is not None:
        raise ValueError("executor and scheduler are two places for the same turns: give one of them")
    if not isinstance(executor, Executor):
        raise ValueError(f"executor must be one of concurrent.futures, got {brief(executor)}")
    yield Workplace(executor, workers)


def sample(
    system: MolecularSystem | AseSystem | TorchSystem,
    cvs: Sequence[CollectiveVariable] = (),
    states: Mapping[str, str] | None = None,
    starts: Mapping[str, object] | None = None,
    out: str | Path = "cvflow-run",
    *,
    quiet: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    scheduler: str | None = None,
    wall_time: str | None = None,
    path: Mapping[str, object] | None = None,
    engine: Mapping[str, object] | None = None,
    flow: Mapping[str, object] | None = None,
    proposal: Mapping[str, object] | None = None,
    explore: Mapping[str, object] | None = None,
    walls: Sequence[Wall] = (),
    **run: object,
) -> Result:
    """Sample a system and write a folder with the store, figures, tables and report.

    Worker processes do not import the script that calls this, which may also be a notebook or come through a pipe. Only
    where the script itself defines functions or classes that CVs are made of do they import it, on every system: call
    this under ``if __name__ == "__main__":`` then.

    Args:
        system: from `openmm_system` or `ase_system`, or a `TorchSystem`, which has its own CV, states and starts.
        cvs: collective variables that tell the states apart, from `cvflow.cv`: atoms are indices counted from 0 or
            MDAnalysis selection strings; angles and torsions are in rad. Not for a `TorchSystem`.
        states: named regions, e.g. ``{"bound": "d < 0.4", "free": "d >= 0.4"}``.
        starts: one structure per state: positions [nm], an OpenMM Quantity, State, Simulation, PDBFile or Modeller, an
            MDAnalysis AtomGroup, or the name of a file that OpenMM or MDAnalysis reads, with the number of its frame if
            it has several (``"traj.xtc:250"``); with ASE an ase.Atoms, or a file of any format that ase.io reads.
            States without a start are not found. Not for a `TorchSystem`.
        out: folder for the results.
        quiet: plain progress lines.
        workers: worker processes; one a walker, up to the number of cores, if left out. With an executor, how many it
            has, by which the report reckons its speeds; one a walker if left out.
        executor: where the walkers' turns are run, in the place of workers of cvflow's own: any executor of
            `concurrent.futures`, threads or processes, or another library's. The chain is the same, bit by bit. It is
            the caller's to close; lost workers are not replaced, nor are cores shared out. A `TorchSystem` takes a
            `ThreadPoolExecutor` alone. Processes are started by "spawn": a forked one inherits threads that it lacks.
        scheduler: run them on the workers of a Dask scheduler: its address, such as ``"tcp://host:8786"``, or the
            name of the file that it wrote.
        wall_time: when to stop, counted from the call, e.g. ``"11:30:00"``.
        path: settings of `[path]`, e.g. ``{"steps": 2000, "timestep": 0.0005}``; for molecules the time step [ps] is
            0.0005 here unless given; 0.002 where every hydrogen takes part in a constraint, 0.004 where all hydrogens
            are heavy (3 amu and more) besides; and 0.001 with ASE.
        engine: settings of `[engine]`, e.g. ``{"platform": "CUDA"}`` or ``{"precision": "float32"}``.
        flow: settings of `[flow]`.
        proposal: settings of `[proposal]`, in place of a flow.
        explore: settings of `[explore]`: how modes of a TorchSystem are found before the run.
        walls: on CVs, part of the potential, from `cvflow.wall`: ``[cvflow.wall("d", upper=1.2, kappa=2000)]``.
        **run: settings of `[run]`: seed, walkers, adapt_jumps, adapt_limit, jumps, local_steps,
            equilibration_moves, local.

    Settings with units may be OpenMM quantities: ``path={"timestep": 0.5 * unit.femtosecond}``.

    Raises:
        ValueError: misuse; the message says what, where and the mend. Nothing is written then.
        PausedError: the wall time was over, or a file EXIT in the folder asked the run to stop.
        KeyboardInterrupt: Ctrl-C, SIGTERM or SIGHUP. What is done is committed; a note says how to go on.

    Any other exception is as it was raised; its traceback is in run.log, and what is done is committed.
    """
    until = _until(wall_time)
    check_not_a_worker()
    check_not_importing("cvflow.sample")
    chosen = {"run": run, "path": path, "engine": engine, "flow": flow, "proposal": proposal, "states": states}
    chosen |= {"explore": explore}
    for name, values in {**chosen, "starts": starts}.items():
        if values is not None and not isinstance(values, Mapping):
            raise ValueError(f"{name} must be a mapping such as a dict, got {brief(values)}")
    if isinstance(cvs, str) or not isinstance(cvs, Sequence):
        raise ValueError(f"cvs must be a list of collective variables, got {brief(cvs)}")
    if not isinstance(out, str | Path):
        raise ValueError(f"out must be the name of a folder, got {brief(out)}")
    sections = {name: plain(values) for name, values in chosen.items() if values is not None}
    if walls:
        sections["wall"] = wall_words(walls)
    setup = from_objects(system, sections, cvs, starts or {})
    for note in setup.notes:
        warnings.warn(note, stacklevel=2)
    folder = Path(out)
    with (
        _workplace(executor, scheduler, workers) as place,
        watching(quiet) as watch,
        _noting(lambda: _IN_MEMORY if setup.in_memory else _way_on(folder)),
    ):
        summary = run_folder.begin(setup, folder, watch, place.workers, until, place.executor)
    return Result(folder, run_folder.open_record(folder), summary)


def resume(
    folder: str | Path,
    jumps: int | None = None,
    *,
    quiet: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    scheduler: str | None = None,
    wall_time: str | None = None,
    accept_versions: bool = False,
) -> Result:
    """Go on with a run that was interrupted, or make a finished one longer, as `cvflow resume` does.

    The chain is the same, bit by bit, as that of a run that nothing interrupted. A finished run is only read, and its
    report written again.

    Args:
        folder: of the run.
        jumps: production jumps per walker in all; as many as the run was to make if left out.
        quiet: plain progress lines.
        workers: worker processes; one a walker, up to the number of cores, if left out. With an executor, how many it
            has.
        executor: as of `sample`.
        scheduler: as of `sample`.
        wall_time: when to stop, counted from the call, e.g. ``"11:30:00"``.
        accept_versions: whether other versions of cvflow, OpenMM, torch and the like than it was begun with may go on
            with it; the report says so.

    Raises:
        ValueError: the folder holds no run that can be gone on with, or misuse; the message says what, where and the
            mend.
        PausedError: the wall time was over, or a file EXIT in the folder asked the run to stop.
        KeyboardInterrupt: as of `sample`.
    """
    until = _until(wall_time)
    check_not_a_worker()
    check_not_importing("cvflow.resume")
    if not isinstance(folder, str | Path):
        raise ValueError(f"folder must be the name of a folder, got {brief(folder)}")
    if jumps is not None and (not isinstance(jumps, int) or jumps < 1):
        raise ValueError(f"jumps must be a whole number from 1, got {brief(jumps)}")
    run = Path(folder)
    with _workplace(executor, scheduler, workers) as place, watching(quiet) as watch, _noting(lambda: _way_on(run)):
        summary = run_folder.resume(
            run, jumps, watch, place.workers, until, place.executor, accept_versions=accept_versions
        )
    return Result(run, run_folder.open_record(run), summary)


def _until(wall_time: str | None) -> float | None:
    """On the monotonic clock, from now."""
    return None if wall_time is None else time.monotonic() + seconds_of(wall_time)


def _check_workers(workers: int | None) -> None:
    """Raises ValueError if there cannot be so many."""
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise ValueError(f"workers must be a whole number from 1, got {brief(workers)}")
