"""What one coordinator costs: walkers whose paths sleep, up to a thousand of them, and everything else as in a run.

    python benchmarks/coordination.py --walkers 1 10 100 300 1000 [--dask 4] [--seconds 2] [--turns 6] [--atoms 724]

The flow proposes, tasks carry the positions of so many atoms, turns are stored, committed and written as trajectories;
an engine's paths alone are replaced: half of each turn's seconds it sleeps in the jump, half in the local move. So all
walkers fit on one core. Tasks run in threads of this process, or with `--dask 4` on a scheduler's workers in four
processes, each with a quarter of the walkers as threads; the scheduler is in this process then, and counted.

Efficiency is the time that the turns slept over the time that passed; the first turn, in which workers build their
engines, is left out. Processor milliseconds a turn are the coordinator's (with threads the sleepers' own are in them).
One JSON line for each number of walkers; --profile FILE writes the coordinator's cProfile.
"""

import argparse
import cProfile
import json
import os
import pickle
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from openmm import app

from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Exactness, Frame, Outcome, PathResult, Point, Steering
from cvflow.core.states import States
from cvflow.engines.base import Engine, EngineSpec
from cvflow.proposals.fit import FitSettings, fit
from cvflow.sampler.cv_jump import restraint_jump
from cvflow.sampler.jump import JumpState
from cvflow.sampler.local import HybridMonteCarlo
from cvflow.sampler.loop import Progress, Run
from cvflow.sampler.plan import Plan
from cvflow.sampler.walkers.process import ProcessGroup, state_at
from cvflow.store import HDF5Store, Header
from cvflow.store.trajectory import Trajectories

BYTES_AN_ATOM = 200
"""Of a serialised System: 144 kB for 724 atoms of alanine dipeptide in water."""

KAPPA = np.array([200.0, 200.0])


@dataclass(frozen=True)
class SleepingSpec:
    """An engine as data; `system` stands for what a serialised System weighs."""

    seconds: float
    system: str

    def build(self) -> "Sleeping":
        return Sleeping(self.seconds / 2)


class Sleeping(Engine):
    """Its paths take their time and get anywhere at once: the first two coordinates are the CVs."""

    kT = 2.5

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    @property
    def exactness(self) -> Exactness:
        return Exactness(False, "nothing moves")

    def cv_values(self, frame: Frame) -> Point:
        return frame.positions[0, :2].copy()

    def steer(self, frame: Frame, steering: Steering, rng: np.random.Generator, criterion: Any = None) -> PathResult:
        return self._slept(frame, steering.end, steering.steps, rng)

    def free_path(self, frame: Frame, steps: int, friction: float, rng: np.random.Generator) -> PathResult:
        return self._slept(frame, self.cv_values(frame), steps, rng)

    def _slept(self, frame: Frame, cv: Point, steps: int, rng: np.random.Generator) -> PathResult:
        time.sleep(self._seconds)
        positions = rng.random(frame.positions.shape)
        positions[0, :2] = cv
        return PathResult(Frame(positions, frame.box), cv, 0.0, 0.0, 0.0, 0.0, steps, Outcome.COMPLETED)


