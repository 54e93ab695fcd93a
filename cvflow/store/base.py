"""The store's law, and the plain data that goes through it."""

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from cvflow.core.early_rejection import KNOTS
from cvflow.core.frames import LOOKS, Frame, Outcome
from cvflow.core.state_bias import UNBIASED, StateBias, bias_of
from cvflow.core.states import States
from cvflow.cv.names import check_together
from cvflow.host.faults import brief

RUN_FORMAT = "cvflow-run-3"


def outcome_codes() -> dict[str, int]:
    """What the codes of outcomes in a store mean, by name."""
    return {outcome.name: outcome.value for outcome in Outcome}


@dataclass(frozen=True)
class Header:
    """What is fixed before the first jump.

    Attributes:
        seed: every random number follows from it.
        system: the system's name.
        engine: the engine's name.
        cvs: the CVs' names.
        units: the CVs' units, empty in reduced units.
        states: named states as expressions of the CVs, in order; free energies are differences from the first.
        kT: thermal energy [kJ/mol].
        kappa: the restraint's spring constants, kJ/mol per CV unit squared; empty for kernels that hold the CV exactly.
        timestep: ps.
        local_steps: time steps of a local move; of hybrid Monte Carlo their mean, and each turn has its own.
        walkers: number of chains.
        workers: number of worker processes.
        adapt_jumps: jumps per walker before production, as asked for; rows say where it begins.
        exact: whether the chain is exact.
        exact_reason: why (not).
        notes: one line for everything that was changed in the system or chosen by the program.
        config: the resolved config, TOML.
        version: of cvflow.
        kernel: the relaxation kernel, as `[path] kernel` has it.
        periods: of the CVs, None on a line; empty in stores of older versions, whose CVs are taken for unbounded.
        outcomes: the codes of outcomes that the turns hold, by name.
        inputs: SHA-256 of the files that the run needs to go on, by the config's names for them.
        versions: of the packages that the run computes with.
        walls: on CVs, part of the potential, in words.
        equilibration_steps: time steps of all walkers before the first jump, and of making starts; None in stores of
            older versions.
        pilot_steps: time steps of the jumps that settings were found by; None in stores of older versions.
        exploration: a `cvflow.estimate.schema.Exploration` as it is written, where there was one.
        surrogate: what makes the potential that paths move on, where it isn't the system's; empty where it is.
    """

    seed: int
    system: str
    engine: str
    cvs: list[str]
    units: list[str]
    states: dict[str, str]
    kT: float
    kappa: list[float]
    timestep: float
    local_steps: int
    walkers: int
    workers: int
    adapt_jumps: int
    exact: bool
    exact_reason: str
    notes: list[str]
    config: str
    version: str
    kernel: str = "restraint"
    periods: list[float | None] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=outcome_codes)
    inputs: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    walls: list[str] = field(default_factory=list)
    equilibration_steps: int | None = None
    pilot_steps: int | None = None
    exploration: dict[str, Any] | None = None
    surrogate: str = ""
    format: str = RUN_FORMAT

    def to_json(self) -> str:
        """Serialise."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Header":
        """Read back.

        Raises:
            ValueError: it is no header, the format is not this version's, codes of outcomes mean something else, or CVs
                have names that cannot be.
        """
        try:
            return cls._checked(json.loads(text))
        except (TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
            raise ValueError(f"store: it has no header of a run ({brief(error)})") from error

    @classmethod
    def _checked(cls, values: dict) -> "Header":
        if values.get("format") != RUN_FORMAT:
            raise ValueError(f"store: unknown format {values.get('format')!r}, this version reads {RUN_FORMAT}")
        header = cls(**values)
        if unknown := dict(header.outcomes.items() - outcome_codes().items()):
            raise ValueError(f"store: unknown codes of outcomes {unknown}: a newer version wrote it")
        check_together(header.cvs)  # files are named after them
        return header


def turn_type(cvs: int) -> np.dtype:
    """One row a turn: a jump, then a local move. Energies kJ/mol, works kT, times s.

    `cv_old` is ξ at the jump's start, `cv_end` at its path's end, `cv_kept` after the decision and `cv` after the local
    move that follows; `centre_old` and `centre_new` are λ and λ̃ (NaN: nothing was proposed). `outcome` is the code of a
    `cvflow.core.frames.Outcome`. `log_survival` and `interim` are those of `cvflow.engines.batch.paths.BatchPath`: the
    log probability of not being given up before the end, and works so far at the knots of
    `cvflow.core.early_rejection.FRACTIONS`. `look_fraction`, `look_work` and `look_cv` are the `Looks` of a path that
    got to its end; a fraction of zero is none.
    """
    vector = (np.float64, (cvs,))
    return np.dtype(
        [
            ("walker", np.int32),
            ("jump", np.int32),
            ("flow_version", np.int32),
            ("production", np.bool_),
            ("accepted", np.bool_),
            ("outcome", np.uint8),
            ("steps", np.int32),
            ("centre_old", *vector),
            ("centre_new", *vector),
            ("cv_old", *vector),
            ("cv_end", *vector),
            ("cv_kept", *vector),
            ("log_q_old", np.float64),
            ("log_q_new", np.float64),
            ("work", np.float64),
            ("protocol_work", np.float64),
            ("heat", np.float64),
            ("log_acceptance", np.float64),
            ("log_survival", np.float64),
            ("interim", np.float32, (KNOTS,)),
            ("look_fraction", np.float32, (LOOKS,)),
            ("look_work", np.float32, (LOOKS,)),
            ("look_cv", np.float32, (LOOKS, cvs)),
            ("local_accepted", np.bool_),
            ("local_outcome", np.uint8),
            ("local_steps", np.int32),
            ("local_work", np.float64),
            ("cv", *vector),
            ("path_seconds", np.float64),
            ("local_seconds", np.float64),
        ]
    )


class FlowEntry(NamedTuple):
    """One version of the proposal; what was learned is 0 or NaN for one that was not trained.

    Attributes:
        version: counts trainings.
        span: distance between the states' mean CVs that takes a path of the configured length.
        holdout_nll: negative log likelihood per held-out sample, nats.
        samples: CV values that all walkers had visited.
        epochs: of training.
        seconds: of training.
        data: a safetensors file.
        training_nll: as `holdout_nll`, over the samples that it learned from.
        kept_epoch: the one that did best on the held-out samples.
        effective_samples: independent samples that they are worth.
        state_bias: V of each named state [kT]; empty where there is none.
    """

    version: int
    span: float
    holdout_nll: float
    samples: int
    epochs: int
    seconds: float
    data: bytes
    training_nll: float = float("nan")
    kept_epoch: int = 0
    effective_samples: float = float("nan")
    state_bias: tuple[float, ...] = ()

    def bias(self, states: States) -> StateBias:
        """With which this version is used."""
        return bias_of(states, self.state_bias)


class Commit(NamedTuple):
    """What goes with a commit marker: where every walker stands, and how long it took to get there."""

    frames: list[Frame]
    wall_seconds: float


class Record(NamedTuple):
    """Everything up to the last commit.

    Attributes:
        header: what was fixed before the first jump.
        pilot: CV values of the equilibrated starts, in the CVs' units.
        turns: rows of `turn_type`, sorted by walker and jump.
        flows: the versions of the proposal, the last of which draws production.
        commit: the last one, with the walkers' frames.
    """

    header: Header
    pilot: Float[np.ndarray, "walkers samples cvs"]
    turns: np.ndarray
    flows: list[FlowEntry]
    commit: Commit

    @property
    def state_bias(self) -> StateBias:
        """Of production."""
        return self.flows[-1].bias(States(self.header.states, self.header.cvs)) if self.flows else UNBIASED

    @property
    def state_energies(self) -> Float[np.ndarray, " states"]:
        """V of each named state in production [kT]; zeros without a bias."""
        return np.array(self.state_bias.energies or (0.0,) * len(self.header.states))

    def biases(self, cvs: str) -> Float[np.ndarray, " turns"]:
        """V [kT] of the bias that each turn was made with, at the points in this column of the turns."""
        states, found = States(self.header.states, self.header.cvs), np.zeros(len(self.turns))
        for flow in self.flows:
            made = self.turns["flow_version"] == flow.version
            found[made] = flow.bias(states).of(self.turns[cvs][made])
        return found

    @property
    def turns_done(self) -> list[int]:
        """Numbers of turns, one a walker."""
        return np.bincount(self.turns["walker"], minlength=self.header.walkers).tolist()


class Store(ABC):
    """Append-only. Law: `record` returns what was appended before the last `commit`, and nothing that came after."""

    @abstractmethod
    def append_turns(self, turns: np.ndarray) -> None:
        """Append rows of `turn_type`."""

    @abstractmethod
    def append_flow(self, flow: FlowEntry) -> None:
        """Append a version of the proposal."""

    @abstractmethod
    def commit(self, commit: Commit) -> None:
        """Make everything appended so far durable; the marker is written last."""

    @abstractmethod
    def record(self) -> Record:
        """Read back what is committed.

        Raises:
            ValueError: nothing is, or what is there is damaged.
        """


def in_todays_columns(turns: np.ndarray, cvs: int) -> np.ndarray:
    """Rows as `turn_type` has them today; what an older version did not write is zero."""
    dtype = turn_type(cvs)
    if turns.dtype == dtype:
        return turns
    rows = np.zeros(len(turns), dtype)
    for name in turns.dtype.names or ():
        rows[name] = turns[name]
    return rows


def sorted_turns(turns: np.ndarray) -> np.ndarray:
    """Rows in the order of walker and jump: the order of the chain, not of arrival."""
    return turns[np.lexsort((turns["jump"], turns["walker"]))]


def bytes_array(data: bytes) -> UInt8[np.ndarray, " bytes"]:
    """Bytes as an array, for stores that hold arrays."""
    return np.frombuffer(data, dtype=np.uint8)
