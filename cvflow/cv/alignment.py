"""Mean-square deviations from several structures at once, each laid on the atoms by its best rotation."""

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Positions

Frames = Float[np.ndarray, "frames atoms 3"]


def mean_square_deviations(x: Positions, centred: Frames) -> tuple[Float[np.ndarray, " frames"], Frames]:
    """Mean-square deviation [nm²] of positions from each of some structures about their centres, and its gradients.

    Source: Kabsch, Acta Cryst. A32, 922 (1976), by singular values; a proper rotation alone.
    """
    x = x - x.mean(axis=0)
    left, singular, right = np.linalg.svd(np.swapaxes(centred, 1, 2) @ x)
    proper = np.ones_like(singular)
    proper[:, 2] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    apart = x - centred @ ((left * proper[:, None]) @ right)
    return (apart**2).sum(axis=(1, 2)) / len(x), 2 / len(x) * apart
