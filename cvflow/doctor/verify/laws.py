"""The tests that `cvflow verify` runs, and the errors made on purpose that each must catch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from cvflow.cv import torsion
from cvflow.doctor.verify import dumbbell, four_atoms, rigid_chain, rigid_water
from cvflow.doctor.verify.driven import DrivenCase, of_coordinates
from cvflow.doctor.verify.one_jump import (
    ACCEPTANCE_MUTANTS,
    DUMBBELL,
    Case,
    PerDraw,
    Sample,
    Target,
    jumps,
    local_moves,
    log_ratios,
    unadjusted,
)
from cvflow.doctor.verify.rigid_chain import SOFT_CHAIN, STIFF_CHAIN, RigidChain
from cvflow.doctor.verify.wrong_motion import FreeStarts, LateOpenMM, LateSites
from cvflow.engines.openmm.certificates import Subject
from cvflow.engines.verlet import VerletEngine
from cvflow.proposals import GaussianMixture

LogRatios = Callable[[Sample], PerDraw]
"""Which paths are accepted: log ratios of them."""


@dataclass(frozen=True)
class Law:
    """A test, and the errors made on purpose that it must catch.

    Attributes:
        name: of the test.
        subject: what a platform is shown to be right for.
        case: the setting of the kernel.
        sample: what applies the kernel to exact draws.
        decisions: wrong acceptances of the same paths.
        densities: largest |z| of the same moves, had the draws been of another density.
        engines: wrong paths, each with the number of draws that shows it.
    """

    name: str
    subject: Subject
    case: Case
    sample: Callable[[Case], Sample] = jumps
    decisions: Mapping[str, LogRatios] = field(default_factory=dict)
    densities: Mapping[str, Callable[[Sample], float]] = field(default_factory=dict)
    engines: Mapping[str, tuple[type[VerletEngine], int]] = field(default_factory=dict)


def heat_as_work(sample: Sample) -> PerDraw:
    """The acceptance with W = βΔH."""
    return log_ratios(sample, work=sample.work + sample.heat)


def without_metric(sample: Sample) -> float:
    """Were rigid bonds to leave exp(-U/kT) alone."""
    return rigid_chain.largest_z(sample.before, sample.after, -0.5)


def with_inverse_metric(sample: Sample) -> float:
    """Were they to leave it divided by the surface's volume in the metric of the masses."""
    return rigid_chain.largest_z(sample.before, sample.after, -1.0)


WORSE_FLOW = replace(DUMBBELL, flow=GaussianMixture(((2.1,), (2.6,)), ((0.5,), (0.25,)), (0.2, 0.8)))
"""The dumbbell with a proposal whose weights count for more: what leaves them out shows with fewer draws."""


def of_chain(chain: RigidChain, draws: int, steps: int, timestep: float) -> Case:
    """Of four atoms with rigid bonds, by their torsion."""
    target = Target(
        chain.system, chain.exact_draws, chain.observables, four_atoms.TORSION_FLOW, four_atoms.KT_AT_300, span=np.pi
    )  # fmt: skip
    return Case(steps, timestep, kappa=80.0, cv=torsion("phi", 0, 1, 2, 3), target=target, draws=draws)


def of_water(target: Target, draws: int) -> Case:
    """Of one rigid water, by the height of a hydrogen."""
    return Case(steps=12, timestep=0.006, kappa=300.0, cv=rigid_water.cv(), target=target, draws=draws)


WATER = Target(
    rigid_water.system, rigid_water.exact_draws, rigid_water.observables, rigid_water.HEIGHT_FLOW,
    four_atoms.KT_AT_300, span=1.2,
)  # fmt: skip
"""A rigid triangle, for which OpenMM has a solver of its own (SETTLE)."""

WITH_SITE = replace(WATER, system=rigid_water.system_with_site, exact_draws=rigid_water.exact_draws_with_site)

IN_THE_WORK = {name: ACCEPTANCE_MUTANTS[name] for name in ("sign of W", "shadow work left out")}

LAWS = (
    Law(
        "one coarse step",
        Subject.PARTICLES,
        Case(steps=1, timestep=0.32, kappa=20.0, draws=50_000, target=WORSE_FLOW),
        decisions=ACCEPTANCE_MUTANTS,
        engines={"velocities half a step early": (LateOpenMM, 16_000)},
    ),
    Law(
        "three steps, a force as CV",
        Subject.PARTICLES,
        Case(steps=3, timestep=0.2, kappa=15.0, cv=dumbbell.force_cv(), draws=10_000),
        decisions={"sign of W": ACCEPTANCE_MUTANTS["sign of W"]},
    ),
    Law(
        "eighty steps with friction",
        Subject.PARTICLES,
        Case(steps=80, timestep=0.15, kappa=15.0, friction=0.4, draws=12_000),
        decisions={"heat counted as work": heat_as_work},
    ),
    Law(
        "local moves",
        Subject.PARTICLES,
        Case(steps=10, timestep=0.36, kappa=1.0, draws=10_000),
        sample=local_moves,
        decisions={"not Metropolised": unadjusted},
    ),
    Law(
        "jumps of a chain whose bonds are rigid",
        Subject.BONDS,
        of_chain(STIFF_CHAIN, draws=8_000, steps=12, timestep=0.008),
        decisions=IN_THE_WORK,
        engines={"kinetic energy of velocities that bonds forbid": (FreeStarts, 16_000)},
    ),
    Law(
        "local moves of a chain whose bonds are rigid",
        Subject.BONDS,
        of_chain(SOFT_CHAIN, draws=20_000, steps=20, timestep=0.004),
        sample=local_moves,
        densities={"without the metric's determinant": without_metric, "with its inverse": with_inverse_metric},
    ),
    Law(
        "jumps of rigid water",
        Subject.BONDS,
        of_water(WATER, draws=8_000),
        decisions=IN_THE_WORK,
        engines={"kinetic energy of velocities that bonds forbid": (FreeStarts, 6_000)},
    ),
    Law(
        "jumps of rigid water with a virtual site",
        Subject.SITES,
        of_water(WITH_SITE, draws=8_000),
        decisions=IN_THE_WORK,
        engines={"energy of a site one step late": (LateSites, 16_000)},
    ),
    Law(
        "jumps of positions pulled by springs",
        Subject.PULLED,
        DrivenCase(steps=8, timestep=0.1, kappa=60.0, draws=12_000, kernel="restraint"),
        decisions={"sign of W": ACCEPTANCE_MUTANTS["sign of W"], "density of coordinates": of_coordinates},
    ),
    Law(
        "jumps of positions held on their way",
        Subject.HELD,
        DrivenCase(steps=3, timestep=0.1, kappa=0.0, draws=8_000, kernel="langevin"),
        decisions={"sign of W": ACCEPTANCE_MUTANTS["sign of W"], "density of coordinates": of_coordinates},
    ),
)  # fmt: skip
