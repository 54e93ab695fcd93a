"""A kernel whose noise is a function of its own state, so that paths can be compared across batches and blocks."""

from dataclasses import dataclass

import torch

from cvflow.cv.batch import BatchCV
from cvflow.engines.batch.kernels.base import Needs, Noise, RelaxationKernel
from cvflow.engines.batch.potential import Potential


@dataclass(frozen=True)
class OwnNoise(RelaxationKernel):
    """Another kernel, fed with numbers made from each chain's configuration instead of drawn ones."""

    kernel: RelaxationKernel

    start_needs = Needs()

    @property
    def potential(self) -> Potential:
        return self.kernel.potential

    @property
    def cv(self) -> BatchCV:
        return self.kernel.cv

    @property
    def kT(self) -> float:
        return self.kernel.kT

    @property
    def holds_cv(self) -> bool:
        return self.kernel.holds_cv

    def start(self, x, z, noise):
        return self.kernel.start(x, z, _made(self.kernel.start_needs, x))

    def step(self, state, z_old, z_new, noise):
        return self.kernel.step(state, z_old, z_new, _made(self.kernel.step_needs, state.x))

    def finish(self, state, z):
        return self.kernel.finish(state, z)


def _made(needs: Needs, x: torch.Tensor) -> Noise:
    """Smooth functions of x of about the right size, so that rounding does not grow along the path."""
    normal = [
        1.4 * torch.sin(0.7 * x + 1.3 * i + torch.arange(x.shape[1], dtype=x.dtype)) for i in range(needs.normals)
    ]
    uniform = [0.5 + 0.49 * torch.sin(x.sum(dim=1) + i) for i in range(needs.uniforms)]
    return Noise(
        torch.stack(normal) if normal else x.new_zeros((0, *x.shape)),
        torch.stack(uniform) if uniform else x.new_zeros((0, len(x))),
    )
