"""A target in the plane that is known in closed form, and nothing about it is symmetric.

p(a) = 0.3 N(-2, 0.4²) + 0.7 N(1.5, 0.7²) and b | a ~ N(a/2, 0.5²), with U = kT (1.7 - ln p) and kT = 0.5: ln Z = -1.7.
"""

from math import log, pi

import numpy as np
import torch

from cvflow.engines.batch.potential import Potential
from cvflow.explore.bridge import Bridge, GaussianReference

WEIGHT, LOG_Z, KT = 0.3, -1.7, 0.5
MEANS, WIDTHS = (-2.0, 1.5), (0.4, 0.7)


def log_density(x):
    a, b = x[:, 0], x[:, 1]
    parts = (
        log(share) - ((a - mean) / width) ** 2 / 2 - log(width)
        for share, mean, width in zip((WEIGHT, 1 - WEIGHT), MEANS, WIDTHS, strict=True)
    )
    return torch.logaddexp(*parts) - ((b - a / 2) / 0.5) ** 2 / 2 - log(0.5) - log(2 * pi)


def energy(x):
    return KT * (-LOG_Z - log_density(x))


def draw(count, seed):
    """Exact draws."""
    rng = np.random.default_rng(seed)
    first = rng.random(count) < WEIGHT
    a = np.where(first, rng.normal(MEANS[0], WIDTHS[0], count), rng.normal(MEANS[1], WIDTHS[1], count))
    return torch.tensor(np.stack([a, rng.normal(a / 2, 0.5)], axis=1))


def target(function=energy, mean=(0.5, -0.2), spread=2.2):
    reference = GaussianReference(torch.tensor(mean, dtype=torch.float64), spread)
    return Bridge(Potential(function, (2,)), KT, 1.0, reference)


def first(x):
    """Whether a configuration lies on the left, where the mode of the lesser weight is, as a number."""
    return (x[:, 0] < -0.6).double()


SHARE = 0.300875
"""Part of p there: 0.3 Φ(3.5) + 0.7 Φ(-3)."""

STARTS = torch.tensor([[1.4, 0.6], [1.6, 0.9]], dtype=torch.float64)
"""Both in the other mode."""


def generator(seed):
    return torch.Generator().manual_seed(seed)
