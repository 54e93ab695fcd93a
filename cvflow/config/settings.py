"""The config: TOML into frozen models that refuse what they do not know."""

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, Field, ValidationError, model_validator

from cvflow.config import cv_section, engine_section
from cvflow.config.cv_given import PlumedSection
from cvflow.config.cv_section import AnyCvSection
from cvflow.config.engine_section import BatchSection, EngineSection, OpenMMSection, ProgramSection, with_drive
from cvflow.config.explore_section import METHODS, ExploreSection
from cvflow.config.flow_section import FlowSection, flow_words
from cvflow.config.pull_section import PullSection
from cvflow.config.section import ConfigError, Count, Finite, NonNegative, Positive, Section, Whole
from cvflow.config.system_section import ONE_SOURCE, SystemSection
from cvflow.config.wall_section import WallSection
from cvflow.core.walls import Wall
from cvflow.host.faults import brief
from cvflow.host.text_file import text_of


class RunSection(Section):
    """Lengths and the seed, counted per walker.

    Attributes:
        seed: every random number follows from it.
        walkers: chains; the starts are given to them in turn.
        adapt_jumps: jumps while the flow learns, which are not in the statistics.
        adapt_limit: adaptation goes on until the states' populations settle, up to so many times adapt_jumps.
        jumps: of production, with the flow frozen.
        local_steps: time steps of the local move after each jump, on average.
        equilibration_moves: local moves before the first jump, within the start's state, that the flow learns from.
        local: the local move; "langevin" is unadjusted and biased, "mala" and "ghmc" are the batch engine's.
        local_timestep: of local moves, if not that of the paths [ps].
        state_bias: "flat" visits every named state as much, by a bias that weights take off again (theory.md, 2.2).
    """

    seed: Whole = 1
    walkers: Annotated[int, Field(ge=1, le=100_000)] = 4
    adapt_jumps: Whole = 100
    adapt_limit: Count = 5
    jumps: Count = 400
    local_steps: Whole = 500
    equilibration_moves: Count = 24
    local: Literal["hmc", "mala", "ghmc", "langevin"] = "hmc"
    local_timestep: Positive | None = None
    state_bias: Literal["none", "flat"] = "none"


class PathSection(Section):
    """The steered paths.

    Attributes:
        kernel: how the rest relaxes while the CV moves (theory.md, sections 3 and 7); all but "restraint" and the
            "langevin" of positions are the batch engine's.
        steps: time steps of a path as long as the distance between the states' mean CVs.
        timestep: ps; a molecule has 0.0005, 0.002 with constraints and 0.004 with heavy hydrogens too, unless it is
            given.
        friction: along paths [1/ps].
        kappa: spring constant, or one for each CV [kJ/mol per CV unit squared].
        schedule: of the restraint's centre.
        way: of positions: straight, or with distances along the chain kept.
        early_rejection: whether paths that cannot be accepted any more are given up, which is exact (theory.md, 8.1).
        within_states: whether production jumps within a state; else such jumps are rejected without a path.
    """

    kernel: Literal["restraint", "euler", "mala", "mala-coin", "langevin", "constrained", "none"] = "restraint"
    steps: Literal["auto"] | Count = 1000
    timestep: Positive = 0.01
    friction: Literal["auto"] | NonNegative = 0.0
    kappa: Literal["auto"] | Positive | list[Positive] = "auto"
    schedule: Literal["linear", "cosine", "auto"] = "linear"
    way: Literal["straight", "lengths"] = "straight"
    early_rejection: bool = True
    within_states: bool = True


class ProposalSection(Section):
    """A fixed mixture of Gaussians in place of the flow.

    Attributes:
        means: a list of CV values for each Gaussian.
        sigmas: its standard deviations, as many.
        weights: of the Gaussians, relative.
    """

    means: list[list[Finite]]
    sigmas: list[list[Positive]]
    weights: list[NonNegative]


class Config(Section):
    """Everything a run is told.

    Attributes:
        states: named regions of the CVs, as comparisons with `and`, `or`, `not`; the first that holds a point owns it,
            and free energies are differences from the first.
    """

    run: RunSection = RunSection()
    system: SystemSection
    engine: EngineSection = OpenMMSection()
    cv: list[AnyCvSection] = []
    path: PathSection = PathSection()
    flow: FlowSection | None = None
    proposal: ProposalSection | None = None
    states: dict[str, str] = {}
    wall: list[WallSection] | None = None
    pull: PullSection | None = None
    explore: ExploreSection | None = None

    @property
    def walls(self) -> tuple[Wall, ...]:
        """Walls on CVs, part of the potential."""
        return tuple(section.to_wall() for section in self.wall or ())

    @model_validator(mode="after")
    def _one_proposal(self) -> "Config":
        if self.flow is not None and self.proposal is not None:
            raise ValueError("give [flow] or [proposal], not both")
        return self

    @model_validator(mode="after")
    def _explored_in_batches(self) -> "Config":
        if self.explore is not None and not isinstance(self.engine, BatchSection):
            raise ValueError(f'[explore] is for [engine] name = "batch", not "{self.engine.name}"')
        return self

    @model_validator(mode="before")
    @classmethod
    def _drive_is_the_engine_s(cls, values: Any) -> Any:
        """Configs of before have the words of external programs in a section of their own."""
        if not isinstance(values, dict) or "drive" not in values:
            return values
        others = {key: value for key, value in values.items() if key != "drive"}
        return others | {"engine": with_drive(values.get("engine", {}), values["drive"])}

    @model_validator(mode="after")
    def _one_system(self) -> "Config":
        driven = isinstance(self.engine, ProgramSection)
        if driven and self.system.sources:
            raise ValueError(f"system.{self.system.sources[0]} is refused: {self.engine.name} has its own files")
        if not driven and any(isinstance(cv, PlumedSection) and cv.period is not None for cv in self.cv):
            raise ValueError("cv: period is for CVs given by python; a PLUMED text has its own")
        if not driven and not self.system.sources:
            raise ValueError(f"system: {ONE_SOURCE}")
        return self

    def changed(self, **values: Any) -> "Config":
        """The same with other values, checked as if a file had given them.

        Args:
            **values: by section; a mapping changes those keys of a section and leaves its others.

        Raises:
            ConfigError: they are not possible; the first fault, in one line.
        """
        try:
            return super().changed(**values)
        except ValidationError as error:
            raise ConfigError(" ".join(_one_line(error).split())) from error

    def to_toml(self) -> str:
        """Write every setting that has a value, defaults included."""
        return tomli_w.dumps(self.model_dump(exclude_none=True, by_alias=True))


