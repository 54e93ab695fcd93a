"""A CV's words in the config: what each type needs and takes."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import PlainValidator, model_validator

from cvflow.config.section import Finite, Positive, Section, Whole


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
    "PLUMED text": ("period",),
}
"""Beyond what it needs."""


class CvSection(Section):
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
    coefficients: list[Finite] | None = None
    index: Whole | None = None
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
                f'give type = one of {", ".join(_CV_NEEDS)}, or python = "file.py:function", '
                f'or plumed = "{self.name[:64]}: …"'
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


def with_terms(cvs: Iterable[CvSection]) -> Iterator[CvSection]:
    """All CVs of a config, the terms of combinations too."""
    for cv in cvs:
        yield cv
        yield from with_terms(cv.of or ())
