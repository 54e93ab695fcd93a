"""Which kernels are known to be exact: those that the one-jump test has passed through, with mutants that it caught."""

from cvflow.core.frames import Exactness
from cvflow.engines.batch.kernels.base import RelaxationKernel
from cvflow.engines.batch.kernels.constrained import ConstrainedLangevin
from cvflow.engines.batch.kernels.identity import Identity
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.kernels.local import GeneralisedHybrid, MalaWalk
from cvflow.engines.batch.kernels.mala import CoinMala, SymmetricMala
from cvflow.engines.batch.kernels.overdamped import EulerMaruyama
from cvflow.engines.batch.kernels.restraint import SoftRestraint

PROVEN: frozenset[type[RelaxationKernel]] = frozenset(
    {
        CoinMala,
        ConstrainedLangevin,
        EulerMaruyama,
        GeneralisedHybrid,
        Identity,
        MalaWalk,
        SoftRestraint,
        SymmetricMala,
        UnderdampedLangevin,
    }
)
"""docs/exactness.md has their figures; `tests/engines/batch/test_exactness.py` holds this list against its cases."""


def exactness_of(kernel: RelaxationKernel) -> Exactness:
    """Whether paths or Metropolised moves of a kernel leave the target distribution as it is, and why (not)."""
    if type(kernel) in PROVEN:
        return Exactness(True, "paths are accepted by their path ratio, local moves are Metropolised")
    name = type(kernel).__name__
    return Exactness(False, f"the one-jump stationarity test has not passed through the kernel {name}")
