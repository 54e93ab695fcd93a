"""A CV's words in the config, of any type, and the CV that they make."""

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from cvflow.config.cv_given import ForceSection, PlumedSection, PythonSection, finite
from cvflow.config.cv_types import (
    AlphaBetaSection,
    AngleSection,
    AnisotropySection,
    CentreDistanceSection,
    CoordinateSection,
    CoordinationSection,
    DistanceSection,
    GyrationSection,
    HelixContentSection,
    NativeContactsSection,
    PathDistanceSection,
    PathProgressSection,
    PlaneAngleSection,
    PlaneDistanceSection,
    PositionsSection,
    PuckeringAmplitudeSection,
    PuckeringCoordinateSection,
    PuckeringPhaseSection,
    PuckeringThetaSection,
    RmsdSection,
    TorsionSection,
)
from cvflow.config.cv_words import CvSection, kind_of
from cvflow.config.section import Finite, Positive
from cvflow.cv import CollectiveVariable, Combination
from cvflow.host.faults import brief


class CombinationSection(CvSection):
    """A linear combination of CVs.

    Attributes:
        period: where the combination lies on a circle, its circumference.
    """

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
            name=cv.name, type="combination", of=terms, coefficients=list(cv.coefficients), period=finite(cv.period),
            unit=cv.unit,
        )  # fmt: skip

    @property
    def terms(self) -> list[CvSection]:
        return list(self.of)


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
    return {**given, "type": kind_of(PythonSection if sources == ["python"] else PlumedSection)}


def _own_words(given: Any) -> Any:
    """Words that have all that their type needs, and no other type's.

    Raises:
        ValueError: they do not.
    """
    if not isinstance(given, Mapping):
        return given
    kind = given["type"]
    own = _of_kind(kind).model_fields
    others = sorted(word for word in given if word not in own and given[word] is not None)
    if not all(map(_owners, others)):
        return given  # to be told that nobody knows such a word
    for word, field in own.items():
        if field.description and given.get(word) is None:
            raise ValueError(f"{'an' if kind[0] == 'a' else 'a'} {kind} needs {word} = {field.description}")
    if others:
        raise ValueError(_misplaced(others[0], kind))
    return given


AnyCvSection = Annotated[
    DistanceSection
    | AngleSection
    | TorsionSection
    | AnisotropySection
    | GyrationSection
    | CoordinationSection
    | CentreDistanceSection
    | RmsdSection
    | NativeContactsSection
    | PathProgressSection
    | PathDistanceSection
    | AlphaBetaSection
    | HelixContentSection
    | PuckeringAmplitudeSection
    | PuckeringPhaseSection
    | PuckeringThetaSection
    | PuckeringCoordinateSection
    | PlaneAngleSection
    | PlaneDistanceSection
    | CombinationSection
    | PositionsSection
    | ForceSection
    | CoordinateSection
    | PythonSection
    | PlumedSection,
    Field(discriminator="type"),
    BeforeValidator(_own_words),
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
    return list(_of_kind(kind).model_fields)


def _of_kind(kind: str) -> type[CvSection]:
    """The words of a type."""
    return next(section for section in SECTIONS if kind_of(section) == kind)


def _typed() -> list[str]:
    """What can be written as a type."""
    return [kind_of(section) for section in SECTIONS if section.typed]


def _owners(word: str) -> list[str]:
    """Types that have a word."""
    return [kind_of(section) for section in SECTIONS if word in section.model_fields]


def _misplaced(word: str, kind: str) -> str:
    if word in ("period", "range"):
        owners = " or for those of type 'force' and 'combination'" if word == "period" else ""
        return f"period and range are for CVs given by python{owners}; a {kind} has its own"
    return f"{word} is for CVs of type {', '.join(repr(owner) for owner in _owners(word) if owner in _typed())}"
