"""Paths of an external program and its files: the work, failures, and what stops a run."""

import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cvflow.core.frames import Outcome, Steering
from cvflow.engines.external import Custom, ExternalSpec, ProgramFailedError
from cvflow.engines.external.plumed_files import period, read_columns
from cvflow.engines.external.state_files import packed, unpack
from tests.engines.external import program

PROGRAM = Path(program.__file__)
KT, TIMESTEP = 1.3, 0.05
STATE_FILES = ("x.bin", "y.txt")
STEERING = Steering(np.array([-0.8]), np.array([0.9]), np.array([15.0]), 12)


def state(x, y):
    with tempfile.TemporaryDirectory() as folder:
        program.write_state(Path(folder), x, y)
        return packed(Path(folder), STATE_FILES)


def coordinates(frame):
    with tempfile.TemporaryDirectory() as folder:
        unpack(frame, Path(folder))
        return program.read_state(Path(folder))


START = state(-0.9, -1.1)


def spec(mood="", energies=True, time_limit=20.0):
    command = f"{sys.executable} -I -S {PROGRAM.name} {{steps}} {{seed}} {{timestep}} {{kT}} {mood}"
    custom = Custom((command,), STATE_FILES, (str(PROGRAM),), energies)
    return ExternalSpec(custom, ("x: nothing",), ("x",), "CVFlow.so", KT, TIMESTEP, time_limit=time_limit)


def seeded(fails):
    """A generator whose first seed makes the program fail in its mood, or not."""
    first = (int(np.random.default_rng(number).integers(1, 2**31)) for number in range(100))
    return np.random.default_rng(next(number for number, seed in enumerate(first) if (seed % 3 == 0) == fails))


def test_the_work_is_of_the_engine_s_energies_and_both_biases(monkeypatch, tmp_path):
    """Against the same path inside this process."""
    path = spec().build().steer(START, STEERING, np.random.default_rng(5))
    seed = int(np.random.default_rng(5).integers(1, 2**31))
    monkeypatch.setattr(program, "restraint", lambda: (15.0, -0.8, 0.9))
    x, y, before, after, biases, _, protocol = program.path(-0.9, -1.1, 12, TIMESTEP, KT, random.Random(seed))
    assert path.outcome is Outcome.COMPLETED
    assert coordinates(path.frame) == (x, y)
    assert path.cv == pytest.approx(np.array([x]))
    assert path.work == pytest.approx((after - before + biases[1] - biases[0]) / KT, abs=1e-12)
    assert path.protocol_work == pytest.approx(protocol / KT, abs=1e-12)
    assert abs(path.shadow_work) > 0.01


def test_a_path_is_a_pure_function_of_its_arguments():
    engine = spec().build()
    first, _, again = (engine.steer(START, STEERING, np.random.default_rng(seed)) for seed in (1, 2, 1))
    np.testing.assert_array_equal(first.frame.positions, again.frame.positions)
    assert first.work == again.work


def test_a_free_path_has_no_restraint():
    path = spec().build().free_path(START, 40, 0.0, np.random.default_rng(3))
    assert path.protocol_work == 0
    assert 0 < abs(path.work) < 0.5


def test_without_energies_the_work_is_the_protocol_s_and_the_chain_not_exact():
    engine = spec(energies=False).build()
    path = engine.steer(START, STEERING, np.random.default_rng(5))
    assert path.work == path.protocol_work
    assert not engine.exactness.value
    assert "energies are not known" in engine.exactness.reason


@pytest.mark.parametrize(
    ("mood", "outcome", "said"),
    [
        ("crash", Outcome.PROGRAM_FAILED, "ended with exit code 3"),
        ("killed", Outcome.PROGRAM_FAILED, "killed|exit code 137"),
        ("hang", Outcome.TIME_LIMIT, "time limit of 4 s"),
        ("nan", Outcome.DIVERGED, "no numbers"),
        ("nothing", Outcome.PROGRAM_FAILED, "the commands left no state behind: after/x.bin is not a file"),
        ("short", Outcome.PROGRAM_FAILED, "PLUMED was not called over the path's 0.6 ps"),
    ],
)
def test_a_failure_is_a_rejection_and_the_second_in_a_row_the_end(mood, outcome, said):
    engine = spec(mood, time_limit=4.0 if mood == "hang" else 10.0).build()
    failed = engine.steer(START, STEERING, seeded(True))
    assert failed.outcome is outcome
    assert failed.frame is START
    assert np.isnan(failed.work)
    engine.free_path(START, 5, 0.0, seeded(False))  # a local move does not tell whether jumps can be made
    with pytest.raises(ProgramFailedError, match=f"two steered paths in a row failed: .*({said})") as stopped:
        engine.steer(START, STEERING, seeded(True))
    if mood == "crash":
        assert stopped.value.lines[-1] == "last words: the forces are wrong"


