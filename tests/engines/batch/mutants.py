"""The mutants: each a right case and the same case with one thing wrong, which the one-jump test must catch.

The target of each is the smallest found for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from cvflow.cv.batch import everything_free
from cvflow.engines.batch.kernels.base import RelaxationKernel
from cvflow.engines.batch.kernels.constrained import ConstrainedLangevin
from cvflow.engines.batch.kernels.identity import Identity
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.kernels.mala import CoinMala, SymmetricMala
from cvflow.engines.batch.kernels.overdamped import EulerMaruyama
from cvflow.engines.batch.kernels.restraint import SoftRestraint
from cvflow.engines.batch.paths import Paths
from cvflow.proposals.labelled import LabelledProposal
from cvflow.sampler.cv_jump import CVJump
from cvflow.sampler.ensemble import EnsembleMove
from tests.engines.batch import wrong_curved, wrong_moves, wrong_split
from tests.engines.batch.cases import (
    GHMC,
    HMC,
    HMC_FRICTION,
    LINEAR,
    LOW_AND_HIGH,
    MALA,
    given_up,
    interim_free_energy,
    jump,
    local,
    setting,
)
from tests.engines.batch.circles import CIRCLE, CYLINDER
from tests.engines.batch.labels import (
    THREE,
    TWO,
    AlwaysElsewhere,
    DensityOfTheLabel,
    LabelOfTheRegion,
    labelled,
)
from tests.engines.batch.stationarity import Case, Jump
from tests.engines.batch.systems import ANGLE, ELLIPSOID, TUNNEL
from tests.engines.batch.targets import BALL, MINI, PAIR, Target
from tests.engines.mutants import Quadratic, SkippedWhereItIs


@dataclass(frozen=True)
class Mutant:
    """One error.

    Attributes:
        error: what is wrong.
        right: the case without it.
        wrong: the case with it.
    """

    error: str
    right: Case
    wrong: Case


def _right(name: str, kernel: RelaxationKernel, target: Target, steps: int, **more) -> Case:
    timestep = f", dt {kernel.timestep:g}" if kernel.relaxes else ""
    twice = ", two jumps" if more.get("moves", 1) > 1 else ""
    return Case(name, f"{setting(steps, LINEAR)}{timestep}{twice}", target, jump(kernel, target, steps), **more)


def _wrong(error: str, right: Case, **changes) -> Mutant:
    return Mutant(error, right, replace(right, setting=f"{right.setting}: {error}", **changes))


def _formula(error: str, right: Case, acceptance: Callable) -> Mutant:
    return _wrong(error, right, acceptance=acceptance)


def _kernel(error: str, right: Case, kind: type[RelaxationKernel], **changes) -> Mutant:
    """Another class of kernel with the same settings."""
    old = right.move.paths.kernel
    settings = {item.name: getattr(old, item.name) for item in fields(old) if item.init} | changes
    return _paths(error, right, kernel=kind(**settings))


def _paths(error: str, right: Case, **changes) -> Mutant:
    return _wrong(error, right, move=replace(right.move, paths=replace(right.move.paths, **changes)))


def _jump(error: str, right: Case, kind: type[Jump]) -> Mutant:
    return _wrong(error, right, move=kind(right.move.paths, right.move.steps, right.move.span))


def _proposal(error: str, right: Case, kind: type[CVJump]) -> Mutant:
    return _wrong(error, right, move=replace(right.move, kind=kind))


def _move(error: str, right: Case, move: EnsembleMove) -> Mutant:
    return _wrong(error, right, move=move)


def _steered(target: Target, timestep: float, friction: float = 0.0) -> UnderdampedLangevin:
    return UnderdampedLangevin(target.potential, target.cv, target.kT, timestep, friction, target.masses)


def _constrained(target: Target, timestep: float, friction: float = 0.0) -> ConstrainedLangevin:
    return ConstrainedLangevin(target.potential, target.cv, target.kT, timestep, friction, target.masses, target.solver)


def _restrained(target: Target, timestep: float, kappa: float, friction: float = 0.0) -> SoftRestraint:
    return SoftRestraint(target.potential, target.cv, target.kT, timestep, (kappa,), friction, target.masses)


_ON_CYLINDER = Identity(CYLINDER.potential, CYLINDER.cv, CYLINDER.kT)
K0 = _right("K0", _ON_CYLINDER, CYLINDER, 1)
K0_TWICE = _right("K0", _ON_CYLINDER, CYLINDER, 1, moves=2)
K1 = _right("K1", EulerMaruyama(MINI.potential, MINI.cv, 1.0, 0.3), MINI, 1)
K1_LONGER = _right("K1", EulerMaruyama(MINI.potential, MINI.cv, 1.0, 0.3), MINI, 3)
K2_SYMMETRIC = _right("K2 symmetric", SymmetricMala(MINI.potential, MINI.cv, 1.0, 0.3), MINI, 1)
K2 = _right("K2 coin", CoinMala(MINI.potential, MINI.cv, 1.0, 0.3), MINI, 1)
K3 = _right("K3", _steered(MINI, 0.7), MINI, 6)
K3_WARM = _right("K3", _steered(TUNNEL, 0.5), TUNNEL, 1)
K3_FRICTION = _right("K3, γ > 0", _steered(MINI, 0.5, 4.0), MINI, 2)
K4_ANGLE = _right("K4", _constrained(ANGLE, 0.12), ANGLE, 3, draws=50_000)
K4_ONE_STEP = _right("K4", _constrained(ANGLE, 0.15), ANGLE, 1, draws=50_000)
K4_FRICTION = _right("K4, γ > 0", _constrained(ANGLE, 0.12, 3.0), ANGLE, 1)
K4_ELLIPSOID = _right("K4", _constrained(ELLIPSOID, 0.85), ELLIPSOID, 1)
K4_SHORT_STEP = _right("K4", _constrained(ELLIPSOID, 0.3), ELLIPSOID, 1)
K4_FAILURES = _right("K4", _constrained(PAIR, 0.6), PAIR, 1)
K5 = _right("K5", _restrained(ELLIPSOID, 0.28, 15.0), ELLIPSOID, 1, draws=200_000)
K5_SHORT_STEP = _right("K5", _restrained(ELLIPSOID, 0.15, 15.0), ELLIPSOID, 1)
K5_FRICTION = _right("K5, γ > 0", _restrained(ELLIPSOID, 0.28, 15.0, 1.0), ELLIPSOID, 1, draws=200_000)
K5_SOFT = _right("K5", _restrained(BALL, 1.0, 0.5), BALL, 1)
K5_CIRCLE = _right("K5", _restrained(CIRCLE, 0.2, 6.0), CIRCLE, 1)

K3_LOOKS = Case("K3", "N = 20, given up early", MINI, given_up(_steered(MINI, 0.5), 20, 4))
_FLAT, _LEANING = interim_free_energy(0.0), interim_free_energy(1.5, 1.8)
_LEANING.profiles[1, 0] = _LEANING.profiles[0, 1]
K3_ODD = Case(
    "K3",
    "N = 6, given up early",
    MINI,
    given_up(_steered(MINI, 0.7), 6, 4, interim_free_energy=_FLAT),
    draws=200_000,
)
_WEAK = Paths(_restrained(MINI, 0.6, 0.2), LINEAR, block=1)
K5_SKIPS = Case(
    "K5",
    "N = 1, dt 0.6, κ 0.2, between states alone",
    MINI,
    Jump(_WEAK, 1, MINI.span, more={"skips": LOW_AND_HIGH}),
)

K0_LABELS = _right("K0", Identity(MINI.potential, MINI.cv, 1.0), MINI, 1, proposal=labelled(TWO))
K0_LABELS = replace(K0_LABELS, setting="N = 1, labels")
K3_LABELS = replace(_right("K3", _steered(MINI, 0.5), MINI, 3, proposal=labelled(THREE)), setting="N = 3, three labels")


def _label(error: str, right: Case, kind: type[LabelledProposal], parts: dict) -> Mutant:
    return _wrong(error, right, proposal=labelled(parts, kind=kind))


MUTANTS = (
    _label("label always another one", K0_LABELS, AlwaysElsewhere, TWO),
    _label("label always another one", K3_LABELS, AlwaysElsewhere, THREE),
    _label("log q of the label", K0_LABELS, DensityOfTheLabel, TWO),
    _label("log q of the label", K3_LABELS, DensityOfTheLabel, THREE),
    _label("label of the region, not of the densities", K0_LABELS, LabelOfTheRegion, TWO),
    _proposal("given up by another number", K3_LOOKS, wrong_moves.DecidedTwice),
    _proposal("a cap on the work so far", K3_LOOKS, wrong_moves.CapOnTheWork),
    _wrong(
        "barrier not the same backwards",
        K3_LOOKS,
        move=given_up(_steered(MINI, 0.5), 20, 4, interim_free_energy=_LEANING),
    ),
    _proposal("looks at other steps backwards", K3_ODD, wrong_moves.OneWayLooks),
    _proposal("a skip judged by ξ(x)", K5_SKIPS, SkippedWhereItIs),
    _formula("log q of the start dropped", K3, wrong_moves.no_reverse_density),
    _formula("both log q left out", K3, wrong_moves.no_densities),
    _formula("sign of W", K3, wrong_moves.wrong_sign),
    _paths("schedule t²", K3, schedule=Quadratic()),
    _jump("a rejected jump tried again", K1_LONGER, wrong_moves.RetriedRejections),
    _wrong("unwrapped q", K0, proposal=wrong_moves.UnwrappedDensity(CYLINDER.proposal)),
    _wrong("unwrapped q", K0_TWICE, proposal=wrong_moves.UnwrappedDensity(CYLINDER.proposal)),
    _kernel("the arc's far end kept", K0_TWICE, Identity, cv=wrong_split.FarEnd()),
    _kernel("gradient at the new z twice", K1, wrong_split.NewGradientTwice),
    _kernel("gradient at the old z twice", K1, wrong_split.OldGradientTwice),
    _kernel("not relaxed at the first point", K2_SYMMETRIC, wrong_split.UnrelaxedStart),
    _kernel("relaxation counted as work", K2_SYMMETRIC, wrong_split.RelaxationAsWork),
    _kernel("switch always first", K2, wrong_split.SwitchFirstMala),
    _kernel("switch always last", K2, wrong_split.SwitchLastMala),
    _kernel("protocol work only", K3, wrong_split.ProtocolWorkOnly),
    _kernel("momenta drawn without kT", K3_WARM, wrong_split.ForgetsTemperature),
    _kernel("heat counted as work", K3_FRICTION, wrong_split.HeatAsWork),
    _kernel("no Fixman term", K4_ANGLE, wrong_curved.NoFixman),
    _kernel("full kinetic energy", K4_ONE_STEP, wrong_curved.FullKineticEnergy),
    _kernel("no reverse check", K4_ELLIPSOID, wrong_curved.NoReverseCheck),
    _jump("a failed path tried again", K4_FAILURES, wrong_moves.RetriedFailures),
    _kernel("first momenta not tangential", K4_SHORT_STEP, wrong_curved.LooseMomentum),
    _kernel("refreshed momenta not tangential", K4_FRICTION, wrong_curved.LooseNoise),
    _kernel("λ moved before the step", K5, wrong_curved.SwitchFirst),
    _kernel("half-step velocities, kick first", K5_SHORT_STEP, wrong_curved.HalfStepVelocities),
    _kernel("half-step velocities, drift first", K5_SHORT_STEP, wrong_curved.DriftFirst),
    _kernel("protocol work for the work", K5, wrong_curved.ProtocolWorkAlone),
    _proposal("λ at ξ(x), not drawn", K5, wrong_moves.CentreAtTheCV),
    _proposal("a distance's λ kept positive", K5_SOFT, wrong_moves.CutCentre),
    _kernel("unwrapped distance to λ", K5_CIRCLE, wrong_curved.UnwrappedDistance),
    _kernel("heat counted as work", K5_FRICTION, wrong_curved.RestraintHeatAsWork),
    _move("not Metropolised", MALA, local(EulerMaruyama(MINI.potential, everything_free(2), 1.0, 0.3), 10, False)),
    _move("not Metropolised", HMC, replace(HMC.move, on_work=False)),
    _move("not Metropolised", HMC_FRICTION, replace(HMC_FRICTION.move, on_work=False)),
    _kernel("no turn after a rejection", GHMC, wrong_split.KeepsMomentum),
)
