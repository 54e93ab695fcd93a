"""The config: TOML into frozen models that refuse what they do not know."""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, model_validator
from pydantic.types import PositiveFloat, PositiveInt

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[PositiveFloat, Field(allow_inf_nan=False)]


class ConfigError(ValueError):
    """Misuse, in one line: what, where, the mend."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RunSection(_Section):
    """Lengths and the seed; jumps are per walker."""

    seed: Annotated[int, Field(ge=0)] = 1
    walkers: PositiveInt = 4
    adapt_jumps: Annotated[int, Field(ge=0)] = 100
    jumps: PositiveInt = 400
    local_steps: Annotated[int, Field(ge=0)] = 500
    local: Literal["hmc", "mala", "ghmc", "langevin"] = "hmc"
    local_timestep: Positive | None = None


class SystemSection(_Section):
    """A built-in system by name, a Python function, a PDB with a force field, or a serialised OpenMM System."""

    name: str | None = None
    python: str | None = None
    pdb: str | None = None
    forcefield: list[str] = []
    hydrogen_mass: Positive | None = None
    xml: str | None = None
    topology: str | None = None
    starts: dict[str, str] = {}
    parameters: dict[str, float | int] = {}

    @model_validator(mode="after")
    def _one_source(self) -> "SystemSection":
        if sum(source is not None for source in (self.name, self.python, self.pdb, self.xml)) != 1:
            raise ValueError(
                'give one of name (a built-in system), python = "file.py:function", pdb (with forcefield), '
                "xml (a serialised OpenMM System)"
            )
        if (self.xml is None) != (self.topology is None):
            raise ValueError("xml needs topology = a PDB file with the same atoms, and no other system has one")
        if (self.pdb is None) != (not self.forcefield):
            raise ValueError('pdb needs forcefield = ["amber14-all.xml", …], and no other system has one')
        if self.hydrogen_mass is not None and self.pdb is None:
            raise ValueError("hydrogen_mass goes with pdb and forcefield; a serialised System has its own masses")
        return self


class EngineSection(_Section):
    """The engine and its own words: OpenMM's platforms and properties, or torch's devices and floating-point types."""

    name: Literal["openmm", "lammps", "ase", "batch"] = "openmm"
    platform: str | None = None
    temperature: Positive | None = None
    precision: str | None = None
    device: str | None = None
    threads: PositiveInt | None = None
    compile: Literal["auto"] | bool | None = None

    @model_validator(mode="after")
    def _own_words(self) -> "EngineSection":
        for word in ("platform", "precision", "device", "threads", "compile"):
            if self.name in ("lammps", "ase") and getattr(self, word) is not None:
                place = "LAMMPS runs on one core a walker, in double precision"
                place = place if self.name == "lammps" else "ASE's calculators are set up where they are made"
                raise ValueError(f"{word} is another engine's word; {place}")
        if self.name == "batch" and self.platform is not None:
            raise ValueError('platform is OpenMM\'s word; the batch engine takes device = "cpu" or "cuda"')
        if self.name == "openmm" and self.compile is not None:
            raise ValueError("compile is the batch engine's word")
        return self


def _atoms(value: object) -> object:
    members = [value] if isinstance(value, str) else value
    if not isinstance(members, list) or not all(
        isinstance(member, int | str) and not isinstance(member, bool) for member in members
    ):
        raise ValueError("atoms are a list of indices counted from 0 and selection strings, or one selection string")
    return value


AtomList = Annotated[list[int | str] | str, PlainValidator(_atoms)]

_CV_NEEDS = {
    "distance": {"atoms": "[i, j], indices counted from 0 or selection strings"},
    "angle": {"atoms": "[i, j, k], indices counted from 0 or selection strings"},
    "torsion": {"atoms": "[i, j, k, l], indices counted from 0 or selection strings"},
    "anisotropy": {"atoms": "a group, indices counted from 0 or selection strings"},
    "gyration": {"atoms": "a group, indices counted from 0 or selection strings"},
    "coordination": {"atoms": "a group", "atoms2": "another group", "r0": "where a pair counts one half [nm]"},
    "centre-distance": {"atoms": "a group", "atoms2": "another group"},
    "combination": {"of": "a list of CVs", "coefficients": "a number each"},
    "positions": {"atoms": "at least four, in the order of the chain"},
    "force": {"xml": "a file with a serialised OpenMM Force"},
    "coordinate": {"index": "its place in the flattened configuration, counted from 0"},
}
_CV_TAKES: dict[str, tuple[str, ...]] = {
    "gyration": ("weights",),
    "centre-distance": ("weights", "weights2"),
    "combination": ("period",),
    "force": ("period",),
    "python": ("atoms", "period", "range"),
}
"""Beyond what it needs."""


class CvSection(_Section):
    """One collective variable; what it takes depends on its type."""

    name: str
    type: (
        Literal[
            "distance", "angle", "torsion", "gyration", "anisotropy", "coordination", "centre-distance", "combination",
            "positions", "force", "coordinate",
        ]
        | None
    ) = None  # fmt: skip
    atoms: AtomList | None = None
    atoms2: AtomList | None = None
    weights: list[Positive] | Literal["mass"] | None = None
    weights2: list[Positive] | Literal["mass"] | None = None
    r0: Positive | None = None
    of: list["CvSection"] | None = None
    coefficients: list[float] | None = None
    index: Annotated[int, Field(ge=0)] | None = None
    python: str | None = None
    plumed: str | None = None
    period: Positive | None = None
    range: list[float] | None = None
    xml: str | None = None
    unit: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "CvSection":
        if sum(source is not None for source in (self.type, self.python, self.plumed)) != 1:
            raise ValueError(
                f'give type = one of {", ".join(_CV_NEEDS)}, or python = "file.py:function", or plumed = "d: DISTANCE '
                'ATOMS=1,9"'
            )
        kind = self.type or ("python" if self.python is not None else "PLUMED text")
        needed = _CV_NEEDS.get(kind, {})
        for word, meaning in needed.items():
            if getattr(self, word) is None:
                raise ValueError(f"{'an' if kind[0] == 'a' else 'a'} {kind} needs {word} = {meaning}")
        common = {"name", "type", "python", "plumed", "unit", *needed, *_CV_TAKES.get(kind, ())}
        for word in sorted(self.model_fields_set - common):
            if getattr(self, word) is not None:
                raise ValueError(_misplaced(word, kind))
        if self.range is not None and not (len(self.range) == 2 and self.range[0] < self.range[1]):
            raise ValueError("range needs two rising numbers")
        return self


def _misplaced(word: str, kind: str) -> str:
    if word in ("period", "range"):
        owners = " or for those of type 'force' and 'combination'" if word == "period" else ""
        return f"period and range are for CVs given by python{owners}; a {kind} has its own"
    owners = ", ".join(repr(kind) for kind in _CV_NEEDS if word in (*_CV_NEEDS[kind], *_CV_TAKES.get(kind, ())))
    return f"{word} is for CVs of type {owners}"


class PathSection(_Section):
    """The steered paths."""

    kernel: Literal["restraint", "euler", "mala", "mala-coin", "langevin", "constrained", "none"] = "restraint"
    steps: Literal["auto"] | PositiveInt = 1000
    timestep: Positive = 0.01
    friction: Literal["auto"] | NonNegative = 0.0
    kappa: Literal["auto"] | Positive | list[Positive] = "auto"
    schedule: Literal["linear", "cosine", "auto"] = "linear"
    way: Literal["straight", "lengths"] = "straight"
    early_rejection: bool = True
    within_states: bool = True


class FlowSection(_Section):
    """The learned flow; hidden layers' widths and bins of its splines are those of docs/flow.md."""

    transforms: PositiveInt = 3
    hidden: Annotated[list[PositiveInt], Field(min_length=1)] = [32, 32]
    bins: Annotated[int, Field(ge=2)] = 8
    epsilon: Annotated[float, Field(gt=0, lt=1)] = 0.05
    retrain_every: PositiveInt = 50