@pytest.mark.parametrize(("mood", "left"), [("crash", "program.out"), ("nan", "energies.dat")])
def test_the_last_folders_of_failed_paths_are_kept_and_named(mood, left, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    engine = replace(spec(mood), keep_failed=2).build()
    for steps in (5, 6, 7):
        engine.free_path(START, steps, 0.0, seeded(True))
        engine.free_path(START, steps, 0.0, seeded(False))
    folders = sorted(tmp_path.iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
    assert len(folders) == 2
    assert all((folder / left).is_file() for folder in folders)
    assert " 7 " in (folders[-1] / "commands.sh").read_text()
    named = [record.getMessage() for record in caplog.records]
    assert len(named) == 3
    assert named[-1].startswith("a path failed: ")
    assert named[-1].endswith(f"its files are in {folders[-1]}")


def test_a_path_that_gets_to_its_end_makes_good_for_a_failure():
    engine = spec("crash").build()
    for _ in range(3):
        assert engine.steer(START, STEERING, seeded(True)).outcome is Outcome.PROGRAM_FAILED
        assert engine.steer(START, STEERING, seeded(False)).outcome is Outcome.COMPLETED


def test_what_hangs_is_killed_with_its_children(tmp_path):
    """The shell that runs the commands, and the program that it waits for."""
    import subprocess

    engine = spec("hang", time_limit=1.0).build()
    assert engine.steer(START, STEERING, seeded(True)).outcome is Outcome.TIME_LIMIT
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"{PROGRAM.name} 12" not in running


def test_a_start_of_one_file_may_be_called_anything(tmp_path):
    (tmp_path / "equilibrated.rst").write_bytes(b"any\0bytes")
    custom = Custom(("my-md",), ("md.rst",))
    unpack(custom.read_start(tmp_path / "equilibrated.rst"), tmp_path)
    assert (tmp_path / "md.rst").read_bytes() == b"any\0bytes"


def test_cvs_that_are_no_numbers_are_a_failure_without_energies_too():
    failed = spec("lost", energies=False).build().steer(START, STEERING, seeded(True))
    assert failed.outcome is Outcome.DIVERGED


def test_a_program_that_is_not_there():
    custom = Custom(("no-such-program {steps}",), STATE_FILES)
    engine = ExternalSpec(custom, (), ("x",), "CVFlow.so", KT, TIMESTEP).build()
    with pytest.raises(ProgramFailedError, match=r"does not run: .* exit code 127") as stopped:
        engine.cv_values(START)
    assert "no-such-program" in " ".join(stopped.value.lines)


def test_nothing_is_left_behind(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine = spec("crash").build()
    engine.steer(START, STEERING, seeded(False))
    engine.steer(START, STEERING, seeded(True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", np.inf),
        ("#! SET min_phi -pi\n#! SET max_phi pi\n", 2 * np.pi),
        ("#! SET min_phi -2*pi\n#! SET max_phi 2*pi\n", 4 * np.pi),
        ("#! SET min_phi -1.5\n#! SET max_phi 1.5\n", 3.0),
    ],
)
def test_periods_come_from_plumed_s_header(tmp_path, lines, expected):
    (tmp_path / "COLVAR").write_text(f"#! FIELDS time phi\n{lines} 0.0 1.0\n")
    assert period(read_columns(tmp_path / "COLVAR"), "phi") == pytest.approx(expected)


def test_a_circle_must_lie_around_zero(tmp_path):
    (tmp_path / "COLVAR").write_text("#! FIELDS time phi\n#! SET min_phi 0\n#! SET max_phi 2*pi\n 0.0 1.0\n")
    with pytest.raises(ValueError, match="give one that lies around zero"):
        period(read_columns(tmp_path / "COLVAR"), "phi")
