"""`plumed pesmd`: one particle of unit mass on a landscape that PLUMED's input defines."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cvflow.core.frames import Exactness, Frame, Outcome
from cvflow.engines.external.plumed_files import read_columns
from cvflow.engines.external.process import PathFailedError
from cvflow.engines.external.program import INPUT, PathEnds, PathOrder, Program

_INPUT, _STATISTICS, _POSITIONS, _FORCES = "pesmd.in", "stats.out", "cvflow_positions", "cvflow_forces"

_FOREVER = 1e300
"""pesmd's friction is a time: velocities that are forgotten after this one are never."""

_PRINTED = 1e-4
"""How well the kinetic energy must agree with what pesmd prints, with six digits after the point."""

_SOUND = 1e6
"""Kinetic energy beyond which a path has blown up, and digits are lost."""


@dataclass(frozen=True)
class PesMD(Program):
    """In reduced units: kT and the energies are in the landscape's own.

    pesmd writes neither velocities nor a final state: both follow from the positions and forces that PLUMED prints, in
    full precision. The landscape is a bias of PLUMED's, and counts as one.

    Attributes:
        coordinates: labels of the particle's coordinates in PLUMED's input, d.x and d.y for example. All of the
            landscape must be a function of these.
        inputs: files that PLUMED's input reads, absolute paths.
        plumed: the program.
    """

    coordinates: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    plumed: str = "plumed"

    @property
    def exactness(self) -> Exactness:
        return Exactness(True, "one-jump stationarity test passed through plumed pesmd")

    def read_start(self, path: Path) -> Frame:
        try:
            place = np.loadtxt(path, dtype=float, ndmin=1)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: cannot be read as numbers ({error})") from error
        if place.shape != (len(self.coordinates),):
            raise ValueError(f"{path}: {len(self.coordinates)} numbers are needed, one a coordinate")
        return Frame(place[None], None)

    def plumed_lines(self, order: PathOrder) -> tuple[str, ...]:
        printed = f"ARG={','.join(self.coordinates)} FMT=%.17g"
        return (
            f"PRINT {printed} FILE={_POSITIONS} STRIDE=1",
            f"DUMPFORCES {printed} FILE={_FORCES} STRIDE={order.steps}",
        )

    def write(self, folder: Path, order: PathOrder, rng: np.random.Generator) -> None:
        settings = {
            "temperature": f"{order.kT:.17g}",
            "tstep": f"{order.timestep:.17g}",
            "friction": f"{_FOREVER}",
            "dimension": str(len(self.coordinates)),
            "nstep": str(order.steps),
            "ipos": ",".join(f"{x:.17g}" for x in order.frame.positions.flat),
            "idum": str(-int(rng.integers(1, 2**31 - 1))),
            "plumed": INPUT,
            "periodic": "false",
        }
        (folder / _INPUT).write_text("".join(f"{key} {value}\n" for key, value in settings.items()), encoding="utf-8")

    def commands(self) -> list[list[str]]:
        return [[self.plumed, "pesmd", _INPUT]]

    def ends(self, folder: Path, order: PathOrder) -> PathEnds:
        columns = [read_columns(folder / name).values for name in (_POSITIONS, _FORCES)]
        x, f = (np.stack([table[name] for name in self.coordinates], axis=1) for table in columns)
        if len(x) != order.steps + 1 or len(f) != 2:
            raise PathFailedError(Outcome.PROGRAM_FAILED, "pesmd did not get to its last step")
        dt = order.timestep
        before = (x[1] - x[0]) / dt - 0.5 * dt * f[0]
        after = (x[-1] - x[-2]) / dt + 0.5 * dt * f[1]
        with np.errstate(over="ignore"):  # a blown-up path shows in its energy
            energies = [0.5 * float(v @ v) for v in (before, after)]
        self._check(energies[1], folder)
        return PathEnds(energies[0], energies[1], Frame(x[-1:], None))

    def _check(self, kinetic: float, folder: Path) -> None:
        """The forces are all that act on the particle."""
        printed = np.loadtxt(folder / _STATISTICS, ndmin=2)[-1, 2]
        if kinetic < _SOUND and abs(kinetic - printed) > _PRINTED * max(1.0, kinetic):
            reason = (
                f"the kinetic energy at the path's end, {kinetic:g}, is not pesmd's, {printed:g}: is the landscape "
                f"a function of {', '.join(self.coordinates)} alone?"
            )
            raise PathFailedError(Outcome.PROGRAM_FAILED, reason)
