"""CVs of molecules: from the config's words to objects with atoms by index, and back."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import singledispatch
from math import inf, isinf
from pathlib import Path
from typing import Any, Literal

import openmm
from openmm import app

from cvflow.config.cv_section import CvSection
from cvflow.config.settings import ConfigError
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
    Torsion,
    from_force,
    from_plumed,
    from_torch,
    resolve,
)
from cvflow.cv.selection import Group, group
from cvflow.cv.torch_function import TorchCV
from cvflow.cv.weights import Weights
from cvflow.host.functions import NamedFunction, load_function
from cvflow.setup.references import absolute, deserialised

NOWHERE = "<memory>"
"""Stands in the config for a function that is in no file."""


def cvs_from(sections: Sequence[CvSection], folder: Path, topology: app.Topology) -> tuple[CollectiveVariable, ...]:
    """The CVs that the config names.

    Raises:
        ValueError: one of them is not possible, or names atoms that the topology has not.
    """
    return tuple(resolve(_cv(section, folder), topology) for section in sections)


def force_cvs(cvs: Iterable[CollectiveVariable]) -> Iterator[ForceCV]:
    """Those given as OpenMM forces, terms of combinations too: their XML is in files beside the config."""
    for cv in cvs:
        if isinstance(cv, ForceCV):
            yield cv
        elif isinstance(cv, Combination):
            yield from force_cvs(cv.terms)


def check_force_files(cvs: Iterable[CollectiveVariable]) -> None:
    """Check that no two different forces, terms of combinations too, would be kept in the file of one name.

    Raises:
        ValueError: two would.
    """
    kept: dict[str, ForceCV] = {}
    for cv in force_cvs(cvs):
        other = kept.setdefault(cv.name.casefold(), cv)
        if other.force_xml != cv.force_xml:
            raise ValueError(f"two different forces are called {other.name} and {cv.name}: cv_{cv.name}.xml keeps one")


def _cv(section: CvSection, folder: Path) -> CollectiveVariable:
    if section.python is not None:
        return _python(section, folder)
    if section.plumed is not None:
        return from_plumed(section.name, section.plumed, section.unit or "")
    if section.type == "force":
        return _force(section, folder)
    if section.type == "combination":
        terms = tuple(_cv(term, folder) for term in section.of or [])
        return Combination(
            section.name, tuple(section.coefficients or []), terms, section.unit or "", section.period or inf
        )
    if section.type == "coordinate":
        raise ConfigError(f"cv {section.name}: type 'coordinate' is for the batch engine; a molecule has atoms")
    return _OF_ATOMS[str(section.type)](section, {} if section.unit is None else {"unit": section.unit})


def _python(section: CvSection, folder: Path) -> CollectiveVariable:
    if section.python == NOWHERE:
        raise ConfigError(f"cv {section.name} was made by a Python script and is in no file: run the script again")
    if section.atoms is None:
        raise ConfigError(f"cv {section.name}: OpenMM needs atoms = those whose positions the function takes")
    function = NamedFunction(absolute(str(section.python), folder, f"cv {section.name}"))
    load_function(function.reference, f"cv {section.name}")
    low, high = section.range or (-inf, inf)
    return from_torch(section.name, function, section.atoms, section.unit or "", section.period or inf, (low, high))


def _force(section: CvSection, folder: Path) -> ForceCV:
    force = deserialised(folder / str(section.xml), f"cv {section.name}")
    if not isinstance(force, openmm.Force):
        raise ConfigError(f"cv {section.name}: {section.xml} holds no OpenMM Force")
    return from_force(section.name, force, section.unit or "", section.period or inf)


def _weights(given: list[float] | Literal["mass"] | None) -> Weights:
    return given if isinstance(given, str) else tuple(given or ())


def _atoms(given: list[int | str] | str | None) -> Group:
    return group(given or [])


_OF_ATOMS: dict[str, Callable[[CvSection, dict[str, str]], CollectiveVariable]] = {
    "distance": lambda s, unit: Distance(s.name, _atoms(s.atoms), **unit),
    "angle": lambda s, unit: Angle(s.name, _atoms(s.atoms), **unit),
    "torsion": lambda s, unit: Torsion(s.name, _atoms(s.atoms), **unit),
    "gyration": lambda s, unit: Gyration(s.name, _atoms(s.atoms), _weights(s.weights), **unit),
    "anisotropy": lambda s, unit: Anisotropy(s.name, _atoms(s.atoms), **unit),
    "coordination": lambda s, unit: Coordination(s.name, _atoms(s.atoms), _atoms(s.atoms2), s.r0 or 0.0, **unit),
    "centre-distance": lambda s, unit: CentreDistance(
        s.name, _atoms(s.atoms), _atoms(s.atoms2), _weights(s.weights), _weights(s.weights2), **unit
    ),
}


@singledispatch
def cv_section(cv: CollectiveVariable) -> CvSection:
    """The config's words for a CV; a force CV's XML lies in a file named after it.

    Raises:
        ValueError: the config has none.
    """
    raise ValueError(f"CV {cv.name}: the config has no word for {type(cv).__name__}")


@cv_section.register(Distance)
@cv_section.register(Angle)
@cv_section.register(Torsion)
@cv_section.register(Anisotropy)
def _atoms_alone(cv: Distance | Angle | Torsion | Anisotropy) -> CvSection:
    return CvSection(name=cv.name, type=_type(cv), atoms=list(cv.atoms), unit=cv.unit)


@cv_section.register
def _gyration(cv: Gyration) -> CvSection:
    return CvSection(name=cv.name, type=_type(cv), atoms=list(cv.atoms), weights=_given(cv.weights), unit=cv.unit)


@cv_section.register
def _coordination(cv: Coordination) -> CvSection:
    return CvSection(name=cv.name, type=_type(cv), atoms=list(cv.atoms), atoms2=list(cv.atoms2), r0=cv.r0, unit=cv.unit)


@cv_section.register
def _centre_distance(cv: CentreDistance) -> CvSection:
    return CvSection(
        name=cv.name, type=_type(cv), atoms=list(cv.atoms), atoms2=list(cv.atoms2),
        weights=_given(cv.weights), weights2=_given(cv.weights2), unit=cv.unit,
    )  # fmt: skip


@cv_section.register
def _combination(cv: Combination) -> CvSection:
    return CvSection(
        name=cv.name, type="combination", of=[cv_section(term) for term in cv.terms],
        coefficients=list(cv.coefficients), unit=cv.unit, period=_finite(cv.period),
    )  # fmt: skip


@cv_section.register
def _force_section(cv: ForceCV) -> CvSection:
    return CvSection(name=cv.name, type="force", xml=f"cv_{cv.name}.xml", unit=cv.unit, period=_finite(cv.period))


@cv_section.register
def _torch_section(cv: TorchCV) -> CvSection:
    limits = None if cv.limits == (-inf, inf) else list(cv.limits)
    return CvSection(
        name=cv.name, python=_reference(cv.function), atoms=list(cv.atoms), unit=cv.unit,
        period=_finite(cv.period), range=limits,
    )  # fmt: skip


@cv_section.register
def _plumed_section(cv: PlumedCV) -> CvSection:
    return CvSection(name=cv.name, plumed=cv.text, unit=cv.unit)


_TYPES: dict[type[CollectiveVariable], Any] = {
    Distance: "distance",
    Angle: "angle",
    Torsion: "torsion",
    Anisotropy: "anisotropy",
    Gyration: "gyration",
    Coordination: "coordination",
    CentreDistance: "centre-distance",
}


def _type(cv: CollectiveVariable) -> Any:
    return _TYPES[type(cv)]


def _given(weights: Weights) -> list[float] | Literal["mass"] | None:
    return weights if isinstance(weights, str) else list(weights) or None


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
