"""What an examination finds, and the programs it asks."""

import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

CONDA = "conda install -c conda-forge"

_PATIENCE = 120
"""Seconds that a program may take to say who it is, or a compiler for a small file."""


class Verdict(Enum):
    """Whether something can be used."""

    OK = "ok"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    Attributes:
        what: is examined.
        verdict: of it.
        says: its version and what it can do, or what is the matter with it.
        mend: the command that mends it; empty where nothing needs it.
        needed: by the default engine.
    """

    what: str
    verdict: Verdict
    says: str
    mend: str = ""
    needed: bool = False

    @property
    def line(self) -> str:
        """For the terminal."""
        mend = f"; mend: {self.mend}" if self.mend else ""
        return f"{self.verdict.value:<8} {self.what}: {self.says}{mend}"


def first_line(text: str) -> str:
    """Of what was said."""
    return text.strip().split("\n", 1)[0]


def run(command: list[str], folder: Path | None = None) -> subprocess.CompletedProcess:
    """The finished process; what cannot be started or does not end looks like one that failed."""
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as trouble:
        return subprocess.CompletedProcess(command, 1, "", str(trouble))