class Counting(Executor):
    """Counts the bytes of one task and its result, and hands on all."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.sent = self.came = self.constant = 0

    def submit(self, function: Any, /, *arguments: Any) -> Any:  # type: ignore[override]
        future = self._executor.submit(function, *arguments)
        if not self.sent:
            self.constant, self.sent = (len(pickle.dumps(argument)) for argument in arguments)
            future.add_done_callback(self._came)
        return future

    def _came(self, future: Any) -> None:
        self.came = len(pickle.dumps(future.result()))


def topology(atoms: int) -> app.Topology:
    made = app.Topology()
    chain = made.addChain()
    for _ in range(atoms):
        made.addAtom("AR", app.element.argon, made.addResidue("AR", chain))
    return made


def sleeping_run(walkers: int, turns: int, spec: SleepingSpec, atoms: int, folder: Path, watch: Any) -> Run:
    """A run from its first turn on, with a spline flow over two CVs."""
    rng = np.random.default_rng(1)
    states = States({"left": "x < 0.5", "right": "x >= 0.5"}, ("x", "y"))
    space = CVSpace(("x", "y"), ("", ""), (np.inf, np.inf), ((-np.inf, np.inf),) * 2)
    pilot = rng.random((walkers, 24, 2))
    histories = list(rng.random((50, 24, 2)))
    jump = restraint_jump(Sleeping.kT, KAPPA, 400, np.array(space.periods))
    flow = fit(histories, space, jump.width, FitSettings(epochs=4), None, rng).proposal
    plan = Plan(
        seed=1, walkers=walkers, adapt_jumps=0, jumps=turns, retrain_every=50, scale=jump.scale, blur=jump.width,
        space=space, states=states, fit=FitSettings(), fixed=flow, gives_up=False,
    )  # fmt: skip
    local = HybridMonteCarlo(200)
    groups = [ProcessGroup(walker, spec, 1, local, jump, KAPPA) for walker in range(walkers)]
    frames = [Frame(rng.random((atoms, 3)), 3.0 * np.eye(3)) for _ in range(walkers)]
    header = Header(
        seed=1, system="sleeping", engine="sleeping", cvs=["x", "y"], units=["", ""], states=dict(states.expressions),
        kT=Sleeping.kT, kappa=list(KAPPA), timestep=0.001, local_steps=200, walkers=walkers, workers=walkers,
        adapt_jumps=0, exact=False, exact_reason="", notes=[], config="", version="0",
    )  # fmt: skip
    store = HDF5Store(folder / "run.h5", header, pilot, frames[0])
    standing = [state_at(JumpState(frame, frame.positions[0, :2].copy())) for frame in frames]
    trajectories = Trajectories(folder, topology(atoms), walkers, 0.2, [0] * walkers)
    return Run(plan, groups, store, pilot, standing, trajectories, watch)


@contextmanager
def threads(walkers: int) -> Iterator[Executor]:
    with ThreadPoolExecutor(walkers) as executor:
        yield executor


@contextmanager
def dask(walkers: int, most: int) -> Iterator[Executor]:
    from distributed import LocalCluster

    from cvflow.host.dask_cluster import dask_executor

    processes = min(most, walkers)
    with (
        LocalCluster(n_workers=processes, threads_per_worker=-(-walkers // processes), dashboard_address=None) as local,
        dask_executor(local.scheduler_address, EngineSpec) as executor,
    ):
        yield executor


def measured(walkers: int, arguments: argparse.Namespace, profile: cProfile.Profile | None) -> dict[str, Any]:
    """One run."""
    spec = SleepingSpec(arguments.seconds, "x" * (BYTES_AN_ATOM * arguments.atoms))
    marks: list[tuple[float, float]] = []

    def watch(progress: Progress) -> None:
        if progress.turns in (walkers, progress.total):
            marks.append((time.perf_counter(), time.process_time()))

    workers = dask(walkers, arguments.dask) if arguments.dask else threads(walkers)
    with tempfile.TemporaryDirectory() as name, workers as executor:
        folder = Path(name)
        run = sleeping_run(walkers, arguments.turns, spec, arguments.atoms, folder, watch)
        counting = Counting(executor)
        with profile or nullcontext():
            run.go(counting)
        turns = walkers * (arguments.turns - 1)
        (begun, before), (ended, after) = marks if arguments.turns > 1 else (marks[0], marks[0])
        return {
            "walkers": walkers,
            "workers": "dask" if arguments.dask else "threads",
            "efficiency": round(arguments.seconds * (arguments.turns - 1) / (ended - begun), 4),
            "seconds": round(ended - begun, 2),
            "processor_ms_a_turn": round(1000 * (after - before) / turns, 3),
            "bytes_sent_a_turn": counting.sent,
            "bytes_back_a_turn": counting.came,
            "bytes_of_the_system": counting.constant,
            "store_kB_a_walker": round((folder / "run.h5").stat().st_size / walkers / 1000, 1),
            "store_MB": round((folder / "run.h5").stat().st_size / 1e6, 2),
            "longest_commit_s": round(run._keeping, 3),
            "load": os.getloadavg()[0],
            "threads": threading.active_count(),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walkers", type=int, nargs="+", default=[1, 10, 100, 300, 1000])
    parser.add_argument("--seconds", type=float, default=2.0, help="that a turn sleeps")
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--atoms", type=int, default=724)
    parser.add_argument("--dask", type=int, metavar="PROCESSES", help="on a scheduler's workers in so many processes")
    parser.add_argument("--profile", help="file for cProfile")
    arguments = parser.parse_args()
    profile = cProfile.Profile() if arguments.profile else None
    for walkers in arguments.walkers:
        print(json.dumps(measured(walkers, arguments, profile)), flush=True)
    if profile:
        profile.dump_stats(arguments.profile)


if __name__ == "__main__":
    from coordination import main as importable  # what workers unpickle has a module of its own

    importable()
