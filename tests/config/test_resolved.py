"""Settings with no "auto" left in them, and configs that are changed by checking them again."""

import re
import tomllib
from pathlib import Path

import pytest

from cvflow.config.resolved import resolved, to_tune, with_timestep
from cvflow.config.section import ConfigError
from cvflow.config.settings import parse

PACKAGE = Path(__file__).parents[2] / "cvflow"
STATES = {"a": "r < 1", "b": "r >= 1"}


def config(**sections):
    return parse({"system": {"name": "polymer"}, "states": STATES, **sections}, "test")


def test_what_a_run_uses_has_no_auto_in_it():
    given = config(path={"steps": "auto", "friction": "auto", "schedule": "auto", "kappa": "auto"})
    assert to_tune(given) == {"steps", "friction", "schedule"}
    path = resolved(given).path
    assert "auto" not in vars(path).values()
    assert (path.steps, path.friction, path.schedule, path.kappa) == (1000, 0.0, "linear", None)


def test_what_is_given_is_used_as_it_is():
    given = config(path={"steps": 40, "friction": 0.5, "schedule": "cosine", "kappa": [1.0, 2.0]})
    assert to_tune(given) == set()
    path = resolved(given).path
    assert (path.steps, path.friction, path.schedule, path.kappa) == (40, 0.5, "cosine", (1.0, 2.0))


def test_local_moves_have_the_time_step_of_paths_unless_they_have_their_own():
    assert resolved(config(path={"timestep": 0.3})).local_timestep == 0.3
    assert resolved(config(path={"timestep": 0.3}, run={"local_timestep": 0.1})).local_timestep == 0.1


def test_a_time_step_is_filled_in_where_there_is_none():
    assert with_timestep(config(), 0.002).path.timestep == 0.002
    assert with_timestep(config(path={"timestep": 0.3}), 0.002).path.timestep == 0.3


def test_a_change_leaves_the_rest_as_it_was_given():
    given = config(path={"steps": 40}, run={"seed": 3})
    changed = given.changed(path={"timestep": 0.5})
    assert (changed.path.steps, changed.path.timestep) == (40, 0.5)
    assert changed.path.model_fields_set == {"steps", "timestep"}
    assert changed.run is given.run
    assert given.path.timestep == 0.01


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": {"steps": 0}}, 'path.steps: Input should be greater than or equal to 1, or "auto", got 0'),
        ({"path": {"kappa": -1.0}}, 'path.kappa: Input should be greater than 0, or "auto", got -1.0'),
        ({"path": {"kappa": [1.0, "x"]}}, 'path.kappa: Input should be a valid number, or "auto", got '),
        ({"path": {"step": 3}}, "unknown key path.step; did you mean steps?"),
        ({"run": {"jumps": 10**20}}, "run.jumps: "),
        ({"engine": {"compile": True}}, "compile is the batch engine's word"),
        ({"proposal": {"means": [[0.0]], "sigmas": [[1.0]], "weights": [1.0]}, "flow": {}}, "not both"),
    ],
)
def test_a_change_is_checked_like_a_file_s_words(change, said):
    with pytest.raises(ConfigError) as caught:
        config().changed(**change)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("room", ["config", "setup", "run", "cli", "doctor"])
def test_no_config_is_copied_without_a_check(room):
    for path in (PACKAGE / room).rglob("*.py"):
        assert "model_copy" not in path.read_text(encoding="utf-8"), path
        assert "model_construct" not in path.read_text(encoding="utf-8"), path


ENGINES = {
    "openmm": {"platform": "CPU", "temperature": 300.0},
    "lammps": {"temperature": 300.0},
    "ase": {"temperature": 300.0},
    "batch": {"precision": "float32", "compile": False},
    "gromacs": {"mdp": "a.mdp", "top": "a.top", "structure": "a.gro"},
    "lammps, a program": {"name": "lammps", "script": "a.in"},
    "pesmd": {"coordinates": ["d.x"], "kT": 1.0},
    "custom": {"commands": ["md {steps}"], "state_files": ["x"]},
}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_s_words_are_read_back_as_they_were_written(engine):
    words = {"name": engine, **ENGINES[engine]}
    system = {} if engine in ("gromacs", "pesmd", "custom", "lammps, a program") else {"name": "polymer"}
    given = parse({"engine": words, "system": system}, "test")
    assert given.engine.model_dump(include=set(words)) == words
    assert parse(tomllib.loads(given.to_toml()), "test") == given


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_refuses_a_slip_and_another_s_word(engine):
    words = {"name": engine, **ENGINES[engine]}
    with pytest.raises(ConfigError, match=r"unknown key engine\.temperatur; did you mean temperature\?"):
        parse({"engine": words | {"temperatur": 300.0}, "system": {}}, "test")
    other = {"maxwarn": 2} if engine != "gromacs" else {"energies": False}
    with pytest.raises(ConfigError, match=rf"engine\.{next(iter(other))} is not for {words['name']}"):
        parse({"engine": words | other, "system": {}}, "test")


@pytest.mark.parametrize("room", ["run", "cli", "report", "sampler", "doctor", "api.py"])
def test_words_of_a_config_are_read_where_a_run_is_set_up_and_nowhere_else(room):
    """Others have the settings that they are resolved to."""
    raw = re.compile(r"config\.(run|system|engine|cv|path|flow|proposal|states)\b(?! import)")
    for path in [PACKAGE / room] if room.endswith(".py") else (PACKAGE / room).rglob("*.py"):
        assert not raw.search(path.read_text(encoding="utf-8")), path
