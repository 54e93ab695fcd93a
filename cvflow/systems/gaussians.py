"""What targets of two Gaussians share: the density of one of them, and starts on its side of a plane."""

from math import log, pi

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def log_gaussian(x: Float[Tensor, "chains dim"], mean: float, sigma: Float[Tensor, " dim"]) -> Float[Tensor, " chains"]:
    """Log density of N(mean (1, …, 1), diag sigma²) at each chain."""
    scaled = (x - mean) / sigma
    return -(scaled * scaled / 2 + torch.log(sigma)).sum(dim=1) - len(sigma) * log(2 * pi) / 2


def on_side(
    x: Float[np.ndarray, "count dim"], normal: Float[np.ndarray, " dim"], sign: float
) -> Float[np.ndarray, "count dim"]:
    """Points on one side of the plane through the origin, by mirroring the others; `normal` has length 1."""
    across = x @ normal
    return np.asarray(x - 2 * np.where(sign * across < 0, across, 0.0)[:, None] * normal)
