"""Whether compiled blocks give the paths of eager ones; a process of its own, as compiled code checks no types.

python -m tests.relax.compiled
"""

import numpy as np
import torch

from cvflow.path import BatchPath, Paths
from cvflow.relax.langevin import UnderdampedLangevin
from cvflow.schedule import Cosine
from tests.relax.targets import MINI

LENGTHS = np.array([3, 7, 1, 8, 12, 9])


def path(compiled: bool) -> BatchPath:
    kernel = UnderdampedLangevin(MINI.potential, MINI.cv, MINI.kT, 0.2, 1.0)
    x = MINI.configurations(12)
    start, end = MINI.cv.value(x).chunk(2)
    paths = Paths(kernel, Cosine(), block=2, compiled=compiled)
    return paths.drive(x[:6], start, end, LENGTHS, torch.Generator().manual_seed(0))


def main() -> None:
    """Raises: AssertionError: they differ by more than rounding."""
    for eager, compiled in zip(path(False), path(True), strict=True):
        torch.testing.assert_close(compiled, eager, rtol=1e-9, atol=1e-9, equal_nan=True)
    print("equal")


if __name__ == "__main__":
    main()
