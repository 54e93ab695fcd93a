"""Certificates of `cvflow verify`: on which of this machine's platforms the one-jump tests have passed.

A certificate holds the figures, and it is the figures that are judged. Its digest guards against accidents, and against
nobody's intent: whoever can write the file can write a digest.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import openmm

from cvflow.core.frames import Exactness
from cvflow.engines.openmm.platforms import PlatformInUse
from cvflow.host.atomic import write_whole

FORMAT = "cvflow-certificate-2"
THRESHOLD = 5.0
"""|z| from which a test has found something: what is right must stay below it, what is wrong on purpose lie above."""


class Subject(StrEnum):
    """What a test is of, and what a run needs tests of."""

    PARTICLES = "free particles"
    BONDS = "rigid bonds"
    SITES = "virtual sites"
    PULLED = "pulled positions"
    HELD = "held positions"


class Judged(NamedTuple):
    """One law, and the errors that it must catch.

    Attributes:
        name: of the law.
        subject: what it is of.
        z: largest |z| over all observables, of the engine as it is.
        mutants: the same with an error made on purpose, by what is wrong.
    """

    name: str
    subject: Subject
    z: float
    mutants: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether what is right stays and all that is wrong is caught; a number that is none passes nothing."""
        return self.z < THRESHOLD and all(z > THRESHOLD for z in self.mutants.values())


class Certificate(NamedTuple):
    """What the tests came to, and where.

    Attributes:
        in_use: platform, precision and device.
        versions: of cvflow, OpenMM and the driver.
        date: of the tests, ISO 8601.
        tests: what they came to.
        repeatable: paths were the same bit by bit in two processes and after other paths.
        reversal: |W + W_back| of a path and its reverse [kT]: what rounding makes of zero.
    """

    in_use: PlatformInUse
    versions: dict[str, str]
    date: str
    tests: tuple[Judged, ...]
    repeatable: bool
    reversal: float

    @property
    def verified(self) -> bool:
        """Whether there were tests, and all have passed."""
        return bool(self.tests) and all(test.passed for test in self.tests)

    @property
    def covers(self) -> tuple[Subject, ...]:
        """What there were tests of that have all passed."""
        failed = {test.subject for test in self.tests if not test.passed}
        return tuple(subject for subject in Subject if subject in self.tried - failed)

    @property
    def tried(self) -> frozenset[Subject]:
        """What there were tests of."""
        return frozenset(test.subject for test in self.tests)

    def of(self, subjects: Iterable[Subject]) -> "Certificate":
        """Of the tests of these subjects alone."""
        return self._replace(tests=tuple(test for test in self.tests if test.subject in subjects))

    @property
    def largest_z(self) -> float:
        """Of the engine as it is."""
        return max(test.z for test in self.tests)

    @property
    def mutants_caught(self) -> str:
        """Errors that were caught, of those that were made."""
        found = [z > THRESHOLD for test in self.tests for z in test.mutants.values()]
        return f"{sum(found)} of {len(found)}"

    @property
    def figures(self) -> str:
        """What the tests came to, in words."""
        return f"largest |z| {self.largest_z:.1f}, {self.mutants_caught} mutants caught, {self.date[:10]}"

    @property
    def command(self) -> str:
        """What makes it."""
        return verifying(self.in_use)

    @property
    def out_of_date(self) -> str:
        """Which version it is of that isn't here; empty where it is of these."""
        here = versions_here()
        return next(
            (f"it is of {name} {self.versions.get(name)}, this is {here[name]}"
             for name in here if self.versions.get(name) != here[name]), ""
        )  # fmt: skip


def versions_here() -> dict[str, str]:
    """Those that a certificate must be of: another version may compute otherwise."""
    from cvflow import __version__

    return {"cvflow": __version__, "OpenMM": openmm.Platform.getOpenMMVersion()}


def verifying(in_use: PlatformInUse) -> str:
    """The command that makes a certificate."""
    precision = f" --precision {in_use.precision}" if in_use.precision else ""
    return f"cvflow verify --platform {in_use.platform}{precision}"


def folder() -> Path:
    """Where this user's certificates lie."""
    home = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "share"
    return Path(home) / "cvflow" / "certificates"


