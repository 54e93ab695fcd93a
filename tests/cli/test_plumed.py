"""`cvflow plumed`: what a user sees, with and without PLUMED."""

import os

import pytest

from cvflow.cli.commands import execute
from cvflow.host.plumed_action import SOURCES, found_plumed
from cvflow.proposals.export import from_cvf

FAKE = """#!/bin/sh
case "$1 $2" in
  "info --long-version") echo "{version}";;
  "info --root") echo /nowhere/plumed;;
  "info --soext") echo so;;
  "mklib CVFlow.cpp") {mklib};;
esac
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A program that answers as `plumed` does."""

    def made(version="2.10.1", mklib="cp Cvf.h CVFlow.so"):
        program = tmp_path / "plumed"
        program.write_text(FAKE.format(version=version, mklib=mklib))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return tmp_path

    return made


def said(capsys, *words):
    code = execute(["plumed", *map(str, words)])
    output = capsys.readouterr()
    return code, output.out, output.err


@pytest.mark.parametrize("command", ["build", "info"])
def test_without_plumed_the_mend_is_named(command, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, err = said(capsys, command)
    assert (code, out) == (2, "")
    assert "no `plumed` on the PATH: `conda install -c conda-forge plumed`" in err


def test_an_old_plumed_is_refused(fake, capsys):
    fake(version="2.8.3")
    code, _, err = said(capsys, "build")
    assert code == 2
    assert "is PLUMED 2.8.3: the action needs 2.9 or newer" in err


def test_a_plumed_that_does_not_run_is_named(fake, capsys):
    folder = fake()
    (folder / "plumed").write_text("#!/bin/sh\necho 'error while loading shared libraries' >&2; exit 127\n")
    code, _, err = said(capsys, "info")
    assert code == 2
    assert "does not run: error while loading shared libraries; is PLUMED_KERNEL or LD_LIBRARY_PATH wrong?" in err


def test_the_library_is_where_the_line_says(fake, capsys):
    folder = fake()
    code, out, _ = said(capsys, "build", "--out", folder / "mine.so")
    assert (code, out) == (0, f"LOAD FILE={folder / 'mine.so'}\n")
    assert (folder / "mine.so").read_text() == (SOURCES / "Cvf.h").read_text()


def test_a_compiler_that_fails_is_quoted(fake, capsys):
    folder = fake(mklib="echo 'CVFlow.cpp:3: error: no such thing' >&2; exit 1")
    code, _, err = said(capsys, "build", "--out", folder / "mine.so")
    assert code == 1
    assert "`plumed mklib` failed: CVFlow.cpp:3: error: no such thing" in err
    assert not (folder / "mine.so").exists()


def test_a_folder_that_is_not_there_is_named(fake, capsys):
    folder = fake()
    code, _, err = said(capsys, "build", "--out", folder / "none" / "mine.so")
    assert code == 2
    assert "its folder does not exist" in err


def test_info_says_which_plumed(fake, capsys):
    folder = fake()
    code, out, _ = said(capsys, "info")
    assert code == 0
    assert f"PLUMED 2.10.1: {folder / 'plumed'}" in out
    assert "kernel: not found beside it" in out
    assert found_plumed().kernel is None


def test_the_sources_are_whole():
    assert {path.name for path in SOURCES.glob("*.cpp")} == {"CVFlow.cpp"}


RUN = """
[run]
walkers = 4
adapt_jumps = 6
adapt_limit = 1
jumps = 4
local_steps = 2
[system]
name = "gaussian_tunnel"
[system.parameters]
dim_y = 3
[engine]
name = "batch"
[path]
kernel = "langevin"
timestep = 0.5
steps = 2
"""


def test_a_run_has_its_flow_and_exports_it_again(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text(RUN)
    assert execute(["run", "run.toml", "--out", "out", "--quiet"]) == 0, capsys.readouterr().err
    written = (tmp_path / "out" / "flow.cvf").read_bytes()
    assert from_cvf(written).names == ("z",)
    capsys.readouterr()
    code, out, _ = said(capsys, "export", "out", "--out", "other.cvf")
    assert (code, out) == (0, "wrote other.cvf\n")
    assert (tmp_path / "other.cvf").read_bytes() == written
    assert said(capsys, "export", "out", "--out", "none/other.cvf")[0] == 2
    assert said(capsys, "export", "nothing")[0] == 2
