"""A CV for configs: it is named as a file, as users do."""

import torch


def asymmetry(x: torch.Tensor) -> torch.Tensor:
    """Difference of two distances; (chains, 3, 3) to (chains,)."""
    first, second = x[:, 1] - x[:, 0], x[:, 2] - x[:, 1]
    return torch.linalg.vector_norm(first, dim=1) - torch.linalg.vector_norm(second, dim=1)