class ProposalSection(_Section):
    """A fixed mixture of Gaussians in place of the flow."""

    means: list[list[float]]
    sigmas: list[list[Positive]]
    weights: list[NonNegative]


class Config(_Section):
    """Everything a run is told."""

    run: RunSection = RunSection()
    system: SystemSection
    engine: EngineSection = EngineSection()
    cv: list[CvSection] = []
    path: PathSection = PathSection()
    flow: FlowSection | None = None
    proposal: ProposalSection | None = None
    states: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_proposal(self) -> "Config":
        if self.flow is not None and self.proposal is not None:
            raise ValueError("give [flow] or [proposal], not both")
        return self

    def to_toml(self) -> str:
        """Write every setting that has a value, defaults included."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


def load(path: Path, overrides: list[str] | None = None) -> Config:
    """Read a config file, with overrides of the form ``section.key=value`` (the value in TOML).

    Raises:
        ConfigError: the file cannot be read, does not parse, or holds what is unknown or out of range.
    """
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    for override in overrides or []:
        _override(values, override)
    return parse(values, str(path))


def parse(values: dict[str, Any], source: str) -> Config:
    """Check a config given as nested dicts.

    Raises:
        ConfigError: it holds what is unknown or out of range; the first fault, in one line.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_one_line(error)}") from error


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    *sections, last = key.strip().split(".")
    if not equals or not sections or not last:
        raise ConfigError(f"--set {override}: write --set section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {override}: {section} is not a section")
    values[last] = value


def _one_line(error: ValidationError) -> str:
    """The first fault, with the place and the mend."""
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        known = _known_keys(fault["loc"][:-1])
        close = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        return f"unknown key {place}; " + (f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}")
    if fault["type"] == "missing":
        return f"{place} is missing"
    got = "" if isinstance(fault["input"], dict) else f", got {fault['input']!r}"
    return f"{place}: {message}{got}" if place else message


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "run": RunSection,
        "system": SystemSection,
        "engine": EngineSection,
        "cv": CvSection,
        "path": PathSection,
        "flow": FlowSection,
        "proposal": ProposalSection,
    }
    model = sections[str(location[0])] if location else Config
    return list(model.model_fields)
