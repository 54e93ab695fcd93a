"""Terms that the systems of the zoo share."""

from math import log

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from cvflow.cv.batch import Each

Clusters = Float[Tensor, "chains atoms dimensions"]

CENTRE_STIFFNESS = 1.0
"""Of the confinement of a molecule's centre of geometry, in kT per squared length."""


def two_modes(weight: float, first: Each, second: Each) -> Each:
    """-ln(weight e^-first + (1 - weight) e^-second)."""
    return -torch.logaddexp(log(weight) - first, log(1 - weight) - second)


def spring(value: Each, mean: Each | float, width: float) -> Each:
    """Energy [kT] of a Gaussian of that mean and standard deviation, zero at the mean."""
    scaled = (value - mean) / width
    return scaled * scaled / 2


def confinement(x: Clusters) -> Each:
    """Energy [kT] that keeps the centre of geometry near the origin, so that the density is proper."""
    centre = x.mean(dim=1)
    return CENTRE_STIFFNESS / 2 * (centre * centre).sum(dim=1)


def norm(v: Float[Tensor, "chains dimensions"]) -> Each:
    """Lengths of vectors; smooth but at zero."""
    return torch.linalg.vector_norm(v, dim=1)


def turned(shapes: Float[np.ndarray, "count atoms 3"], rng: np.random.Generator) -> Float[np.ndarray, "count atoms 3"]:
    """Molecules with their centres at the origin, each turned at random."""
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    return np.einsum("nij,naj->nai", Rotation.random(len(shapes), random_state=rng).as_matrix(), centred)
