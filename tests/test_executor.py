"""`cvflow.sample` on an executor of the caller's: the same chain, bit by bit, and misuse in one line."""

import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import openmm
import pytest
from jaxtyping import TypeCheckError
from openmm import app

import cvflow
from cvflow.store import read_record
from tests import valley
from tests.figures import undrawn

RUN = {"seed": 7, "walkers": 3, "adapt_jumps": 2, "adapt_limit": 1, "jumps": 4, "quiet": True}
PROPOSAL = {"means": [[0.21], [0.39]], "sigmas": [[0.03], [0.03]], "weights": [0.4, 0.6]}


@pytest.fixture(scope="module", autouse=True)
def without_pictures():
    with undrawn():
        yield


def pair(out, **given):
    """A pair of atoms in a double well, each walker on an engine of its own."""
    system, topology = openmm.System(), app.Topology()
    residue = topology.addResidue("AR2", topology.addChain())
    for name in "AB":
        topology.addAtom(name, app.element.argon, residue)
        system.addParticle(2.0)
    bond = openmm.CustomBondForce("20*((r-0.3)^2/0.01-1)^2")
    bond.addBond(0, 1)
    system.addForce(bond)
    near, far = (np.array([[0.0, 0, 0], [length, 0, 0]]) for length in (0.21, 0.39))
    cvflow.sample(
        cvflow.openmm_system(topology, system, temperature=240),
        [cvflow.cv.distance("d", 0, 1)],
        {"near": "d < 0.3", "far": "d >= 0.3"},
        {"near": near, "far": far},
        out=out, local_steps=10, engine={"platform": "Reference"}, proposal=PROPOSAL,
        **RUN | {"path": {"steps": 20, "timestep": 0.002, "friction": 2.0}} | given,
    )  # fmt: skip
    return chain(out)


def chains(out, **given):
    """Chains of the batch engine."""
    proposal = {"means": [[0.0], [4.0]], "sigmas": [[1.0], [1.0]], "weights": [0.5, 0.5]}
    path = {"kernel": "langevin", "timestep": 0.2, "steps": 5}
    cvflow.sample(valley.valley(), out=out, local_steps=5, path=path, proposal=proposal, **RUN | given)
    return chain(out)


def chain(folder):
    """All but the clock."""
    turns = read_record(folder / "run.h5").turns
    return {name: turns[name].tobytes() for name in turns.dtype.names if "seconds" not in name}


def workers(folder):
    return read_record(folder / "run.h5").header.workers


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return pair(tmp_path_factory.mktemp("default") / "out")


EXECUTORS = {
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")),
}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_the_chain_is_that_of_the_default(kind, alone, tmp_path):
    with EXECUTORS[kind]() as executor:
        assert pair(tmp_path / "out", executor=executor, workers=2) == alone
        assert executor.submit(int).result() == 0, "it is the caller's, and left open"
    assert workers(tmp_path / "out") == 2, "of three walkers: the speeds of the report are those of two workers"


SCRIPT = """
import pickle, sys, warnings
from pathlib import Path

from tests.figures import undrawn
from tests.test_executor import pair

{imports}

def run():
    with undrawn(), {executor} as executor:
        return pair(Path(sys.argv[1]) / "out", executor=executor, workers=2)

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    Path(sys.argv[1], "chain").write_bytes(pickle.dumps(run()))
"""
PARSL = """
from parsl.concurrent import ParslPoolExecutor
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

local = HighThroughputExecutor(max_workers_per_node=2, address="127.0.0.1", provider=LocalProvider(max_blocks=1))
config = Config(executors=[local], run_dir=sys.argv[1] + "/parsl", usage_tracking=0)
"""
MPI = [str(Path(sys.executable).parent / "mpiexec"), "-n", "3", sys.executable, "-m", "mpi4py.futures"]
ELSEWHERE = {
    "mpi4py.futures": ("from mpi4py.futures import MPIPoolExecutor", "MPIPoolExecutor()", MPI),
    "parsl.concurrent": (PARSL, "ParslPoolExecutor(config)", [sys.executable]),
}
"""Executors of other libraries: what a script imports, how it begins one, and how it is started."""


@pytest.mark.parametrize("library", ELSEWHERE)
def test_the_chain_is_that_of_the_default_elsewhere(library, alone, tmp_path):
    if find_spec(library.split(".")[0]) is None:
        pytest.skip(f"NOT INSTALLED: {library} is not tested")
    imports, executor, command = ELSEWHERE[library]
    if not Path(command[0]).exists():
        pytest.skip(f"NO MPIEXEC beside {sys.executable}: {library} is not tested")
    (tmp_path / "script.py").write_text(SCRIPT.format(imports=imports, executor=executor))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": path}
    subprocess.run([*command, tmp_path / "script.py", tmp_path], env=environment, check=True, timeout=120)
    assert pickle.loads((tmp_path / "chain").read_bytes()) == alone


def test_chains_of_the_batch_engine_run_on_threads_of_the_caller_s(tmp_path):
    with ThreadPoolExecutor(2) as executor:
        assert chains(tmp_path / "given", executor=executor) == chains(tmp_path / "default")
    assert workers(tmp_path / "given") == 1


def test_an_executor_that_is_not_counted_has_a_worker_for_each_walker(tmp_path):
    with ThreadPoolExecutor(2) as executor:
        pair(tmp_path / "out", executor=executor)
    assert workers(tmp_path / "out") == 3


MISUSE = {
    "no executor": (pair, {"executor": 4}, "executor"),
    "no workers": (pair, {"executor": ThreadPoolExecutor(1), "workers": 0}, "workers must be"),
    "a batch in processes": (chains, {"executor": ProcessPoolExecutor(1)}, "batch engine"),
}


@pytest.mark.parametrize("case", MISUSE)
def test_misuse_is_refused_before_anything_is_written(case, tmp_path):
    run, given, words = MISUSE[case]
    with pytest.raises((ValueError, TypeCheckError), match=words):
        run(tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()
