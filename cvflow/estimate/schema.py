"""What `summary.json` holds: frozen models, with meaning, unit and the sense of null at each key.

docs/summary.md is their table, `Summary.model_json_schema()` their JSON schema; `Summary.model_validate_json` reads the
file back. Numbers that are not determined are null, which is None in Python.
"""

import json
import math
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

INFINITY = "Infinity"
"""What stands for an infinite R-hat in the file, and is read back by `float`: JSON has no infinities."""


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _not_nan(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


def _in_words(value: float | None) -> float | str | None:
    return INFINITY if value is not None and math.isinf(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
"""None where it is NaN or infinite."""

RHat = Annotated[float | None, BeforeValidator(_not_nan), PlainSerializer(_in_words, when_used="json")]
"""None where it is NaN. Infinite where chains are stuck in different places: that must not read as not known."""


def number(value: float | None) -> float:
    """A number that is determined, or NaN."""
    return math.nan if value is None else value


class Part(BaseModel):
    """A part of the summary: its values by name, or as they are called in `summary.json`, `part["from"]`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def __getitem__(self, key: str) -> Any:
        """The value under its key of `summary.json`.

        Raises:
            KeyError: there is no such key.
        """
        for name, field in type(self).model_fields.items():
            if key == (field.serialization_alias or name):
                return getattr(self, name)
        raise KeyError(key)


class JumpCounts(Part):
    """Some of production's jumps; the standard error knows that the jumps of one chain are correlated."""

    proposed: int
    """How many were proposed."""
    accepted: int
    """How many of them were accepted."""
    acceptance: Number
    """Accepted over proposed, 0 to 1; null where none was proposed."""
    acceptance_stderr: Number
    """Its standard error; null where the acceptance is null, 0 or 1, or too few independent jumps tell it."""


class BetweenStates(JumpCounts):
    """Jumps of production from one named state into another."""


class Jumps(JumpCounts):
    """All jumps of production."""

    failed: dict[str, int]
    """Jumps whose path failed, counted by the reason; they are rejected, never retried."""
    given_up: int
    """Jumps that were rejected on their way, by early rejection."""
    within_state: int
    """Turns without a path: the jump leads into the state where it starts, or the state's label stays."""
    between_states: BetweenStates
    """Those from one named state into another."""


class Steps(Part):
    """Time steps of all walkers together, each of which is one evaluation of the forces on a walker."""

    equilibration: int | None
    """Before the first jump, and to make starts that were missing; null for runs that older versions began."""
    exploration: int
    """Evaluations of energy and forces by the method of `[explore]`, before the run."""
    pilots: int | None
    """Of the jumps that settings were found by before the run; null for runs that older versions began."""
    adaptation: int
    """Of the jumps' paths and the local moves before production."""
    local: int
    """Of production's local moves."""
    path: int
    """Of the paths of production's jumps."""
    total: int | None
    """Of all these together; null where one of them is."""


class FreeEnergyDifference(Part):
    """A free-energy difference F(to) - F(from)."""

    start: str = Field(validation_alias=AliasChoices("from", "start"), serialization_alias="from")
    """Named state: the first of the run."""
    end: str = Field(validation_alias=AliasChoices("to", "end"), serialization_alias="to")
    """Named state: each of the others."""
    value_kT: Number
    """The difference [kT]; null where it is not determined."""
    stderr_kT: Number
    """Its standard error [kT]; null where it is not determined."""
    determined: bool
    """Whether there is a difference to state."""
    reason: str | None
    """Why it is not determined, in words; null where it is."""


class Best(FreeEnergyDifference):
    """From chains and works together: the mean of least variance."""

    chain_weight: Number
    """Weight of the chains in it, 0 to 1, the works having the rest; null where it is not determined."""
    alone: str | None
    """Why the chains or the works alone are taken, in words; null where both are, and where it is not determined."""


class ByBar(FreeEnergyDifference):
    """From the works of all paths between the states, by Bennett's acceptance ratio."""

    effective_paths: float
    """Kish's number of equal chances that the estimate rests on, of the direction that has fewer."""


class StateVisits(Part):
    """What the walkers have seen of one named state."""

    started: int
    """Walkers that were in it when the jumps began, after equilibration."""
    found: int
    """Walkers that have been in it at any time, while adapting or in production."""
    share: float
    """Part of production's samples that lie in it, each by its weight, 0 to 1."""
    bias_kT: float = 0.0
    """V of the bias that chains visit it under; its samples weigh exp(V), and 0 is no bias."""


class Adaptation(Part):
    """How long adaptation took, and whether the populations of the named states had settled in it."""

    asked: int
    """Jumps per walker that were asked for."""
    made: int
    """Jumps per walker that were made: more than asked for where populations had not settled."""
    passed: bool | None
    """Whether they had settled; null without adaptation, and with fewer than two named states."""
    left: Number
    """What is left of the start, in standard deviations of a state's share among the walkers at one moment, of the
    state with most; null where no walker changed its state, or `passed` is null."""
    drift: Number
    """Difference between two halves, over the largest one that is put down to chance; null where `passed` is null."""


class Populations(Part):
    """How the populations of the named states fared in production."""

    passed: bool | None
    """Whether they were settled; null with fewer than two named states."""
    left: Number
    """As in `adaptation`; null where no walker changed its state, or `passed` is null."""
    drift: Number
    """As in `adaptation`, between the halves of production; null where `passed` is null."""
    begun: Number
    """Bias that the start of production leaves in a state's share, in standard errors of that share; null where
    `passed` is null."""
    relaxation_jumps: Number
    """Jumps per walker in which the slowest population forgets all but 1/e of its start; null where that was never
    seen, or `passed` is null."""
    rhat: RHat
    """Split R-hat of being in a state, of the worst state, or "Infinity" where walkers differ and none changes; null
    where turns are too few, all walkers are in one state, or `passed` is null."""


class EffectiveSamples(Part):
    """Effective sample sizes of one CV (Vehtari et al. 2021)."""

    bulk: Number
    """For its middle; null where chains are too short, or none of them moves."""
    tail: Number
    """For its 5 % and 95 % quantiles; null where chains are too short, or none of them moves."""


class FlowSummary(Part):
    """The last version of the flow, from which production draws."""

    version: int
    """Its number; 0 is the first."""
    trainings: int
    """How often a flow was trained; 0 where the proposal is fixed."""
    holdout_nll: Number
    """-⟨ln q⟩ of samples that it did not learn from [nats]; null where it was not trained."""
    training_nll: Number
    """-⟨ln q⟩ of samples that it learned from [nats]; null where it was not trained."""
    samples: int
    """Samples that it learned from."""
    effective_samples: Number
    """How many independent ones they are worth; null where it was not trained."""


class Share(Part):
    """Part of an exploration's samples, by their weights, that lies in a named state."""

    state: str
    """The named state."""
    value: Number
    """Its part, 0 to 1; null where no weight is finite."""
    stderr: Number
    """Its standard error, from independent parts of the exploration; null where no weight is finite."""


class Exploration(Part):
    """What the method of `[explore]` found before the run, by itself."""

    method: str
    """Its name."""
    claim: str
    """What its samples and weights may be taken for, in words."""
    words: str
    """How it went, in words."""
    evaluations: int
    """Evaluations of energy and forces, of one configuration each."""
    samples: int
    """Samples that it gave."""
    effective_samples: Number
    """How many of equal weight they are worth; null where no weight is finite."""
    log_z: Number
    """Ln ∫ e^(-U/kT) dx, x in the configuration's own unit; null where it is not determined."""
    log_z_stderr: Number
    """Its standard error; null where it is not determined."""
    shares: tuple[Share, ...]
    """The named states' parts."""


class WallTimes(Part):
    """Wall times [s] of the whole run, resumptions included."""

    total: float
    """From the start to the last commit [s]."""
    path: float
    """Of paths, the workers' mean [s]."""
    local: float
    """Of local moves, the workers' mean [s]."""
    training: float
    """Of training, which runs beside them [s]."""


class Exact(Part):
    """Whether the chain has the right distribution whatever the length of its paths and steps."""

    value: bool
    """False where the local moves, the engine's work or its files leave a bias."""
    reason: str
    """Why, in words."""


class Summary(Part):
    """A run in numbers.

    Acceptances and mode changes are those of production; wall times are those of the whole run.
    """

    schema_version: Literal[2] = 2
    """Version of this layout: it rises when a key goes or changes its meaning, not when one is added."""
    version: str
    """Version of cvflow that began the run."""
    seed: int
    """Seed of all random numbers."""
    system: str
    """Name of the system."""
    engine: str
    """What moves the atoms: the name of the config's engine."""
    cvs: tuple[str, ...]
    """Names of the CVs."""
    kT: float
    """Thermal energy [kJ/mol]; of a model, in its own unit of energy."""
    walkers: int
    """Number of chains."""
    jumps: Jumps
    """The jumps of production."""
    mode_changes: int
    """Jumps of production accepted into another named state than the last visited."""
    local_crossings: int
    """Local moves of production that ended in another named state than the last visited."""
    steps: Steps
    """Time steps, by what they were made for."""
    true_energies: int | None = None
    """Energies of the system's own potential, where steps are a surrogate's: one for each path of adaptation and
    production that got to its end, and for each local move; null where paths move on the system's own."""
    steps_per_mode_change: Number
    """Path steps of production over mode changes; null where there was none."""
    delta_f: tuple[Best, ...]
    """F of each named state less that of the first, from all there is; empty with fewer than two."""
    delta_f_chain: tuple[FreeEnergyDifference, ...]
    """The same from averages over the chains alone."""
    delta_f_bar: tuple[ByBar, ...]
    """The same from the works of all paths between the states (BAR) alone."""
    chain_less_bar: tuple[FreeEnergyDifference, ...]
    """The chains' less the works', with an error that knows that both come from the same turns."""
    states: dict[str, StateVisits]
    """What the walkers have seen of each named state."""
    adaptation: Adaptation
    """How long adaptation took."""
    populations: Populations
    """How the populations of the named states fared in production."""
    ess: dict[str, EffectiveSamples]
    """Effective sample sizes of each CV."""
    rhat: dict[str, RHat]
    """Rank-normalised split R-hat of each CV, or "Infinity" where chains are stuck apart; null if it cannot be had."""
    flow: FlowSummary
    """The flow that production draws from."""
    wall_s: WallTimes
    """Wall times."""
    path_steps_per_s: Number
    """Path steps a second of all workers together; null where no path was run."""
    exact: Exact
    """Whether the chain is exact."""
    explored: tuple[Exploration, ...] = ()
    """What was found before the run, and by what; empty without `[explore]`."""
    walls: tuple[str, ...] = ()
    """Walls on CVs, part of the potential that was sampled: the CV, where it begins, and its energy."""
    warnings: tuple[str, ...] = ()
    """What to know before using the numbers, one plain sentence or two each."""

    def text(self) -> str:
        """As `summary.json` holds it."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False) + "\n"
