"""CVs of molecules: from the config's words to objects with atoms by index."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from openmm import app

from cvflow.config.cv_words import CvSection
from cvflow.cv import CollectiveVariable, Combination, ForceCV, resolve


def cvs_from(sections: Sequence[CvSection], folder: Path, topology: app.Topology) -> tuple[CollectiveVariable, ...]:
    """The CVs that the config names.

    Raises:
        ValueError: one of them is not possible, or names atoms that the topology has not.
    """
    return tuple(resolve(section.to_cv(folder), topology) for section in sections)


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
