"""Compiled paths: wanted, or not; where no compiler is found, paths run without one and say so."""

import warnings

import numpy as np
import pytest

from cvflow.config.settings import load
from cvflow.engines.batch import compilation
from cvflow.setup import from_config
from tests.run.valley_run import written

LONG = {"walkers": 2, "adapt_jumps": 0, "jumps": 20_000, "local_steps": 5}


@pytest.fixture
def bare(monkeypatch):
    """A machine without a compiler."""
    monkeypatch.setattr("cvflow.engines.batch.compilation.compiler_available", lambda: False)


@pytest.mark.usefixtures("bare")
def test_without_a_compiler_it_warns_and_does_not():
    with pytest.warns(UserWarning, match=r"no C\+\+ compiler found .* several times slower"):
        assert compilation.compile_or_not(True) is False


@pytest.mark.parametrize("found", [True, False])
def test_where_it_is_not_wanted_nothing_is_said(found, monkeypatch):
    monkeypatch.setattr("cvflow.engines.batch.compilation.compiler_available", lambda: found)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compilation.compile_or_not(False) is False


def test_with_a_compiler_it_does(monkeypatch):
    monkeypatch.setattr("cvflow.engines.batch.compilation.compiler_available", lambda: True)
    assert compilation.compile_or_not(True) is True


def test_the_compiler_is_looked_for(monkeypatch):
    from torch._inductor import cpp_builder, exc

    def none():
        raise exc.InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", lambda: "g++")
    assert compilation.compiler_available()
    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none)
    assert not compilation.compiler_available()


def compiled(folder, **sections):
    """Whether the paths of a run with these settings go through torch.compile."""
    setup = from_config(load(written(folder, **sections)), folder)
    return setup.walkers.compiled(setup.settings)


@pytest.mark.usefixtures("bare")
def test_long_runs_ask_for_it_and_short_ones_do_not(tmp_path):
    with pytest.warns(UserWarning, match="compiler"):
        assert not compiled(tmp_path, run=LONG)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not compiled(tmp_path, run=LONG | {"jumps": 10})
        assert not compiled(tmp_path, run=LONG, engine={"compile": False})


def test_where_there_is_one_long_runs_are_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr("cvflow.engines.batch.compilation.compiler_available", lambda: True)
    monkeypatch.setattr("cvflow.setup.batch.chains.compiler_available", lambda: True)
    assert compiled(tmp_path, run=LONG)
    assert compiled(tmp_path, run=LONG, engine={"compile": "auto"})
    assert compiled(tmp_path, run=LONG | {"jumps": 1}, engine={"compile": True})
    found = from_config(load(written(tmp_path, run=LONG)), tmp_path)
    assert found.walkers.paths(found.settings, np.zeros(0)).compiled


def test_steps_that_unroll_newtons_method_are_not_compiled_unasked(tmp_path, monkeypatch):
    monkeypatch.setattr("cvflow.engines.batch.compilation.compiler_available", lambda: True)
    monkeypatch.setattr("cvflow.setup.batch.chains.compiler_available", lambda: True)
    constrained = {"kernel": "constrained", "steps": 10, "timestep": 0.1}
    assert not compiled(tmp_path, run=LONG | {"jumps": 100_000}, path=constrained)
    assert compiled(tmp_path, run=LONG, path=constrained, engine={"compile": True})