def path_of(in_use: PlatformInUse) -> Path:
    """The file of a certificate: one for each platform, precision and device."""
    words = re.sub(r"\W+", "-", "-".join(part for part in in_use if part)).strip("-")
    return folder() / f"{words}.json"


def written(certificate: Certificate) -> str:
    """As JSON, with its digest."""
    content = {
        "format": FORMAT,
        **certificate.in_use._asdict(),
        "versions": certificate.versions,
        "date": certificate.date,
        "verified": certificate.verified,
        "covers": list(certificate.covers),
        "largest_z": certificate.largest_z,
        "mutants_caught": certificate.mutants_caught,
        "repeatable": certificate.repeatable,
        "reversal": certificate.reversal,
        "tests": [test._asdict() for test in certificate.tests],
    }
    return json.dumps(content | {"digest": _digest(content)}, indent=2, ensure_ascii=False) + "\n"


def keep(certificate: Certificate) -> Path:
    """Write it to its place, over an older one; returns the place.

    Raises:
        OSError: it cannot be written.
    """
    path = path_of(certificate.in_use)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, written(certificate))
    return path


def read(path: Path) -> Certificate:
    """The certificate in a file.

    Raises:
        ValueError: it is none, or is damaged, or was edited.
        OSError: it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        digest, form = content.pop("digest"), content["format"]
        if form == FORMAT and digest == _digest(content):
            return _certificate(content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is no certificate: {error}") from error
    if form != FORMAT:
        raise ValueError(f"{path} is of another cvflow: its format is {form}, here it is {FORMAT}")
    raise ValueError(f"{path} is damaged or was edited: its digest is another's")


def held() -> Iterator[tuple[str, str]]:
    """This user's certificates: the platform of each, none where it cannot be read, and what it says in a line."""
    for path in sorted(folder().glob("*.json")):
        try:
            found = read(path)
        except (ValueError, OSError) as error:
            yield "", f"{error}"
            continue
        covers = f"verified for {', '.join(found.covers)}" if found.covers else "NOT verified"
        state = found.out_of_date or covers
        yield found.in_use.platform, f"{found.in_use.words}: {state}, {found.figures} ({path})"


def certified(in_use: PlatformInUse, needs: frozenset[Subject]) -> Exactness:
    """Whether the tests have passed where a context computes, by this machine's certificates; and what mends it.

    Args:
        in_use: where it computes.
        needs: what the tests have to be of.
    """
    path, mend = path_of(in_use), f"run `{verifying(in_use)}`"
    if not path.exists():
        return Exactness(False, f"the one-jump test has not been run on {in_use.words} here: {mend}")
    try:
        certificate = read(path)
    except (ValueError, OSError) as error:
        return Exactness(False, f"the certificate of {in_use.words} cannot be used: {error}: {mend}")
    if certificate.in_use != in_use or certificate.out_of_date:
        why = certificate.out_of_date or f"it is of {certificate.in_use.words}"
        return Exactness(False, f"the certificate {path} is not of {in_use.words}: {why}: {mend}")
    untried = [subject for subject in Subject if subject in needs - certificate.tried]
    if untried:
        return Exactness(False, f"the certificate {path} has no test of {', '.join(untried)}: {mend}")
    failed = [subject for subject in Subject if subject in needs.difference(certificate.covers)]
    if failed:
        why = f"the one-jump test of {', '.join(failed)} has failed on {in_use.words}, as {path} says"
        return Exactness(False, why)
    of = ", ".join(subject for subject in Subject if subject in needs)
    passed = f"one-jump stationarity test of {of} passed on {in_use.words}"
    return Exactness(True, f"{passed}: certificate {path} ({certificate.of(needs).figures})")


def _certificate(content: dict[str, Any]) -> Certificate:
    where = PlatformInUse(*(str(content[name]) for name in PlatformInUse._fields))
    tests = tuple(
        Judged(str(each["name"]), Subject(each["subject"]), float(each["z"]), dict(each["mutants"]))
        for each in content["tests"]
    )
    paths = bool(content["repeatable"]), float(content["reversal"])
    return Certificate(where, dict(content["versions"]), str(content["date"]), tests, *paths)


def _digest(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return blake2b(canonical.encode(), digest_size=16).hexdigest()
