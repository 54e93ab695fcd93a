"""The evaluator, compiled once a session."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from cvflow.host.plumed_action import SOURCES
from tests.once import made_once

HERE = Path(__file__).parent
PLAIN = ("-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror")
SANITISED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


PROGRAM = "harness"


def compiled(folder, *flags):
    """The harness, compiled with these flags."""
    program = folder / PROGRAM
    command = ["g++", "-std=c++17", *flags, f"-I{SOURCES}", str(HERE / "harness.cpp"), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


class Harness:
    """The evaluator as functions of arrays."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def __call__(self, *words, sent=b""):
        return subprocess.run([self.program, *map(str, words)], input=sent, capture_output=True, timeout=600)

    def asked(self, task, cvf, rows):
        path = self.folder / "flow.cvf"
        path.write_bytes(cvf)
        done = self(task, path, sent=np.ascontiguousarray(rows, dtype=np.float64).tobytes())
        assert done.returncode == 0, done.stderr
        return np.frombuffer(done.stdout).reshape(len(rows), -1)

    def log_q(self, cvf, points):
        """log q and its gradient."""
        found = self.asked("density", cvf, points)
        return found[:, 0], found[:, 1:]

    def draw(self, cvf, choice, normal, uniform):
        return self.asked("draw", cvf, np.concatenate([choice, normal, uniform], axis=1))


@pytest.fixture(scope="session")
def harness(tmp_path_factory):
    folder = made_once(tmp_path_factory, "harness", lambda made: compiled(made, *PLAIN))
    return Harness(folder / PROGRAM, folder)


@pytest.fixture(scope="session")
def sanitised(tmp_path_factory):
    """With AddressSanitizer and UndefinedBehaviorSanitizer: any complaint ends the program with an error."""
    folder = made_once(tmp_path_factory, "sanitised", lambda made: compiled(made, *SANITISED))
    return Harness(folder / PROGRAM, folder)
