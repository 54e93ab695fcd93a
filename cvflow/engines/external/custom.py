"""Any program that PLUMED is built into, told how to run it: commands, and the files that hold its state."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cvflow.core.frames import Exactness, Frame, Outcome
from cvflow.engines.external.process import PathFailedError
from cvflow.engines.external.program import COLVAR, INPUT, ROW, PathEnds, PathOrder, Program
from cvflow.engines.external.state_files import packed, packed_file, unpack

AFTER, ENERGIES = "after", "energies.dat"
"""Where the commands leave the state at the path's end, and the total energies at both ends."""

_SCRIPT = "commands.sh"


@dataclass(frozen=True)
class Custom(Program):
    """A configuration is what the state files hold; their bytes are kept and given back, and never looked into.

    In the folder of a path lie plumed.dat, the state files and the user's own, and the words {steps}, {seed},
    {timestep} and {kT} of a command are replaced. When the last command is done there must be files of the same names
    in the folder after/, which is there and empty, and, if energies are written, energies.dat: total energy without
    PLUMED's biases at the first and the last step [kJ/mol].

    Attributes:
        templates: the commands, one after the other.
        state_files: names of the files that hold the program's configuration, its box if it has one, nothing of it
            elsewhere. Velocities in them are the commands' to replace: each path draws its own.
        inputs: files that every path's folder gets a copy of, absolute paths.
        energies: whether the commands write energies.dat.

    Raises:
        ValueError: a state file has no plain name of its own.
    """

    templates: tuple[str, ...]
    state_files: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    energies: bool = True

    def __post_init__(self) -> None:
        taken = {INPUT, COLVAR, ROW, AFTER, ENERGIES, _SCRIPT, *(Path(name).name for name in self.inputs)}
        for name in self.state_files:
            if name != Path(name).name or name in (".", ".."):
                raise ValueError(f"state file {name!r}: give the name alone, without folders")
            if name in taken:
                raise ValueError(f"state file {name!r}: another file of a path's folder has this name")
        if len(set(self.state_files)) < len(self.state_files):
            raise ValueError(f"state files {', '.join(self.state_files)}: one stands there twice")

    @property
    def exactness(self) -> Exactness:
        return Exactness(False, "the one-jump test has not been run through this program")

    @property
    def knows_energies(self) -> bool:
        return self.energies

    def read_start(self, path: Path) -> Frame:
        """A folder with the state files, or the one state file, whatever it is called."""
        if path.is_dir():
            return packed(path, self.state_files)
        if len(self.state_files) > 1:
            raise ValueError(f"{path} is not a folder: a start is one, with {' and '.join(self.state_files)}")
        return packed_file(path, self.state_files[0])

    def write(self, folder: Path, order: PathOrder, rng: np.random.Generator) -> None:
        unpack(order.frame, folder)
        (folder / AFTER).mkdir()
        script = "\n".join(["set -e", *self.templates, ""])
        words = {"steps": order.steps, "timestep": order.timestep, "kT": order.kT, "seed": int(rng.integers(1, 2**31))}
        for word, number in words.items():
            script = script.replace(f"{{{word}}}", str(number))  # not str.format: other braces are the shell's
        (folder / _SCRIPT).write_text(script, encoding="utf-8")

    def commands(self) -> list[list[str]]:
        return [["sh", _SCRIPT]]

    def ends(self, folder: Path, order: PathOrder) -> PathEnds:
        try:
            frame = packed(folder / AFTER, self.state_files)
        except ValueError as error:
            reason = str(error).replace(f"{folder}/", "")
            raise PathFailedError(Outcome.PROGRAM_FAILED, f"the commands left no state behind: {reason}") from error
        try:
            before, after = np.loadtxt(folder / ENERGIES) if self.energies else (np.nan, np.nan)
        except (OSError, ValueError) as error:
            reason = f"{ENERGIES} is missing, or not two numbers"
            raise PathFailedError(Outcome.PROGRAM_FAILED, reason) from error
        return PathEnds(float(before), float(after), frame)