def load(path: Path, overrides: list[str] | None = None) -> Config:
    """Read a config file, with overrides of the form ``section.key=value`` (the value in TOML).

    Raises:
        ConfigError: the file cannot be read, does not parse, or holds what is unknown or out of range.
    """
    try:
        text = text_of(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(str(error)) from error
    values = _toml(text, str(path))
    for override in overrides or []:
        _override(values, override)
    return parse(values, str(path))


def _toml(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:  # Python's own for huge integers and deep nesting too
        raise ConfigError(f"{source}: not TOML: {' '.join(str(error).split())}") from error


def parse(values: dict[str, Any], source: str) -> Config:
    """Check a config given as nested dicts.

    Raises:
        ConfigError: it holds what is unknown or out of range; the first fault, in one line.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {' '.join(_one_line(error).split())}") from error


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    *sections, last = key.strip().split(".")
    if not equals or not sections or not last:
        raise ConfigError(f"--set {override}: write --set section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError, OverflowError):
        value = text
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {override}: {section} is not a section")
    values[last] = value


def _one_line(error: ValidationError) -> str:
    """The first fault, with the place and the mend; words that nobody knows first of all."""
    faults = error.errors()
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    if said := _of_engine(fault) or _of_auto(fault, faults) or _of_tag(fault):
        return said
    place = ".".join(map(str, _as_written(fault["loc"])))
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        known = _known_keys(fault["loc"][:-1])
        close = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        return f"unknown key {place}; " + (f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}")
    if fault["type"] == "missing":
        return f"{place} is missing"
    got = "" if isinstance(fault["input"], dict) else f", got {brief(fault['input'])}"
    return f"{place}: {message}{got}" if place else message


def _of_auto(fault: Any, faults: Sequence[Any]) -> str | None:
    """Words for what may be "auto" too, of which pydantic says only that."""
    *place, last = fault["loc"] or ("",)
    if last != "literal['auto']":
        return None
    others = [each for each in faults if list(each["loc"][: len(place)]) == place and each is not fault]
    closest = max(others, key=lambda each: len(each["loc"]), default=fault)
    return f"{'.'.join(map(str, place))}: {closest['msg']}, or \"auto\", got {brief(fault['input'])}"


def _of_tag(fault: Any) -> str | None:
    """Words for a section's word that says which kind it is; pydantic repeats all of what it got."""
    if fault["type"] != "union_tag_invalid":
        return None
    context = fault["ctx"]
    place = ".".join(map(str, (*_as_written(fault["loc"]), context["discriminator"].strip("'"))))
    return f"{place}: give one of {context['expected_tags']}, got {brief(context['tag'])}"


def _as_written(location: tuple[int | str, ...]) -> list[int | str]:
    """A place as a user writes it: pydantic has the tag of a union behind its section, or its number in a list."""
    if location[:1] == ("wall",):
        return list(location)
    behind = ("", *location)
    pairs = zip(location, behind, strict=False)
    told_apart = ("engine", "explore")
    return [
        part for part, last in pairs if not (isinstance(part, str) and (isinstance(last, int) or last in told_apart))
    ]


def _of_engine(fault: Any) -> str | None:
    """Words for what only an engine's section can have, and for its place, in which pydantic has the engine's tag."""
    section, *rest = fault["loc"] or ("",)
    if section != "engine":
        return None
    if fault["type"].startswith("union_tag"):
        got = fault["input"].get("name") if isinstance(fault["input"], dict) else fault["input"]
        return f"engine.name: give one of {', '.join(engine_section.NAMES)}, got {brief(got)}"
    if fault["type"] == "extra_forbidden":
        return engine_section.refusal(str(rest[0]), str(rest[-1]))
    if fault["type"] in ("missing", "too_short", "string_too_short"):
        return engine_section.missing(str(rest[0]), str(rest[-1]))
    return None


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "run": RunSection,
        "system": SystemSection,
        "path": PathSection,
        "proposal": ProposalSection,
    }
    if location[:1] == ("cv",):
        return cv_section.known_words(str(location[-1]))
    if location[:1] == ("engine",):
        return engine_section.known_words(str(location[1]))
    if location == ("flow",):
        return flow_words()
    if location[:1] == ("wall",):
        return list(WallSection.model_fields)
    if location == ("pull",):
        return PullSection.words()
    if location[:1] == ("explore",):
        return list(METHODS[str(location[1])].model_fields)
    model = sections[str(location[0])] if location else Config
    return list(model.model_fields)
