"""A short run on the batch engine, from a config file and from Python: what tests of runs begin with."""

from functools import partial

import pytest
import tomli_w

import cvflow
from cvflow.config.settings import load
from cvflow.estimate.summary import summarise
from cvflow.proposals.fit import FitSettings
from cvflow.run import run_folder
from cvflow.setup import from_config
from cvflow.store import read_record
from tests import valley

PROPOSAL = {"means": [[0.0], [4.0]], "sigmas": [[0.9], [1.0]], "weights": [0.5, 0.5]}
AROUND = {"means": [[1.0], [2.2]], "sigmas": [[0.3], [0.3]], "weights": [0.5, 0.5]}
SECTIONS = {
    "run": {"walkers": 8, "adapt_jumps": 0, "jumps": 6, "local_steps": 8, "equilibration_moves": 4, "seed": 5},
    "system": {"python": f"{valley.__file__}:valley"},
    "engine": {"name": "batch"},
    "path": {"kernel": "langevin", "steps": 8, "timestep": 0.3},
    "proposal": PROPOSAL,
}
LEARNED = {"proposal": None, "flow": {"retrain_every": 32}}


def written(folder, **sections):
    """A config file of the sections above, with others merged over them; None takes out a section or a key."""
    whole = dict(SECTIONS)
    for name, values in sections.items():
        whole[name] = {**whole.get(name, {}), **values} if isinstance(values, dict) else values
    whole = {
        name: {key: value for key, value in values.items() if value is not None} if isinstance(values, dict) else values
        for name, values in whole.items()
        if values is not None
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.toml").write_text(tomli_w.dumps(whole))
    return folder / "run.toml"


def begin(folder, watch=lambda progress: None, **sections):
    """Run a config file in its folder, and read the store."""
    config = written(folder, **sections)
    run_folder.begin(from_config(load(config), folder), folder / "out", watch)
    return read_record(folder / "out" / "run.h5")


def named(system, **parameters):
    """The [system] section of a built-in."""
    return {"python": None, "name": system, "parameters": parameters}


def chain(folder):
    """What identifies a chain, bit by bit: everything but the clock."""
    turns = read_record(folder / "run.h5").turns
    return {name: turns[name].tobytes() for name in turns.dtype.names if "seconds" not in name}


def sample(out, system=None, **settings):
    run = {"walkers": 8, "adapt_jumps": 0, "jumps": 6, "local_steps": 8, "seed": 5, "proposal": PROPOSAL, "quiet": True}
    path = {"kernel": "langevin", "steps": 8, "timestep": 0.3, **settings.pop("path", {})}
    return cvflow.sample(system or valley.valley(), out=out, path=path, **(run | settings))


def made(folder, store, watch, **sections):
    """A run, begun up to its first turn, on a store of one's own; and its executor."""
    setup = from_config(load(written(folder, **sections)), folder)
    executor = setup.walkers.executor(1)
    start = setup.equilibrate(executor)
    kappa = setup.kappa(start.samples)
    kept = store(run_folder.header(setup, kappa, 1), start.samples)
    return setup.run(start, kappa, kept, watch=watch), executor


@pytest.fixture
def short(monkeypatch):
    """Few epochs."""
    monkeypatch.setattr("cvflow.setup.specification.FitSettings", partial(FitSettings, epochs=4))


@pytest.fixture
def quick(short, monkeypatch):
    """As little beside the chains as can be: no report either."""
    monkeypatch.setattr("cvflow.run.run_folder.write_report", lambda record, folder: summarise(record))


def agrees(result, exact, within):
    """Chain, BAR and what both make, each to four of their standard errors, which are small."""
    estimates = [result.summary[key][0] for key in ("delta_f", "delta_f_chain", "delta_f_bar")]
    for estimate in estimates:
        assert abs(estimate["value_kT"] - exact) < 4 * estimate["stderr_kT"]
        assert estimate["stderr_kT"] < within


BUILT_IN = {
    "gaussian_tunnel": ({"dim_y": 3}, {"kernel": "langevin", "timestep": 0.5}, [[0.0], [10.0]], 1.0),
    "phi4": ({"n": 16}, {"kernel": "langevin", "timestep": 0.05}, [[-3.0], [3.0]], 1.0),
    "phi4_modes": ({"n": 16}, {"kernel": "constrained", "timestep": 0.1}, [[-3.0], [3.0]], 1.0),
    "dimer": ({"n_particles": 12}, {"kernel": "constrained", "timestep": 0.01}, [[0.0], [1.0]], 0.1),
    "gaussian_mixture": ({"dim": 4}, {"kernel": "mala", "timestep": 0.1}, [[-4.0], [4.0]], 1.0),
    "two_modes": ({"dim": 4}, {"kernel": "constrained", "timestep": 0.05}, [[-2.0], [2.0]], 0.3),
    "angle": ({}, {"kernel": "constrained", "timestep": 0.03}, [[1.0], [2.2]], 0.2),
    "torsion": ({}, {"kernel": "constrained", "timestep": 0.02}, [[-0.2], [2.8]], 0.4),
    "ellipsoid": ({"kT": 2.0}, {"kernel": "constrained", "timestep": 0.05}, [[1.0], [2.2]], 0.2),
    "two_distances": ({}, {"kernel": "restraint", "timestep": 0.03}, [[1.0, 1.7], [1.6, 1.1]], 0.15),
}


def section(name):
    """Config sections of a built-in, with a fixed proposal."""
    parameters, path, means, width = BUILT_IN[name]
    sigmas = [[width] * len(mean) for mean in means]
    proposal = {"means": means, "sigmas": sigmas, "weights": [0.5, 0.5]}
    return {"system": named(name, **parameters), "path": path | {"steps": 6}, "proposal": proposal}
