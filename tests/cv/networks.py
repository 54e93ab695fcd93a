"""Modules as users have them, in a file that a config names."""

import torch
from torch import Tensor, nn


class Descriptors(nn.Module):
    """All distances of the atoms, (chains, pairs)."""

    def forward(self, x: Tensor) -> Tensor:
        first, second = torch.triu_indices(x.shape[1], x.shape[1], 1)
        return torch.linalg.vector_norm(x[:, first] - x[:, second], dim=-1)


def network() -> nn.Module:
    """Of three atoms, with what `eval` switches off."""
    return nn.Sequential(Descriptors(), nn.BatchNorm1d(3), nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 1))


def two_outputs() -> nn.Module:
    return nn.Sequential(Descriptors(), nn.Linear(3, 2))


def no_module() -> int:
    return 3


def failing() -> nn.Module:
    raise RuntimeError("no data")


def mlcolvar_network() -> nn.Module:
    """A DeepTDA of mlcolvar on the distances of four atoms."""
    from mlcolvar.core.transform import PairwiseDistances
    from mlcolvar.cvs import DeepTDA

    cv = DeepTDA(n_states=2, n_cvs=1, target_centers=[-7.0, 7.0], target_sigmas=[0.2, 0.2], layers=[6, 12, 1])
    cv.preprocessing = PairwiseDistances(n_atoms=4, PBC=False, cell=1.0)
    return cv
