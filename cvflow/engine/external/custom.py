"""Any program that PLUMED is built into, told how to run it: commands, and tables of numbers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cvflow.engine.external.process import PathFailedError
from cvflow.engine.external.program import Ends, Order, Program
from cvflow.state import Exactness, Frame, Outcome

BEFORE, AFTER, ENERGIES = "before.dat", "after.dat", "energies.dat"


@dataclass(frozen=True)
class Custom(Program):
    """Configurations are tables of text: one atom a line, its coordinates [nm] with 17 digits; a box is not handled.

    In the folder of a path lie plumed.dat, before.dat and the user's own files, and the words {steps}, {seed},
    {timestep} and {kT} of a command are replaced. When the last command is done there must be after.dat, and, if
    energies are written, energies.dat: total energy without PLUMED's biases at the first and the last step [kJ/mol].

    Attributes:
        templates: the commands, one after the other.
        inputs: files that every path's folder gets a copy of, absolute paths.
        energies: whether the commands write energies.dat.
    """

    templates: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    energies: bool = True

    @property
    def exactness(self) -> Exactness:
        return Exactness(False, "the one-jump test has not been run through this program")

    @property
    def knows_energies(self) -> bool:
        return self.energies

    def read_start(self, path: Path) -> Frame:
        try:
            return Frame(np.loadtxt(path, dtype=float, ndmin=2), None)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: cannot be read as a table, one atom a line ({error})") from error

    def write(self, folder: Path, order: Order, rng: np.random.Generator) -> None:
        np.savetxt(folder / BEFORE, order.frame.positions, fmt="%.17g")
        words = {"steps": order.steps, "timestep": order.timestep, "kT": order.kT, "seed": int(rng.integers(1, 2**31))}
        commands = [template.format(**words) for template in self.templates]
        (folder / _SCRIPT).write_text("\n".join(["set -e", *commands, ""]))

    def commands(self) -> list[list[str]]:
        return [["sh", _SCRIPT]]

    def ends(self, folder: Path, order: Order) -> Ends:
        try:
            positions = np.loadtxt(folder / AFTER, dtype=float, ndmin=2)
            before, after = np.loadtxt(folder / ENERGIES) if self.energies else (np.nan, np.nan)
        except (OSError, ValueError) as error:
            reason = f"{AFTER if not self.energies else f'{AFTER} or {ENERGIES}'} is missing or no table of numbers"
            raise PathFailedError(Outcome.PROGRAM_FAILED, reason) from error
        if positions.shape != order.frame.positions.shape:
            raise PathFailedError(Outcome.PROGRAM_FAILED, f"{AFTER} has another number of atoms than {BEFORE}")
        return Ends(float(before), float(after), Frame(positions, order.frame.box))


_SCRIPT = "commands.sh"
