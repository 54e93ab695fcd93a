"""A short seeded run: files and commands, in public words alone.

A run is files and commands of `cvflow`, or a script of the Python API: public words alone, so that the same runs can be
made by versions whose insides have other names.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

CONFIG, OUT = "run.toml", "out"


@dataclass(frozen=True)
class ShortRun:
    """What is written into an empty folder, and what is run in it.

    Attributes:
        files: by name.
        commands: words after `cvflow`, or a script's name, and the turns that are in the store of `out` afterwards.
        needs: a package that is no dependency.
        quick: whether the test makes it too, beside the script.
        prepare: writes what is no text.
        portable: whether another processor comes to the same numbers but for rounding; training blows rounding up.
    """

    files: Mapping[str, str]
    commands: tuple[tuple[tuple[str, ...], int], ...]
    needs: str | None = None
    quick: bool = False
    prepare: Callable[[Path], None] = field(default=lambda folder: None)
    portable: bool = True

    @property
    def possible(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs is None or find_spec(self.needs) is not None

    @property
    def digest(self) -> np.ndarray:
        """Of what is written and run, but for what `prepare` adds: runs that differ in it are not to be compared.

        Where the interpreter lies makes no difference.
        """
        written = repr((sorted(self.files.items()), self.commands)).replace(sys.executable, "python")
        return np.frombuffer(sha256(written.encode()).digest(), np.uint8)

    def write(self, folder: Path) -> None:
        """Fill the folder."""
        folder.mkdir(parents=True)
        for name, text in self.files.items():
            (folder / name).write_text(text)
        self.prepare(folder)


def _command(word: str) -> tuple[str, ...]:
    return (word, CONFIG, "--out", OUT, "--quiet", "--workers", "1")


def made_of(
    config: dict[str, Any], jumps: int | None = None, files: Mapping[str, str] | None = None, **rest: Any
) -> ShortRun:
    """A config, which is resumed up to a number of jumps if one is given."""
    run, commands = config["run"], [(_command("drive" if "drive" in config else "run"), _turns(config["run"]))]
    if jumps is not None:
        words = ("resume", OUT, "--jumps", str(jumps), "--quiet", "--workers", "1")
        commands.append((words, _turns(run | {"jumps": jumps})))
    portable = "flow" not in config
    return ShortRun({CONFIG: tomli_w.dumps(config), **(files or {})}, tuple(commands), portable=portable, **rest)


def _turns(run: dict[str, Any]) -> int:
    """Of all walkers; adaptation is as long as was asked for."""
    return run["walkers"] * (run["adapt_jumps"] + run["jumps"])


def fixed(*means: list[float], sigmas: list[float]) -> dict[str, Any]:
    """A mixture in the flow's place, of Gaussians with the same widths and other weights."""
    weights = [0.4, 0.6] if len(means) == 2 else [1.0]
    return {"means": list(means), "sigmas": [sigmas] * len(means), "weights": weights}


FLOW = {"retrain_every": 8, "transforms": 2, "hidden": [8], "bins": 4}
"""A small one."""
