"""A CV's words in the config: what each type needs and takes, and the CV that they make."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf, isinf
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

import openmm
from pydantic import BeforeValidator, Field, PlainValidator, model_validator
from pydantic.fields import FieldInfo

from cvflow.config.references import absolute, deserialised
from cvflow.config.section import ConfigError, Finite, Positive, Section, Whole
from cvflow.cv import (
    Angle,
    Anisotropy,
    CentreDistance,
    CollectiveVariable,
    Combination,
    Coordination,
    Distance,
    ForceCV,
    Gyration,
    PlumedCV,
    TorchCV,
    Torsion,
    from_force,
    from_plumed,
    from_torch,
)
from cvflow.cv.selection import group
from cvflow.host.faults import brief
from cvflow.host.functions import NamedFunction, load_function

NOWHERE = "<memory>"
"""Stands in the config for a function that is in no file."""


def _atoms(value: object) -> object:
    members = [value] if isinstance(value, str) else value
    if not isinstance(members, list) or not all(
        isinstance(member, int | str) and not isinstance(member, bool) for member in members
    ):
        raise ValueError("atoms are a list of indices counted from 0 and selection strings, or one selection string")
    return value


GivenAtoms = list[int | str] | str
AtomList = Annotated[GivenAtoms, PlainValidator(_atoms)]
WeightList = list[Positive] | Literal["mass"] | None
PLACES = "indices counted from 0 or selection strings"


class CvSection(Section):
    """One collective variable: words that every type has, and the CV of a molecule that they make.

    Unless a type says otherwise its words are the fields of the CV's class, by the same names. What a word that cannot
    be left out means is its description, for the message where it is missing.
    """

    makes: ClassVar[type | None] = None
    """The class of the CV; none where no molecule has one."""

    name: str
    type: str
    unit: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _own_words(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        kind = _kind(cls)
        others = sorted(word for word in given if word not in cls.model_fields and given[word] is not None)
        if not all(map(_owners, others)):
            return given  # to be told that nobody knows such a word
        for word, field in cls.model_fields.items():
            if field.description and given.get(word) is None:
                raise ValueError(f"{'an' if kind[0] == 'a' else 'a'} {kind} needs {word} = {field.description}")
        if others:
            raise ValueError(_misplaced(others[0], kind))
        return given

    def to_cv(self, folder: Path) -> CollectiveVariable:
        """The CV, atoms as they are given; `folder` is what file names are relative to.

        Raises:
            ValueError: it is not possible.
        """
        assert self.makes is not None
        words = self.model_dump(exclude_none=True, exclude={"type"})
        return self.makes(**{word: _as_data(type(self).model_fields[word], words[word]) for word in words})

    @classmethod
    def from_cv(cls, cv: Any) -> "CvSection":
        """The words for a CV of the class that they make."""
        fields = {word: getattr(cv, word) for word in cls.model_fields if word != "type"}
        return cls.model_validate({"type": _kind(cls)} | {word: _as_words(value) for word, value in fields.items()})

    @property
    def terms(self) -> "list[CvSection]":
        """CVs that this one is made of."""
        return []

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that it needs."""
        return ()


class DistanceSection(CvSection):
    """A distance of two atoms."""

    makes = Distance
    type: Literal["distance"]
    atoms: AtomList = Field(description=f"[i, j], {PLACES}")


class AngleSection(CvSection):
    """An angle at the second of three atoms."""

    makes = Angle
    type: Literal["angle"]
    atoms: AtomList = Field(description=f"[i, j, k], {PLACES}")


class TorsionSection(CvSection):
    """A torsion of four atoms."""

    makes = Torsion
    type: Literal["torsion"]
    atoms: AtomList = Field(description=f"[i, j, k, l], {PLACES}")


class AnisotropySection(CvSection):
    """The relative shape anisotropy of a group."""

    makes = Anisotropy
    type: Literal["anisotropy"]
    atoms: AtomList = Field(description=f"a group, {PLACES}")


class GyrationSection(CvSection):
    """The radius of gyration of a group."""

    makes = Gyration
    type: Literal["gyration"]
    atoms: AtomList = Field(description=f"a group, {PLACES}")
    weights: WeightList = None


class CoordinationSection(CvSection):
    """The coordination number between two groups."""

    makes = Coordination
    type: Literal["coordination"]
    atoms: AtomList = Field(description="a group")
    atoms2: AtomList = Field(description="another group")
    r0: Positive = Field(description="where a pair counts one half [nm]")


class CentreDistanceSection(CvSection):
    """The distance between the centres of two groups."""

    makes = CentreDistance
    type: Literal["centre-distance"]
    atoms: AtomList = Field(description="a group")
    atoms2: AtomList = Field(description="another group")
    weights: WeightList = None
    weights2: WeightList = None


