"""A machine made up: programs that are shell scripts, Python modules that are short files, nothing else on the PATH."""

import importlib
import os
from pathlib import Path

import pytest

PLUMED = """case "$1 $2" in
  "info --long-version") echo "{version}";;
  "info --root") echo {root};;
  "info --soext") echo so;;
  "mklib probe.cpp") {mklib};;
  "driver --plumed") {driver};;
esac"""


class Machine:
    def __init__(self, folder, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch
        (folder / "modules").mkdir()
        monkeypatch.syspath_prepend(folder / "modules")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "modules"), str(Path(__file__).parents[2])]))
        monkeypatch.setenv("PATH", str(folder / "bin"))
        for name in ("PLUMED_KERNEL", "CONDA_PREFIX"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("sys.prefix", str(folder / "no-conda"))
        monkeypatch.chdir(folder)

    def program(self, name, text, prefix="."):
        path = self.folder / prefix / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def plumed(self, version="2.10.1", prefix=".", mklib="true", driver="true", kernel=True):
        """An installation; its kernel."""
        root = self.folder / prefix / "lib" / "plumed"
        root.mkdir(parents=True)
        self.program("plumed", PLUMED.format(version=version, root=root, mklib=mklib, driver=driver), prefix)
        library = root.parent / "libplumedKernel.so"
        if kernel:
            library.touch()
        return library

    def module(self, name, text):
        (self.folder / "modules" / f"{name}.py").write_text(text)
        self.monkeypatch.delitem(importlib.sys.modules, name, raising=False)

    def lacks(self, *names):
        """As if these Python modules were not installed."""
        there = importlib.util.find_spec
        self.monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in names else there(name))

    def environment(self, **values):
        for name, value in values.items():
            self.monkeypatch.setenv(name, str(value))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    assert os.sep == "/"
    return Machine(tmp_path, monkeypatch)
