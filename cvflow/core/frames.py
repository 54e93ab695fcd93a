"""Plain data that the physics passes around: frames, steering orders, path results."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

Positions = Float[np.ndarray, "atoms 3"]
Box = Float[np.ndarray, "3 3"]
Point = Float[np.ndarray, " cvs"]


class Frame(NamedTuple):
    """A configuration: positions [nm] and, for a periodic system, the box vectors as rows [nm].

    Positions are (atoms, 3), or of whatever shape a configuration of the batch engine has, or, where only an external
    program can read its states, the bytes of their files.
    """

    positions: Float[np.ndarray, " *shape"] | UInt8[np.ndarray, " bytes"]
    box: Box | None


class Steering(NamedTuple):
    """An order to drag the restraint's centre λ from `start` to `end` in `steps` time steps.

    The restraint is u(x, λ) = Σ_i κ_i/2 (ξ_i(x) - λ_i)², with κ in kJ/mol per CV unit squared. On a circle both the
    difference and the way from start to end are along the shortest arc.
    """

    start: Point
    end: Point
    kappa: Point
    steps: int


class Outcome(IntEnum):
    """How a path ended. Anything but COMPLETED has acceptance zero: rejected, counted, never retried.

    GIVEN_UP and WITHIN_STATE are rejections that need no full path; the others are failures. The codes are what stores
    hold: never renumber them, nor give one to another outcome.
    """

    COMPLETED = 0, "completed"
    DIVERGED = 1, "diverged"
    UNCONVERGED = 2, "constraint not met"
    OUT_OF_RANGE = 3, "proposed outside the range of the CV"
    UNSUPPORTED = 4, "started where the proposal has no support"
    GIVEN_UP = 5, "given up on the way"
    WITHIN_STATE = 6, "proposed within its state, not realised"
    PROGRAM_FAILED = 7, "the program failed"
    TIME_LIMIT = 8, "the program ran into its time limit"

    words: str

    def __new__(cls, code: int, words: str = "") -> "Outcome":
        outcome = int.__new__(cls, code)
        outcome._value_ = code
        outcome.words = words
        return outcome

    @property
    def failed(self) -> bool:
        """Whether something went wrong."""
        return self not in (Outcome.COMPLETED, Outcome.GIVEN_UP, Outcome.WITHIN_STATE)


LOOKS = 20
"""Points of a path's way at most that are kept of it."""


class Looks(NamedTuple):
    """A path at some points of its way, which read the same backwards; both ends are left out.

    Attributes:
        fraction: of the restraint's way that is behind, between 0 and 1.
        work: so far [kT].
        cv: ξ(x) there.
    """

    fraction: Float[np.ndarray, " looks"]
    work: Float[np.ndarray, " looks"]
    cv: Float[np.ndarray, "looks cvs"]


class PathResult(NamedTuple):
    """What one path returns; energies in kT.

    `work` is β(ΔH - heat), the number that the acceptance uses. `protocol_work` is the part done by moving the
    restraint at fixed configuration and `shadow_work` = work - protocol_work the integrator's error: both for reports
    only. A path that failed or was given up carries NaN works and the frame it started from. `log_survival` is the log
    probability of not being given up before the end, given the path, and `interim` the works so far at the knots of
    `cvflow.core.early_rejection.FRACTIONS`, NaN where nobody looked. `looks` are what was seen on the way of a path
    that got to its end, at `LOOKS` points at most.
    """

    frame: Frame
    cv: Point
    potential_energy: float
    work: float
    protocol_work: float
    heat: float
    steps: int
    outcome: Outcome
    log_survival: float = 0.0
    interim: Float[np.ndarray, " knots"] | None = None
    looks: Looks | None = None

    @property
    def shadow_work(self) -> float:
        """Work of the time step's error [kT]."""
        return self.work - self.protocol_work


class Exactness(NamedTuple):
    """Whether the chain's stationary distribution is exactly Boltzmann's, and why (not)."""

    value: bool
    reason: str