class CombinationSection(CvSection):
    """A linear combination of CVs."""

    makes = Combination
    type: Literal["combination"]
    of: "list[AnyCvSection]" = Field(description="a list of CVs")
    coefficients: list[Finite] = Field(description="a number each")
    period: Positive | None = None

    def to_cv(self, folder: Path) -> Combination:
        terms = tuple(term.to_cv(folder) for term in self.of)
        return Combination(self.name, tuple(self.coefficients), terms, self.unit or "", self.period or inf)

    @classmethod
    def from_cv(cls, cv: Combination) -> "CvSection":
        terms: list[Any] = [cv_section(term) for term in cv.terms]
        return cls(
            name=cv.name, type="combination", of=terms, coefficients=list(cv.coefficients), period=_finite(cv.period),
            unit=cv.unit,
        )  # fmt: skip

    @property
    def terms(self) -> list[CvSection]:
        return list(self.of)


class PositionsSection(CvSection):
    """The positions of some atoms, all at once."""

    type: Literal["positions"]
    atoms: AtomList = Field(description="at least four, in the order of the chain")

    def to_cv(self, folder: Path) -> CollectiveVariable:
        raise ConfigError(f"cv {self.name}: type 'positions' is no CV for others to be made of; it stands for itself")


class ForceSection(CvSection):
    """The energy of a serialised OpenMM force; a run keeps it in a file that is named after the CV."""

    makes = ForceCV
    type: Literal["force"]
    xml: str = Field(description="a file with a serialised OpenMM Force")
    period: Positive | None = None

    def to_cv(self, folder: Path) -> ForceCV:
        force = deserialised(folder / self.xml, f"cv {self.name}")
        if not isinstance(force, openmm.Force):
            raise ConfigError(f"cv {self.name}: {self.xml} holds no OpenMM Force")
        return from_force(self.name, force, self.unit or "", self.period or inf)

    @classmethod
    def from_cv(cls, cv: ForceCV) -> "CvSection":
        xml = f"cv_{cv.name}.xml"
        return cls(name=cv.name, type="force", xml=xml, period=_finite(cv.period), unit=cv.unit)

    @property
    def files(self) -> tuple[str, ...]:
        return (self.xml,)


class CoordinateSection(CvSection):
    """A coordinate of the batch engine's configurations."""

    type: Literal["coordinate"]
    index: Whole = Field(description="its place in the flattened configuration, counted from 0")

    def to_cv(self, folder: Path) -> CollectiveVariable:
        raise ConfigError(f"cv {self.name}: type 'coordinate' is for the batch engine; a molecule has atoms")


class PythonSection(CvSection):
    """A torch function, named as "file.py:function"; without a word for its type."""

    makes = TorchCV
    type: Annotated[Literal["python"], Field(exclude=True)] = "python"
    python: str
    atoms: AtomList | None = None
    period: Positive | None = None
    range: list[float] | None = None

    @model_validator(mode="after")
    def _rising(self) -> "PythonSection":
        if self.range is not None and not (len(self.range) == 2 and self.range[0] < self.range[1]):
            raise ValueError("range needs two rising numbers")
        return self

    @property
    def limits(self) -> tuple[float, float]:
        """Values that the function can take."""
        low, high = self.range or (-inf, inf)
        return low, high

    def to_cv(self, folder: Path) -> TorchCV:
        if self.python == NOWHERE:
            raise ConfigError(f"cv {self.name} was made by a Python script and is in no file: run the script again")
        if self.atoms is None:
            raise ConfigError(f"cv {self.name}: OpenMM needs atoms = those whose positions the function takes")
        function = NamedFunction(absolute(self.python, folder, f"cv {self.name}"))
        load_function(function.reference, f"cv {self.name}")
        return from_torch(self.name, function, self.atoms, self.unit or "", self.period or inf, self.limits)

    @classmethod
    def from_cv(cls, cv: TorchCV) -> "CvSection":
        return cls(
            name=cv.name, python=_reference(cv.function), atoms=list(cv.atoms), period=_finite(cv.period),
            range=None if cv.limits == (-inf, inf) else list(cv.limits), unit=cv.unit,
        )  # fmt: skip

    @property
    def files(self) -> tuple[str, ...]:
        file = self.python.rpartition(":")[0]
        return (file,) if file else ()  # what a script has made in memory has none


