"""A system as torch functions: what the batch engine runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from cvflow.cv.batch import BatchCV
from cvflow.engines.batch.kernels.solver import ConstraintSolver, Newton
from cvflow.engines.batch.potential import Potential

DrawStarts = Callable[[str, int, np.random.Generator], Float[np.ndarray, " count *shape"]]


@dataclass(frozen=True)
class TorchSystem:
    """A potential with its CV, states and starts.

    Attributes:
        potential: U over batches of configurations.
        cv: what is steered.
        states: named regions as expressions of the CV's components; free energies are differences from the first.
        starts: `starts(state, count, rng)` gives configurations in the named state, (count, *shape).
        kT: thermal energy, in the potential's unit.
        masses: one for all coordinates, or one a coordinate in the order of the flattened configuration.
        solver: of the position constraint, for the constrained kernel.
        name: for the report.
    """

    potential: Potential
    cv: BatchCV
    states: Mapping[str, str]
    starts: DrawStarts
    kT: float = 1.0
    masses: float | tuple[float, ...] = 1.0
    solver: ConstraintSolver = field(default_factory=Newton)
    name: str = "torch"

    def __post_init__(self) -> None:
        if not self.kT > 0:
            raise ValueError(f"kT must be positive, got {self.kT}")
        masses = np.atleast_1d(np.array(self.masses, dtype=float))
        if not (masses > 0).all() or len(masses) not in (1, self.potential.dof):
            raise ValueError(f"masses must be positive, one or one for each of the {self.potential.dof} coordinates")
