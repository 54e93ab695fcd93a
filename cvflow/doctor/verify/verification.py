"""What `cvflow verify` does on a platform of this machine, and the certificate that comes of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import openmm

from cvflow.doctor.finding import first_line, run
from cvflow.doctor.verify import repetition
from cvflow.doctor.verify.laws import LAWS, Law
from cvflow.doctor.verify.one_jump import Case
from cvflow.engines.openmm import OpenMMEngine
from cvflow.engines.openmm.certificates import Certificate, Judged, versions_here
from cvflow.engines.openmm.platforms import PlatformInUse, Properties, installed, properties


@dataclass(frozen=True)
class PlaceToVerify:
    """Where to verify.

    Attributes:
        platform: OpenMM's.
        properties: of it.
        devices: of it, for the workers in turn.

    Raises:
        ValueError: (by its properties) the platform cannot be used here.
    """

    platform: str
    properties: Properties
    devices: tuple[int, ...]

    def of(self, case: Case) -> Case:
        """The case in this place."""
        return replace(case, platform=self.platform, properties=self.properties, devices=self.devices)

    @cached_property
    def in_use(self) -> PlatformInUse:
        """As a context there says it."""
        engine = self.of(LAWS[0].case).build()
        assert isinstance(engine, OpenMMEngine)
        return engine.in_use


def place(platform: str | None, precision: str | None, device: int | None) -> PlaceToVerify:
    """Where to verify; on the fastest platform, unless another is named.

    Raises:
        ValueError: there is no such platform, or it does not take these.
    """
    name = platform or max(installed(), key=lambda each: openmm.Platform.getPlatform(each).getSpeed())
    devices = () if device is None else (device,)
    return PlaceToVerify(name, properties(name, precision, None, devices), devices)


def run_law(law: Law, where: PlaceToVerify) -> Judged:
    """Run one test with its mutants."""
    case = where.of(law.case)
    sample = law.sample(case)
    moved = 0.02 < sample.moved < 0.98  # else nothing is shown
    mutants = {name: sample.decided(wrong(sample)).largest_z() for name, wrong in law.decisions.items()}
    mutants |= {name: found(sample) for name, found in law.densities.items()}
    for name, (engine, draws) in law.engines.items():
        mutants[name] = law.sample(replace(case, engine=engine, draws=draws)).largest_z()
    return Judged(law.name, law.subject, sample.largest_z() if moved else float("inf"), mutants)


def run_laws(where: PlaceToVerify) -> Iterator[Judged]:
    """All of them, one after the other as they are done."""
    for law in LAWS:
        yield run_law(law, where)


def certificate(where: PlaceToVerify, done: tuple[Judged, ...]) -> Certificate:
    """Of tests that were run there, with what repeated paths do."""
    found = repetition.of_paths(where.platform, where.properties, where.devices)
    versions = versions_here() | {"driver": _driver(where.platform)}
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return Certificate(where.in_use, versions, date, done, found.repeatable, found.reversal)


def _driver(platform: str) -> str:
    """Version of NVIDIA's driver, which is the one that tells; empty where there is none."""
    if platform not in ("CUDA", "OpenCL"):
        return ""
    asked = run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    return "" if asked.returncode else first_line(asked.stdout)
