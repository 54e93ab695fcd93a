"""A run in its folder: begin one, or take it up again."""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from openmm import XmlSerializer, app, unit

from cvflow import __version__
from cvflow.build import Setup, from_config
from cvflow.config import ConfigError, load
from cvflow.cv import ForceCV
from cvflow.jump import JumpState
from cvflow.report import write_report
from cvflow.run import Progress, Run
from cvflow.state import Exactness, Frame, Point
from cvflow.store import HDF5Store, Header, Record, read_record
from cvflow.trajectory import Trajectories
from cvflow.walker import Pilot, available_cores, equilibrate, pinned_pool

BLUR = 0.4
"""kappa = "auto": standard deviation of λ around ξ(x), in standard deviations of the CV within the states."""

Watch = Callable[[Progress], None]


def begin(setup: Setup, folder: Path, watch: Watch, workers: int | None = None) -> dict[str, Any]:
    """Run a setup from its starts to its report; returns the summary.

    Raises:
        ConfigError: the folder already holds a run, or cannot be written.
    """
    begun = time.perf_counter()
    prepare_folder(setup, folder)
    workers = workers or default_workers(setup)
    with pinned_pool(workers) as pool:
        pilots = _equilibrate(setup, pool)
        samples = np.stack([pilot.samples for pilot in pilots])
        kappa = _kappa(setup, samples)
        header = _header(setup, kappa, workers)
        store = HDF5Store(folder / "run.h5", header, samples, pilots[0].state.frame)
        write_topology(setup, pilots[0].state.frame, folder)
        trajectories = _trajectories(setup, folder, [0] * header.walkers)
        run = Run(
            setup.plan(kappa), setup.spec(), store, samples, [pilot.state for pilot in pilots],
            trajectories, watch, wall_before=time.perf_counter() - begun,
        )  # fmt: skip
        return _finish(run, pool, store, folder)


def resume(folder: Path, jumps: int | None, watch: Watch, workers: int | None = None) -> dict[str, Any]:
    """Continue a run from its last commit, to its own length or to another; returns the summary.

    Raises:
        ConfigError: the folder holds no run, or fewer jumps are asked for than are done.
    """
    record = open_record(folder)
    config = load(folder / "config.resolved.toml")
    setup = from_config(config, folder, with_starts=False)
    if jumps is not None:
        setup = setup.with_jumps(jumps)
        done = int(np.bincount(record.turns["walker"][record.turns["production"]]).max(initial=0))
        if jumps < done:
            raise ConfigError(f"--jumps {jumps}: walkers have done {done} production jumps already; ask for more")
    (folder / "config.resolved.toml").write_text(setup.config.to_toml())
    store = HDF5Store.reopen(folder / "run.h5")
    engine = setup.spec().build()
    states = [JumpState(frame, engine.cv_values(frame)) for frame in record.commit.frames]
    trajectories = _trajectories(setup, folder, record.commit.trajectory_bytes)
    plan = setup.plan(np.array(record.header.kappa))
    run = Run(plan, setup.spec(), store, record.pilot, states, trajectories, watch)
    run.restore(record)
    with pinned_pool(workers or default_workers(setup)) as pool:
        return _finish(run, pool, store, folder)


def open_record(folder: Path) -> Record:
    """Read what a folder's run has committed.

    Raises:
        ConfigError: there is none.
    """
    if not (folder / "run.h5").is_file():
        raise ConfigError(f"{folder}: no run here (run.h5 is missing); give the --out folder of a run")
    try:
        return read_record(folder / "run.h5")
    except ValueError as error:
        raise ConfigError(str(error)) from error


def prepare_folder(setup: Setup, folder: Path) -> None:
    """Make the folder and write what a later `resume` builds the engine from.

    Raises:
        ConfigError: the folder already holds a run, or cannot be written; nothing is touched then.
    """
    if (folder / "run.h5").exists():
        raise ConfigError(
            f"{folder} already holds a run: continue it with `cvflow resume {folder}`, or give another --out"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.resolved.toml").write_text(setup.config.to_toml())
        (folder / "system.xml").write_text(XmlSerializer.serialize(setup.system))
        for cv in setup.cvs:
            if isinstance(cv, ForceCV):
                (folder / f"cv_{cv.name}.xml").write_text(cv.force_xml)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written ({error.strerror}); give another --out") from error


def default_workers(setup: Setup) -> int:
    """One process a walker, no more than there are cores."""
    return min(setup.config.run.walkers, len(available_cores()))


def _equilibrate(setup: Setup, pool: Executor) -> list[Pilot]:
    seed, local, spec = setup.config.run.seed, setup.local(), setup.spec()
    futures = [pool.submit(equilibrate, spec, frame, local, seed, i) for i, frame in enumerate(setup.starts)]
    return [future.result() for future in futures]


def _kappa(setup: Setup, samples: Float[np.ndarray, "walkers samples cvs"]) -> Point:
    """Spring constants: as configured, or so that λ strays by 0.4 of the CV's spread within the states."""
    given = setup.config.path.kappa
    if given != "auto":
        return np.broadcast_to(np.array(given, dtype=float), len(setup.cvs)).copy()
    pooled = samples.reshape(-1, samples.shape[-1])
    inside = setup.states.assign(pooled)
    variances = [pooled[inside == i].var(axis=0) for i in range(len(setup.states.names)) if (inside == i).sum() > 1]
    spread = np.mean(variances, axis=0) if variances else np.zeros(len(setup.cvs))
    if not (spread > 0).all():
        raise ArithmeticError("a CV did not move during equilibration: set path.kappa, or a shorter time step")
    return setup.kT / (BLUR**2 * spread)


def _header(setup: Setup, kappa: Point, workers: int) -> Header:
    run = setup.config.run
    exact = _exactness([setup.local().exactness, setup.spec().build().exactness])
    return Header(
        seed=run.seed,
        system=setup.name,
        engine=setup.config.engine.name,
        cvs=[cv.name for cv in setup.cvs],
        units=[cv.unit for cv in setup.cvs],
        states=dict(setup.states.expressions),
        kT=setup.kT,
        kappa=[float(k) for k in kappa],
        timestep=setup.config.path.timestep,
        local_steps=run.local_steps,
        walkers=run.walkers,
        workers=workers,
        adapt_jumps=run.adapt_jumps,
        exact=exact.value,
        exact_reason=exact.reason,
        notes=list(setup.notes),
        config=setup.config.to_toml(),
        version=__version__,
    )


def _exactness(parts: list[Exactness]) -> Exactness:
    """Exact if every part is; the reason names what is not."""
    doubts = [part for part in parts if not part.value]
    return Exactness(not doubts, "; ".join(part.reason for part in doubts or parts))


def _trajectories(setup: Setup, folder: Path, sizes: list[int]) -> Trajectories:
    run = setup.config.run
    spacing = run.local_steps * setup.config.path.timestep
    return Trajectories(folder, setup.topology, run.walkers, spacing, sizes)


def _finish(run: Run, pool: Executor, store: HDF5Store, folder: Path) -> dict[str, Any]:
    try:
        run.go(pool)
        return write_report(store.record(), folder)
    finally:
        store.close()


def write_topology(setup: Setup, frame: Frame, folder: Path) -> None:
    """Write `topology.pdb`: names, bonds and one frame."""
    with (folder / "topology.pdb").open("w") as file:
        app.PDBFile.writeFile(setup.topology, frame.positions * unit.nanometer, file, keepIds=True)