class PlumedSection(CvSection):
    """Lines of PLUMED with a value of the CV's name; without a word for its type.

    `period` is for external programs, whose PLUMED has told it.
    """

    makes = PlumedCV
    type: Annotated[Literal["PLUMED text"], Field(exclude=True)] = "PLUMED text"
    plumed: str
    period: Positive | None = None

    def to_cv(self, folder: Path) -> PlumedCV:
        return from_plumed(self.name, self.plumed, self.unit or "")

    @classmethod
    def from_cv(cls, cv: PlumedCV) -> "CvSection":
        return cls(name=cv.name, plumed=cv.text, unit=cv.unit)

    @property
    def files(self) -> tuple[str, ...]:
        """Full paths in the text, REFERENCE=a.pdb; PLUMED looks for them from where the program runs."""
        lines = (line.split("#")[0] for line in self.plumed.splitlines())
        values = (word.partition("=")[2] for line in lines for word in line.split())
        return tuple(str(Path(value).resolve()) for value in values if value and Path(value).is_file())


def _one_source(given: Any) -> Any:
    """The words with a type, which is not written where they are a Python function or lines of PLUMED.

    Raises:
        ValueError: they don't say what the CV is, or say it twice.
    """
    if not isinstance(given, Mapping):
        return given
    sources = [word for word in ("type", "python", "plumed") if given.get(word) is not None]
    if len(sources) != 1:
        raise ValueError(
            f'give type = one of {", ".join(_typed())}, or python = "file.py:function", '
            f'or plumed = "{str(given.get("name", "d"))[:64]}: …"'
        )
    if sources == ["type"]:
        if given["type"] not in _typed():
            raise ValueError(f"type is one of {', '.join(_typed())}, got {brief(given['type'])}")
        return given
    return {**given, "type": _kind(PythonSection if sources == ["python"] else PlumedSection)}


AnyCvSection = Annotated[
    DistanceSection
    | AngleSection
    | TorsionSection
    | AnisotropySection
    | GyrationSection
    | CoordinationSection
    | CentreDistanceSection
    | CombinationSection
    | PositionsSection
    | ForceSection
    | CoordinateSection
    | PythonSection
    | PlumedSection,
    Field(discriminator="type"),
    BeforeValidator(_one_source),
]
"""The words of any CV, by their `type`."""

CombinationSection.model_rebuild()
SECTIONS: tuple[type[CvSection], ...] = get_args(get_args(AnyCvSection)[0])


def cv_section(cv: CollectiveVariable) -> CvSection:
    """The config's words for a CV; a force CV's XML lies in a file named after it.

    Raises:
        ValueError: the config has none.
    """
    for section in SECTIONS:
        if section.makes is type(cv):
            return section.from_cv(cv)
    raise ValueError(f"CV {cv.name}: the config has no word for {type(cv).__name__}")


def with_terms(cvs: Iterable[CvSection]) -> Iterator[CvSection]:
    """All CVs of a config, the terms of combinations too."""
    for cv in cvs:
        yield cv
        yield from with_terms(cv.terms)


def known_words(kind: str) -> list[str]:
    """What a type takes, by the name that it has in the place of a fault."""
    return next(list(section.model_fields) for section in SECTIONS if _kind(section) == kind)


def _kind(section: type[CvSection]) -> str:
    """The type that the words are of."""
    return str(get_args(section.model_fields["type"].annotation)[0])


def _owners(word: str) -> list[str]:
    """Types that have a word."""
    return [_kind(section) for section in SECTIONS if word in section.model_fields]


def _typed() -> list[str]:
    """What can be written as a type."""
    return [_kind(section) for section in SECTIONS if section not in (PythonSection, PlumedSection)]


def _misplaced(word: str, kind: str) -> str:
    if word in ("period", "range"):
        owners = " or for those of type 'force' and 'combination'" if word == "period" else ""
        return f"period and range are for CVs given by python{owners}; a {kind} has its own"
    return f"{word} is for CVs of type {', '.join(repr(owner) for owner in _owners(word) if owner in _typed())}"


def _as_data(word: FieldInfo, value: Any) -> Any:
    """A word's value as a CV has it."""
    if word.annotation == GivenAtoms:
        return group(value)
    return tuple(value) if isinstance(value, list) else value


def _as_words(value: Any) -> Any:
    """The same back: no weights are no word."""
    return list(value) or None if isinstance(value, tuple) else value


def _finite(period: float) -> float | None:
    return None if isinf(period) else period


def _reference(function: Callable[..., Any]) -> str:
    """Where a later `resume` finds the function."""
    if isinstance(function, NamedFunction):
        return function.reference
    try:
        file = inspect.getsourcefile(function)
    except TypeError:  # an object that is called, such as a network
        file = None
    return f"{Path(file).resolve()}:{function.__name__}" if file and Path(file).is_file() else NOWHERE
