"""What `make test` runs sees what it is there to see: every file of tests, and names that nobody defined."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ASK = """
import sys

import pytest

seen = []


class Unread(pytest.File):
    def collect(self):
        seen.append(self.path)
        return []


class Names:
    def pytest_pycollect_makemodule(self, module_path, parent):
        return Unread.from_parent(parent, path=module_path)


ended = pytest.main(["--collect-only", "-p", "no:cacheprovider"], plugins=[Names()])
for path in seen:
    print("FILE", path)
sys.exit(ended)
"""
"""Which files pytest would read, by its own rules and ours, without reading them."""


def test_every_file_of_tests_is_collected():
    """pytest's own list of folders to leave out holds "build"."""
    asked = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert asked.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, asked.stdout + asked.stderr
    seen = {Path(line.removeprefix("FILE ")) for line in asked.stdout.splitlines() if line.startswith("FILE ")}
    assert seen == set((ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "--stdin-filename", "cvflow/new.py", "-"), ("mypy", "--cache-dir", os.devnull, "{file}")],
    ids=lambda command: command[0],
)
def test_an_undefined_name_is_found(command, tmp_path):
    text = '"""A module."""\n\n\ndef half(x: float) -> float:\n    """Half of x."""\n    return {} / 2\n'

    def said(name):
        written = tmp_path / "new.py"
        written.write_text(text.format(name))
        filled = [part.format(file=written) for part in command]
        return subprocess.run(
            [sys.executable, "-m", *filled], cwd=ROOT, input=text.format(name), capture_output=True, text=True
        )

    assert said("x").returncode == 0
    wrong = said("y")
    assert wrong.returncode == 1
    assert "y" in wrong.stdout
    assert "ndefined" in wrong.stdout or "not defined" in wrong.stdout


def test_an_undefined_type_is_found():
    """Shapes of one word take a leading space, so that they are no names."""
    text = '"""A module."""\n\n\ndef half(x: "Wrong") -> float:\n    """Half of x."""\n    return x / 2\n'
    command = [sys.executable, "-m", "ruff", "check", "--stdin-filename", "cvflow/new.py", "-"]
    asked = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True)
    assert "F821" in asked.stdout
