"""Momenta of a batch: their energy, the Maxwell distribution, and refreshments in detailed balance with it."""

import torch
from torch import Tensor

from cvflow.cv.batch import Batch, Each

Masses = float | tuple[float, ...]
"""One, or one a coordinate."""


def mass_tensor(masses: Masses, like: Tensor) -> Tensor:
    """Masses as a tensor that broadcasts over (chains, dof)."""
    return torch.as_tensor(masses, dtype=like.dtype, device=like.device)


def kinetic(p: Batch, masses: Tensor) -> Each:
    """½ pᵀM⁻¹p."""
    return 0.5 * (p * p / masses).sum(dim=1)


def maxwell(masses: Masses, kT: float, normal: Batch) -> Batch:
    """Momenta from the Maxwell distribution: (M kT)^(1/2) η."""
    return (mass_tensor(masses, normal) * kT).sqrt() * normal


def ornstein_uhlenbeck(p: Batch, normal: Batch, masses: Tensor, kT: float, decay: float) -> Batch:
    """Refresh momenta: p ← c p + (1 - c²)^(1/2) (M kT)^(1/2) η, in detailed balance with the Maxwell density."""
    return decay * p + (1.0 - decay * decay) ** 0.5 * (masses * kT).sqrt() * normal
