"""What the tests of the one jump have beside those of `cvflow verify`: two more targets, and what it is to pass."""

import numpy as np

from cvflow.core.state_bias import StateBias
from cvflow.doctor.verify.one_jump import Case, Target, jumps
from cvflow.engines.openmm.certificates import THRESHOLD
from tests.engines import mini, molecule

MINI = Target(mini.system, mini.exact_draws, mini.observables, mini.FLOW, mini.KT, span=4.0)
MOLECULE = Target(
    molecule.system, molecule.exact_draws, molecule.observables, molecule.BAD_FLOW, molecule.KT, 2.0,
    molecule.interim_free_energy,
)  # fmt: skip


def thinned(drawn, bias: StateBias, values, count: int, rng: np.random.Generator):
    """So many of p e^(-V) from draws of p, whose values of the bias's one CV are given."""
    weights = np.exp(-bias.of(values[:, None]))
    taken = drawn[rng.random(len(drawn)) < weights / weights.max()]
    assert len(taken) >= count
    return taken[:count]


def passes(case: Case) -> None:
    """The kernel leaves the distribution as it is, and does something."""
    sample = jumps(case)
    assert 0.05 < sample.moved < 0.95, "a kernel that never or always moves proves nothing"
    assert sample.largest_z() < THRESHOLD
