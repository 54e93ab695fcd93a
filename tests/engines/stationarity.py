"""What the tests of the one jump have beside those of `cvflow verify`: two more targets, and what it is to pass."""

from cvflow.doctor.verify.one_jump import Case, Target, jumps
from cvflow.engines.openmm.certificates import THRESHOLD
from tests.engines import mini, molecule

MINI = Target(mini.system, mini.exact_draws, mini.observables, mini.FLOW, mini.KT, span=4.0)
MOLECULE = Target(
    molecule.system, molecule.exact_draws, molecule.observables, molecule.BAD_FLOW, molecule.KT, 2.0,
    molecule.interim_free_energy,
)  # fmt: skip


def passes(case: Case) -> None:
    """The kernel leaves the distribution as it is, and does something."""
    sample = jumps(case)
    assert 0.05 < sample.moved < 0.95, "a kernel that never or always moves proves nothing"
    assert sample.largest_z() < THRESHOLD
