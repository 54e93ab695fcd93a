"""Paths of kernel K5 in an external program that PLUMED is built into."""

import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cvflow.core.early_rejection import EarlyRejection
from cvflow.core.frames import Exactness, Frame, Outcome, PathResult, Point, Steering
from cvflow.engines.base import Engine
from cvflow.engines.external.kept import FOLDER, kept
from cvflow.engines.external.plumed_files import LINKED_ACTION, Columns, biases, input_text, period, read_columns
from cvflow.engines.external.process import PathFailedError, ProgramFailedError, run
from cvflow.engines.external.program import COLVAR, INPUT, ROW, PathEnds, PathOrder, Program

_LOG = logging.getLogger(__name__)

LARGEST_TOLD_ENERGY = 1e12
"""|H| [kJ/mol], as a program tells it, from which an end of a path counts as blown up; the same for its reverse."""


@dataclass(frozen=True)
class ExternalSpec:
    """Everything that makes an ExternalEngine, as plain data.

    Attributes:
        program: what is run.
        lines: of PLUMED's input, that define the CVs.
        cvs: their labels.
        action: the library that holds the action CVFLOW.
        kT: thermal energy [kJ/mol].
        timestep: of the dynamics [ps].
        schedule: LINEAR or COSINE.
        time_limit: seconds of wall time for one process.
        keep_failed: how many folders of failed paths each process keeps, the last ones.
    """

    program: Program
    lines: tuple[str, ...]
    cvs: tuple[str, ...]
    action: str
    kT: float
    timestep: float
    schedule: str = "LINEAR"
    time_limit: float = 600.0
    keep_failed: int = 0

    def build(self) -> "ExternalEngine":
        """Build the engine; the program is not run yet."""
        return ExternalEngine(self)


class _Run(NamedTuple):
    """One path as its files have it."""

    ends: PathEnds
    colvar: Columns
    row: Columns | None


class Seen(NamedTuple):
    """What PLUMED and the program say of a configuration.

    Attributes:
        cv: values of the CVs.
        bias: the sum of all biases [kJ/mol].
        potential: the program's own potential energy [kJ/mol]; NaN where it does not tell.
    """

    cv: Point
    bias: float
    potential: float


