"""The right kernels on every target they apply to: what the tests run, and what the table lists."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

import numpy as np
import torch

from cvflow.core.early_rejection import PROGRESS
from cvflow.core.frames import Exactness
from cvflow.core.schedule import Cosine, Linear, Schedule
from cvflow.core.states import States
from cvflow.cv.batch import everything_free
from cvflow.engines.batch.kernels.base import RelaxationKernel
from cvflow.engines.batch.kernels.constrained import ConstrainedLangevin
from cvflow.engines.batch.kernels.identity import Identity
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.kernels.local import GeneralisedHybrid, MalaWalk
from cvflow.engines.batch.kernels.mala import CoinMala, SymmetricMala
from cvflow.engines.batch.kernels.overdamped import EulerMaruyama
from cvflow.engines.batch.kernels.restraint import SoftRestraint
from cvflow.engines.batch.paths import Paths
from cvflow.proposals import GaussianMixture
from cvflow.sampler.cv_jump import CVJump
from cvflow.sampler.ensemble import EnsembleMove
from cvflow.sampler.interim_free_energy import InterimFreeEnergy, ProgressCoordinate
from tests.engines.batch import systems
from tests.engines.batch.circles import CIRCLE, CYLINDER
from tests.engines.batch.labels import ON_A_CIRCLE, THREE, TWO, labelled
from tests.engines.batch.stationarity import Case, Jump
from tests.engines.batch.targets import MINI, MINI_ALL, MINI_RANGE, MINI_WALLED, PAIR, PAIR_QUADRATIC, Target

LINEAR, COSINE = Linear(), Cosine()


@dataclass(frozen=True)
class Steps:
    """How the kernels are set on a target: time steps, coarse on purpose, and steps of a path over its span.

    Without an overdamped step the CV, or its masses, do not let configurations be split.
    """

    target: Target
    overdamped: float
    inertial: float
    restrained: float
    kappa: tuple[float, ...]
    friction: float = 1.5
    path: int = 3
    both_frictions: bool = False


ON_MINI = Steps(MINI, 0.3, 0.5, 0.28, (15.0,))
SPLIT = (
    Steps(CYLINDER, 0.1, 0.25, 0.2, (6.0,)),
    Steps(systems.TUNNEL, 0.15, 0.5, 0.3, (3.0,)),
    Steps(systems.PHI4, 0.006, 0.12, 0.1, (15.0,)),
    Steps(systems.PHI4_FIELD, 0.006, 0.12, 0.1, (15.0,)),
    Steps(systems.MIXTURE, 0.3, 0.6, 0.4, (4.0,)),
)
CURVED = (
    Steps(CIRCLE, 0.0, 0.2, 0.2, (6.0,)),
    Steps(systems.ELLIPSOID, 0.0, 0.3, 0.28, (15.0,), both_frictions=True),
    Steps(systems.ANGLE, 0.0, 0.12, 0.12, (15.0,), both_frictions=True),
    Steps(systems.TORSION, 0.0, 0.06, 0.06, (6.0,)),
    Steps(systems.TWO_DISTANCES, 0.0, 0.2, 0.2, (15.0, 15.0), path=1),
    Steps(systems.PHI4_MODES, 0.0, 0.35, 0.3, (6.0,)),
    Steps(PAIR, 0.0, 0.35, 0.3, (10.0,), both_frictions=True),
)
BAD_PROPOSALS = {
    "wrong weights": GaussianMixture(((0.0,), (4.0,)), ((1.0,), (1.0,)), (0.1, 0.9)),
    "too broad": GaussianMixture(((1.5,),), ((5.0,),), (1.0,)),
    "shifted": GaussianMixture(((1.2,), (5.2,)), ((1.0,), (1.0,)), (0.7, 0.3)),
}


def split_kernels(on: Steps) -> Iterator[tuple[str, RelaxationKernel]]:
    """The kernels for a CV that splits configurations."""
    potential, cv, kT = on.target.potential, on.target.cv, on.target.kT
    yield "K0", Identity(potential, cv, kT)
    yield "K1", EulerMaruyama(potential, cv, kT, on.overdamped)
    yield "K2 symmetric", SymmetricMala(potential, cv, kT, on.overdamped)
    yield "K2 coin", CoinMala(potential, cv, kT, on.overdamped)
    yield "K3", UnderdampedLangevin(potential, cv, kT, on.inertial, 0.0, on.target.masses)
    yield "K3, γ > 0", UnderdampedLangevin(potential, cv, kT, on.inertial, on.friction, on.target.masses)


def curved_kernels(on: Steps) -> Iterator[tuple[str, RelaxationKernel]]:
    """The kernels for any differentiable CV."""
    target = on.target
    for name, friction in (("", 0.0), (", γ > 0", on.friction)):
        yield f"K4{name}", constrained(on, friction)
        yield (
            f"K5{name}",
            SoftRestraint(target.potential, target.cv, target.kT, on.restrained, on.kappa, friction, target.masses),
        )


def constrained(on: Steps, friction: float) -> ConstrainedLangevin:
    target = on.target
    return ConstrainedLangevin(
        target.potential, target.cv, target.kT, on.inertial, friction, target.masses, target.solver
    )


def kernels(on: Steps) -> Iterator[tuple[str, RelaxationKernel]]:
    """All that the target has steps for."""
    if on.overdamped:
        yield from split_kernels(on)
    yield from curved_kernels(on)


def jump(kernel: RelaxationKernel, target: Target, steps: int, schedule: Schedule = LINEAR) -> Jump:
    """A path takes `steps` over the distance of the modes, and one where `steps` is one."""
    # Blocks of one step leave no chain waiting; the others are worth it for long paths.
    return Jump(Paths(kernel, schedule, block=1 if steps < 8 else 4), steps, inf if steps == 1 else target.span)


def setting(steps: int, schedule: Schedule) -> str:
    return f"N = {steps}, {type(schedule).__name__.lower()}"


def _case(name: str, kernel: RelaxationKernel, target: Target, steps: int, schedule: Schedule, **more) -> Case:
    words = setting(steps, schedule) + (", two jumps" if more.get("moves", 1) > 1 else "")
    return Case(name, words, target, jump(kernel, target, steps, schedule), **more)


def _mini() -> Iterator[Case]:
    for steps, schedule in ((1, LINEAR), (3, COSINE), (20, LINEAR)):
        for name, kernel in kernels(ON_MINI):
            if kernel.relaxes or steps == 1:
                yield _case(name, kernel, MINI, steps, schedule)
    yield _case("K0", Identity(MINI_ALL.potential, MINI_ALL.cv, MINI_ALL.kT), MINI_ALL, 1, LINEAR)
    for words, proposal in BAD_PROPOSALS.items():
        for name, kernel in kernels(ON_MINI):
            if name in ("K1", "K3", "K5"):
                case = _case(name, kernel, MINI, 3, LINEAR, proposal=proposal)
                yield replace(case, setting=f"{case.setting}, {words}")


def _failing() -> Iterator[Case]:
    """Where paths fail or are refused, the chain must stay exact."""
    for name, kernel in kernels(replace(ON_MINI, target=MINI_WALLED)):
        if name in ("K1", "K2 symmetric", "K2 coin", "K3", "K5"):
            yield _case(name, kernel, MINI_WALLED, 3, LINEAR)
    for name, kernel in curved_kernels(replace(ON_MINI, target=MINI_RANGE)):
        if name in ("K4", "K5"):
            yield _case(name, kernel, MINI_RANGE, 3, LINEAR)


def _systems() -> Iterator[Case]:
    """Kernels on the other targets. Where both would say the same, only one of the two frictions."""
    for i, on in enumerate((*SPLIT, *CURVED)):
        moves = 2 if on.target in (CYLINDER, CIRCLE) else 1
        for name, kernel in kernels(on):
            if on.both_frictions or getattr(kernel, "friction", None) in (None, (0.0, on.friction)[i % 2]):
                steps = on.path if kernel.relaxes else 1
                yield _case(name, kernel, on.target, steps, (LINEAR, COSINE)[i // 2 % 2], moves=moves)


def _quadratic() -> Iterator[Case]:
    """The closed form of the constraint on a distance, in double and single precision."""
    for name, kernel in curved_kernels(replace(CURVED[-1], target=PAIR_QUADRATIC)):
        if name.startswith("K4"):
            yield _case(name, kernel, PAIR_QUADRATIC, 3, LINEAR)
            yield _single(name, kernel, PAIR_QUADRATIC)


def _single(name: str, kernel: RelaxationKernel, target: Target) -> Case:
    case = _case(name, kernel, target, 3, LINEAR, dtype=torch.float32)
    return replace(case, setting=f"{case.setting}, float32")


def _single_precision() -> Iterator[Case]:
    for name, kernel in kernels(ON_MINI):
        if name in ("K1", "K2 symmetric", "K3"):
            yield _single(name, kernel, MINI)
    for name, kernel in curved_kernels(CURVED[1]):
        if name in ("K4", "K5, γ > 0"):
            yield _single(name, kernel, CURVED[1].target)


LOW_AND_HIGH = States({"low": "z < 2.0", "high": "z >= 2.0"}, ["z"])


def interim_free_energy(height: float, lean: float = 0.0) -> InterimFreeEnergy:
    """A parabola between the states of the mini target, with a lean; from high to low it is the same backwards."""
    coordinate = ProgressCoordinate(LOW_AND_HIGH, np.array([[0.0], [4.0]]), np.ones(1), np.full(1, inf))
    profile = 1.0 + 4 * height * PROGRESS * (1 - PROGRESS) + lean * np.sin(2 * np.pi * PROGRESS)
    profiles = np.zeros((2, 2, len(PROGRESS)))
    profiles[0, 1], profiles[1, 0] = profile, profile[::-1]
    return InterimFreeEnergy(coordinate, profiles, ~np.eye(2, dtype=bool))


def given_up(kernel: RelaxationKernel, steps: int, every: int, kind: type[CVJump] = CVJump, **more) -> Jump:
    """A jump whose paths are looked at every so many steps, with a barrier that is not the right one."""
    paths = Paths(kernel, LINEAR, block=every, patience=every)
    more.setdefault("interim_free_energy", interim_free_energy(1.5, 0.8))
    return Jump(paths, steps, MINI.span, kind, more)


def _giving_up() -> Iterator[Case]:
    """Paths that cannot be accepted any more end on their way; jumps within a state are not made."""
    for name, kernel in kernels(ON_MINI):
        if kernel.relaxes:
            yield Case(name, "N = 20, linear, given up early", MINI, given_up(kernel, 20, 4))
            if name in ("K1", "K2 coin", "K3", "K4, γ > 0"):
                move = given_up(kernel, 20, 4, skips=LOW_AND_HIGH)
                yield Case(name, "N = 20, linear, given up early, between states alone", MINI, move)


LABELLED = {
    "labels": labelled(TWO),
    "labels, and within": labelled(TWO, within=True),
    "three labels": labelled(THREE),
}


def _labelled() -> Iterator[Case]:
    """Proposals that change the label of the state; those that stay are not made, or made within the state."""
    for name, kernel in kernels(ON_MINI):
        for words in LABELLED if name == "K3" else ("labels",) if name in ("K1", "K2 coin", "K4", "K5") else ():
            case = _case(name, kernel, MINI, 20 if name == "K5" else 3, LINEAR, proposal=LABELLED[words])
            yield replace(case, setting=f"{case.setting}, {words}")
        if name == "K3":
            case = _single(name, kernel, MINI)
            yield replace(case, setting=f"{case.setting}, three labels", proposal=LABELLED["three labels"])
            for words, move in {
                "given up early": given_up(kernel, 20, 4),
                "given up early, between states alone": given_up(kernel, 20, 4, skips=LOW_AND_HIGH),
            }.items():
                yield Case(name, f"N = 20, linear, {words}, labels", MINI, move, LABELLED["labels"])
    for on in (SPLIT[0], CURVED[0]):
        for name, kernel in kernels(on):
            if name in ("K0", "K3", "K5"):
                case = _case(name, kernel, on.target, 3, LINEAR, proposal=labelled(ON_A_CIRCLE), moves=2)
                yield replace(case, setting=f"{case.setting}, labels")


def local(kernel: RelaxationKernel, steps: int, on_work: bool) -> EnsembleMove:
    return EnsembleMove(Paths(kernel, LINEAR, block=1), steps, on_work, Exactness(True, "under test"))


def _local(name: str, target: Target, kernel: RelaxationKernel, steps: int, on_work: bool = False) -> Case:
    return Case(name, f"{steps} steps, dt {kernel.timestep:g}", target, local(kernel, steps, on_work))


def _hamiltonian(target: Target, timestep: float, friction: float = 0.0) -> UnderdampedLangevin:
    return UnderdampedLangevin(
        target.potential, everything_free(target.potential.dof), target.kT, timestep, friction, target.masses
    )


MALA = _local("MALA", MINI, MalaWalk(MINI.potential, 1.0, 0.3), 10)
HMC = _local("HMC", MINI, _hamiltonian(MINI, 0.6), 5, on_work=True)
HMC_FRICTION = _local("HMC, γ > 0", MINI, _hamiltonian(MINI, 0.6, 0.5), 5, on_work=True)
GHMC = _local("GHMC", MINI, GeneralisedHybrid(MINI.potential, 1.0, 0.7, 0.5), 10)
LOCAL = (
    MALA,
    HMC,
    GHMC,
    HMC_FRICTION,
    _local("MALA", systems.ELLIPSOID, MalaWalk(systems.ELLIPSOID.potential, 1.0, 0.04), 5),
    _local("HMC", systems.ANGLE, _hamiltonian(systems.ANGLE, 0.15), 5, on_work=True),
    _local("GHMC", systems.ANGLE, GeneralisedHybrid(systems.ANGLE.potential, 0.8, 0.15, 3.0, systems.ANGLE.masses), 5),
)

CASES = (*_mini(), *_failing(), *_systems(), *_quadratic(), *_single_precision(), *_giving_up(), *_labelled(), *LOCAL)
