"""The draw of the restraint's centre, by itself: chains hardly see a wrong one."""

import numpy as np
import torch

from cvflow.engines.batch.kernels.restraint import SoftRestraint
from tests.engines.batch.circles import CIRCLE
from tests.engines.batch.targets import Target
from tests.engines.batch.wrong_curved import WrappedNormalCentre

COUNT = 200_000
SETTINGS = (CIRCLE.potential, CIRCLE.cv, CIRCLE.kT, 0.1, (0.5,))
RIGHT, WRAPPED = SoftRestraint(*SETTINGS), WrappedNormalCentre(*SETTINGS)
ERROR = ("K5", "wrapped normal for λ", "circle", f"the draw itself, κ {SETTINGS[-1][0]:g}")


def offsets(kernel: SoftRestraint, target: Target) -> np.ndarray:
    """λ - ξ(x), brought into half a period, for one x."""
    x = target.configurations(100)[:1].expand(COUNT, -1)
    uniform = torch.rand(COUNT, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    centre = kernel.origin(x, uniform)
    assert all(bool((centre.abs() <= period / 2).all()) for period in target.cv.periods)
    return kernel.cv.wrapped(centre - kernel.cv.value(x))[:, 0].numpy()


def _square(d: np.ndarray) -> np.ndarray:
    return d**2


def largest_z(kernel: SoftRestraint, target: Target) -> float:
    """Against the normal, cut at half a period on both sides; its means come from quadrature."""
    width = (target.kT / kernel.kappa[0]) ** 0.5
    limit = min(target.cv.periods[0] / 2, 12 * width)
    d, drawn, z = np.linspace(-limit, limit, 20_001), offsets(kernel, target), []
    weight = np.exp(-0.5 * (d / width) ** 2)
    for function in (np.sin, np.cos, _square):
        exact = np.trapezoid(function(d) * weight, d) / np.trapezoid(weight, d)
        z.append((function(drawn).mean() - exact) / (function(drawn).std() / np.sqrt(len(drawn))))
    return float(np.abs(z).max())
