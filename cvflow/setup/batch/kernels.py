"""Kernels and local moves of the batch engine, by the names that `[path] kernel` and `[run] local` have."""

from collections.abc import Callable

from cvflow.config.resolved import PathSettings
from cvflow.core.frames import Exactness
from cvflow.core.schedule import Linear
from cvflow.cv.batch import SplitCV, everything_free
from cvflow.engines.batch.kernels.base import RelaxationKernel
from cvflow.engines.batch.kernels.constrained import ConstrainedLangevin
from cvflow.engines.batch.kernels.identity import Identity
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.kernels.local import GeneralisedHybrid, MalaWalk
from cvflow.engines.batch.kernels.mala import CoinMala, SymmetricMala
from cvflow.engines.batch.kernels.overdamped import EulerMaruyama
from cvflow.engines.batch.kernels.restraint import SoftRestraint
from cvflow.engines.batch.paths import Paths
from cvflow.engines.batch.system import TorchSystem
from cvflow.sampler.ensemble import EnsembleMove

FREE_FRICTION = 1.0
"""Of local moves that have one, in units of 1/(timestep · steps of a move)."""

SpringConstants = tuple[float, ...]
"""Spring constants of the restraint, one a CV; none for kernels without one."""


def kernel(system: TorchSystem, path: PathSettings, kappa: SpringConstants) -> RelaxationKernel:
    """The relaxation kernel that `[path] kernel` names.

    Raises:
        ValueError: it does not go with the CV.
    """
    return _KERNELS[path.kernel](system, path, kappa)


def local_move(name: str, system: TorchSystem, timestep: float, steps: int, compiled: bool) -> EnsembleMove:
    """The local move that `[run] local` names.

    Args:
        name: the word.
        system: the potential and the masses.
        timestep: of the move [reduced units].
        steps: time steps of a move.
        compiled: whether it goes through torch.compile.
    """
    walk, on_work, exact = _LOCAL[name](system, timestep, steps)
    return EnsembleMove(Paths(walk, Linear(), compiled=compiled), steps, on_work, exact)


def _split(system: TorchSystem, path: PathSettings) -> SplitCV:
    cv = system.cv
    if not isinstance(cv, SplitCV):
        raise ValueError(
            f"path.kernel = {path.kernel!r} needs a CV that is some of the coordinates; for any other use "
            "'restraint' or 'constrained'"
        )
    return cv


def _identity(system: TorchSystem, path: PathSettings, kappa: SpringConstants) -> Identity:
    return Identity(system.potential, _split(system, path), system.kT)


def _euler(system: TorchSystem, path: PathSettings, kappa: SpringConstants) -> EulerMaruyama:
    return EulerMaruyama(system.potential, _split(system, path), system.kT, path.timestep)


def _mala(system: TorchSystem, path: PathSettings, kappa: SpringConstants) -> SymmetricMala:
    return SymmetricMala(system.potential, _split(system, path), system.kT, path.timestep)


def _mala_coin(system: TorchSystem, path: PathSettings, kappa: SpringConstants) -> CoinMala:
    return CoinMala(system.potential, _split(system, path), system.kT, path.timestep)


def _langevin(system: TorchSystem, path: PathSettings, kappa: SpringConstants) -> UnderdampedLangevin:
    held = _split(system, path)
    return UnderdampedLangevin(system.potential, held, system.kT, path.timestep, path.friction, system.masses)


def _constrained(system: TorchSystem, path: PathSettings, kappa: SpringConstants) -> ConstrainedLangevin:
    return ConstrainedLangevin(
        system.potential, system.cv, system.kT, path.timestep, path.friction, system.masses, system.solver
    )


def _restraint(system: TorchSystem, path: PathSettings, kappa: SpringConstants) -> SoftRestraint:
    return SoftRestraint(system.potential, system.cv, system.kT, path.timestep, kappa, path.friction, system.masses)


_KERNELS: dict[str, Callable[[TorchSystem, PathSettings, SpringConstants], RelaxationKernel]] = {
    "none": _identity,
    "euler": _euler,
    "mala": _mala,
    "mala-coin": _mala_coin,
    "langevin": _langevin,
    "constrained": _constrained,
    "restraint": _restraint,
}

_Walk = tuple[RelaxationKernel, bool, Exactness]
"""What makes the steps of a local move, whether it is accepted on its work, and whether it is exact."""

_METROPOLISED = Exactness(True, "local moves are Metropolised")
_BIASED = Exactness(False, "local moves are unadjusted Langevin dynamics, biased by the time step")


def _free_langevin(system: TorchSystem, timestep: float, friction: float) -> UnderdampedLangevin:
    free = everything_free(system.potential.dof)
    return UnderdampedLangevin(system.potential, free, system.kT, timestep, friction, system.masses)


def _hmc_move(system: TorchSystem, timestep: float, steps: int) -> _Walk:
    return _free_langevin(system, timestep, 0.0), True, _METROPOLISED


def _mala_move(system: TorchSystem, timestep: float, steps: int) -> _Walk:
    return MalaWalk(system.potential, system.kT, timestep), False, _METROPOLISED


def _ghmc_move(system: TorchSystem, timestep: float, steps: int) -> _Walk:
    friction = FREE_FRICTION / (timestep * steps)
    walk = GeneralisedHybrid(system.potential, system.kT, timestep, friction, system.masses)
    return walk, False, _METROPOLISED


def _langevin_move(system: TorchSystem, timestep: float, steps: int) -> _Walk:
    return _free_langevin(system, timestep, FREE_FRICTION / (timestep * steps)), False, _BIASED


_LOCAL: dict[str, Callable[[TorchSystem, float, int], _Walk]] = {
    "hmc": _hmc_move,
    "mala": _mala_move,
    "ghmc": _ghmc_move,
    "langevin": _langevin_move,
}
