"""What all CVs' words in the config have in common, and the CV that they make."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import PlainValidator
from pydantic.fields import FieldInfo

from cvflow.config.section import Positive, Section
from cvflow.cv import CollectiveVariable
from cvflow.cv.selection import group


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

    Attributes:
        name: used in [states], COLVAR, fes.dat and figures.
        unit: for labels; native CVs have their own.
    """

    makes: ClassVar[type | None] = None
    """The class of the CV; none where no molecule has one."""

    typed: ClassVar[bool] = True
    """Whether its type is written, and not known by another word."""

    name: str
    type: str
    unit: str | None = None

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
        return cls.model_validate({"type": kind_of(cls)} | {word: as_word(value) for word, value in fields.items()})

    @property
    def terms(self) -> "list[CvSection]":
        """CVs that this one is made of."""
        return []

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that it needs."""
        return ()


class AtomsSection(CvSection):
    """A CV of some atoms, with nearest images in a periodic box unless it is told not to take any.

    Attributes:
        periodic: whether distances are those of nearest images; in a periodic box they are, unless said.
    """

    periodic: bool | None = None


def kind_of(section: type[CvSection]) -> str:
    """The type that the words are of."""
    return str(get_args(section.model_fields["type"].annotation)[0])


def _as_data(word: FieldInfo, value: Any) -> Any:
    """A word's value as a CV has it."""
    if word.annotation == GivenAtoms:
        return group(value)
    return tuple(value) if isinstance(value, list) else value


def as_word(value: Any) -> Any:
    """The same back: no weights are no word, and neither is what a CV is anyway."""
    if isinstance(value, tuple):
        return [as_word(each) for each in value] or None
    return None if value is True else value
