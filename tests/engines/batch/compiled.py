"""Whether compiled blocks give the paths of eager ones; a process of its own, as compiled code checks no types.

python -m tests.engines.batch.compiled
"""

import numpy as np
import torch

from cvflow.core.schedule import Cosine
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.paths import BatchPath, Paths
from tests.engines.batch.targets import MINI

LENGTHS = np.array([3, 7, 1, 8, 12, 9])
BLOCK = 2
COUNTS = (BLOCK + 1, 2, 6, 5)
"""Chains a call, among them as many as a block has points and as a configuration has numbers: sizes that are equal by
chance when the program is made must not be taken for one."""


def paths(compiled: bool) -> Paths:
    kernel = UnderdampedLangevin(MINI.potential, MINI.cv, MINI.kT, 0.2, 1.0)
    return Paths(kernel, Cosine(), block=BLOCK, compiled=compiled)


def path(driver: Paths, chains: int) -> BatchPath:
    x = MINI.configurations(2 * chains)
    start, end = MINI.cv.value(x).chunk(2)
    return driver.drive(x[:chains], start, end, LENGTHS[:chains], torch.Generator().manual_seed(0))


def main() -> None:
    """Raises: AssertionError: they differ by more than rounding."""
    eager, compiled = paths(False), paths(True)
    for chains in COUNTS:
        for right, found in zip(path(eager, chains), path(compiled, chains), strict=True):
            torch.testing.assert_close(found, right, rtol=1e-9, atol=1e-9, equal_nan=True)
    print("equal")


if __name__ == "__main__":
    main()
