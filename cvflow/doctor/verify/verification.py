"""What `cvflow verify` runs on a platform of this machine, and the certificate that comes of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import openmm

from cvflow.doctor.finding import first_line, run
from cvflow.doctor.verify import dumbbell, repetition
from cvflow.doctor.verify.one_jump import (
    ACCEPTANCE_MUTANTS,
    DUMBBELL,
    Case,
    PerDraw,
    Sample,
    jumps,
    local_moves,
    log_ratios,
    unadjusted,
)
from cvflow.doctor.verify.wrong_motion import LateOpenMM
from cvflow.engines.openmm import OpenMMEngine
from cvflow.engines.openmm.certificates import Certificate, Judged, versions_here
from cvflow.engines.openmm.platforms import PlatformInUse, Properties, installed, properties
from cvflow.proposals import GaussianMixture

LogRatios = Callable[[Sample], PerDraw]
"""Which paths are accepted: log ratios of them."""


@dataclass(frozen=True)
class Law:
    """A test, and the errors made on purpose that it must catch.

    Attributes:
        name: of the test.
        case: the setting of the kernel.
        sample: what applies the kernel to exact draws.
        decisions: wrong acceptances of the same paths.
        engines: wrong paths, each with the number of draws that shows it.
    """

    name: str
    case: Case
    sample: Callable[[Case], Sample] = jumps
    decisions: Mapping[str, LogRatios] = field(default_factory=dict)
    engines: Mapping[str, tuple[type[OpenMMEngine], int]] = field(default_factory=dict)


def heat_as_work(sample: Sample) -> PerDraw:
    """The acceptance with W = βΔH."""
    return log_ratios(sample, work=sample.work + sample.heat)


WORSE_FLOW = replace(DUMBBELL, flow=GaussianMixture(((2.1,), (2.6,)), ((0.5,), (0.25,)), (0.2, 0.8)))
"""The dumbbell with a proposal whose weights count for more: what leaves them out shows with fewer draws."""

LAWS = (
    Law(
        "one coarse step",
        Case(steps=1, timestep=0.32, kappa=20.0, draws=50_000, target=WORSE_FLOW),
        decisions=ACCEPTANCE_MUTANTS,
        engines={"velocities half a step early": (LateOpenMM, 16_000)},
    ),
    Law(
        "three steps, a force as CV",
        Case(steps=3, timestep=0.2, kappa=15.0, cv=dumbbell.force_cv(), draws=10_000),
        decisions={"sign of W": ACCEPTANCE_MUTANTS["sign of W"]},
    ),
    Law(
        "eighty steps with friction",
        Case(steps=80, timestep=0.15, kappa=15.0, friction=0.4, draws=12_000),
        decisions={"heat counted as work": heat_as_work},
    ),
    Law(
        "local moves",
        Case(steps=10, timestep=0.36, kappa=1.0, draws=10_000),
        sample=local_moves,
        decisions={"not Metropolised": unadjusted},
    ),
)  # fmt: skip


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
        return self.of(LAWS[0].case).build().in_use


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
    for name, (engine, draws) in law.engines.items():
        mutants[name] = law.sample(replace(case, engine=engine, draws=draws)).largest_z()
    return Judged(law.name, sample.largest_z() if moved else float("inf"), mutants)


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