class ExternalEngine(Engine):
    """Hamiltonian paths, one process each, in a folder that is removed after it.

    A path whose program crashes, hangs or is killed, or whose energies are no numbers, is a counted rejection. The
    second failure of the same kind in a row stops the run.
    """

    def __init__(self, spec: ExternalSpec) -> None:
        self._spec, self.kT = spec, spec.kT
        self._last_failures: dict[bool, Outcome] = {}

    @property
    def exactness(self) -> Exactness:
        if not self._spec.program.knows_energies:
            return Exactness(False, "the program's energies are not known: the time step's error is not in the work")
        return self._spec.program.exactness

    def cv_values(self, frame: Frame) -> Point:
        """Values of the CVs, in PLUMED's units, from a path of one step.

        Raises:
            ProgramFailedError: there is none.
        """
        return self._values(self._probed(frame).colvar, 0)

    def periods(self, frame: Frame) -> tuple[float, ...]:
        """Of the CVs, as PLUMED has them in its units, infinite on a line; from a path of one step.

        Raises:
            ProgramFailedError: the program does not run.
            ValueError: a CV lives on a circle that does not lie around zero.
        """
        colvar = self._probed(frame).colvar
        return tuple(period(colvar, cv) for cv in self._spec.cvs)

    def seen_twice(self, frame: Frame, steps: int) -> tuple[Seen, Seen]:
        """Where a path without the restraint ends, as it is seen at its last step and at the next path's first.

        Raises:
            ProgramFailedError: the program does not run.
        """
        path = self._probed(frame, steps)
        next_path = self._probed(path.ends.frame)
        return tuple(
            Seen(self._values(run.colvar, row), float(biases(run.colvar)[row]), run.ends.potentials[row])
            for run, row in ((path, -1), (next_path, 0))
        )  # type: ignore[return-value]

    def try_action(self, frame: Frame) -> None:
        """Run a path of one step that is held where it begins: the action CVFLOW can be loaded, and writes its row.

        Raises:
            ProgramFailedError: it does not.
        """
        here = self.cv_values(frame)
        try:
            self._run(frame, 1, Steering(here, here, np.ones_like(here), 1), np.random.default_rng(0))
        except PathFailedError as failure:
            reason = f"a path with the action CVFLOW does not run: {failure.reason}"
            raise ProgramFailedError(reason, failure.lines) from failure

    def steer(
        self, frame: Frame, steering: Steering, rng: np.random.Generator, criterion: EarlyRejection | None = None
    ) -> PathResult:
        if criterion is not None:
            raise ValueError("paths of external programs are run to their end: set path.early_rejection = false")
        return self._path(frame, steering.steps, steering, rng)

    def free_path(self, frame: Frame, steps: int, friction: float, rng: np.random.Generator) -> PathResult:
        if friction:
            raise ValueError("paths of external programs have no friction")
        return self._path(frame, steps, None, rng)

    def _path(self, frame: Frame, steps: int, steering: Steering | None, rng: np.random.Generator) -> PathResult:
        try:
            done = self._run(frame, steps, steering, rng)
        except PathFailedError as failure:
            return self._failed(failure, frame, steps, steering is not None)
        self._last_failures.pop(steering is not None, None)
        return PathResult(
            frame=done.ends.frame,
            cv=self._values(done.colvar, -1),
            potential_energy=float("nan"),
            work=self._work(done),
            protocol_work=self._protocol_work(done),
            heat=0.0,
            steps=steps,
            outcome=Outcome.COMPLETED,
        )

    def _energies(self, done: _Run) -> np.ndarray:
        """At both ends, PLUMED's biases among them."""
        return np.array([done.ends.before, done.ends.after]) + biases(done.colvar)[[0, -1]]

    def _protocol_work(self, done: _Run) -> float:
        return 0.0 if done.row is None else float(done.row.values["protocol_work"][-1]) / self.kT

    def _work(self, done: _Run) -> float:
        before, after = self._energies(done)
        return float(after - before) / self.kT if self._spec.program.knows_energies else self._protocol_work(done)

    def _check_sound(self, done: _Run) -> None:
        """Both ends are numbers.

        Raises:
            PathFailedError: they are not.
        """
        numbers = (self._work(done), self._values(done.colvar, -1), done.ends.frame.positions)
        small = not self._spec.program.knows_energies or (np.abs(self._energies(done)) < LARGEST_TOLD_ENERGY).all()
        if not small or not all(np.isfinite(each).all() for each in numbers):
            reason = "energies, CVs or positions are no numbers: is path.timestep too long?"
            raise PathFailedError(Outcome.DIVERGED, reason)

    def _failed(self, failure: PathFailedError, frame: Frame, steps: int, steered: bool) -> PathResult:
        """Count the failure; the second of its kind in a row, among steered or among local paths, is the last.

        Raises:
            ProgramFailedError: it is the second.
        """
        if self._last_failures.get(steered) is failure.outcome:
            which = "steered" if steered else "local"
            reason = f"two {which} paths in a row failed: {failure.reason}"
            raise ProgramFailedError(reason, failure.lines) from failure
        self._last_failures[steered] = failure.outcome
        nan = float("nan")
        nowhere = np.full(len(self._spec.cvs), nan)
        return PathResult(frame, nowhere, nan, nan, nan, nan, steps, failure.outcome)

    def _run(self, frame: Frame, steps: int, steering: Steering | None, rng: np.random.Generator) -> _Run:
        """Run one path in a folder of its own.

        Raises:
            PathFailedError: it did not get to its end.
        """
        spec, order = self._spec, PathOrder(frame, steps, self._spec.timestep, self.kT)
        folder = Path(tempfile.mkdtemp(prefix=FOLDER))
        try:
            lines = (*spec.lines, *spec.program.plumed_lines(order))
            text = input_text(lines, spec.cvs, steps, steering, spec.schedule, f"./{LINKED_ACTION}", self.kT)
            (folder / INPUT).write_text(text, encoding="utf-8")
            spec.program.bring_inputs(folder)
            if steering:  # a name of ours for it: PLUMED's words end at a space, and folders may have one
                (folder / LINKED_ACTION).symlink_to(spec.action)
            spec.program.write(folder, order, rng)
            for command in spec.program.commands():
                run(command, folder, spec.time_limit, spec.program.environment)
            colvar = read_columns(folder / COLVAR)
            _check_length(colvar, order, folder)
            row = read_columns(folder / ROW) if steering else None
            done = _Run(spec.program.ends(folder, order), colvar, row)
            self._check_sound(done)
            return done
        except PathFailedError as failure:
            failure.lines = spec.program.last_words(folder)
            if spec.keep_failed:
                failure.reason += f"; its files are in {kept(folder, spec.keep_failed)}"
                _LOG.warning("a path failed: %s", failure.reason)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _probed(self, frame: Frame, steps: int = 1) -> _Run:
        try:
            return self._run(frame, steps, None, np.random.default_rng(0))
        except PathFailedError as failure:
            raise ProgramFailedError(f"the program does not run: {failure.reason}", failure.lines) from failure

    def _values(self, colvar: Columns, row: int) -> Point:
        return np.array([colvar.values[cv][row] for cv in self._spec.cvs])


def _check_length(colvar: Columns, order: PathOrder, folder: Path) -> None:
    """PLUMED was called from the first step to the last, and its clock is the path's.

    Raises:
        PathFailedError: it was not.
    """
    times = colvar.values["time"]
    asked = order.steps * order.timestep
    if len(times) < 2 or abs(times[-1] - times[0] - asked) > 1e-3 * asked:
        reason = f"PLUMED was not called over the path's {asked:g} ps"
        raise PathFailedError(Outcome.PROGRAM_FAILED, reason)
