"""The draw of the restraint's centre, by itself: chains hardly see a wrong one."""

import numpy as np
import torch

from cvflow.core.periodic import wrapped
from cvflow.core.schedule import Linear
from cvflow.doctor.verify.one_jump import of_kind
from cvflow.engines.batch.kernels.restraint import SoftRestraint
from cvflow.engines.batch.paths import Paths
from cvflow.sampler.cv_jump import CVJump
from cvflow.sampler.ensemble import EnsembleNoise, jump_along
from tests.engines.batch.circles import CIRCLE
from tests.engines.batch.targets import Target
from tests.engines.batch.wrong_moves import WrappedNormalCentre

COUNT = 200_000
KAPPA = 0.5


def jump(target: Target, kappa: float) -> CVJump:
    """As a soft restraint has it."""
    kernel = SoftRestraint(target.potential, target.cv, target.kT, 0.1, (kappa,))
    return jump_along(Paths(kernel, Linear()), 1, np.ones(1))


RIGHT = jump(CIRCLE, KAPPA)
WRAPPED = of_kind(WrappedNormalCentre, RIGHT)
ERROR = ("K5", "wrapped normal for λ", "circle", f"the draw itself, κ {KAPPA:g}")


def offsets(jump: CVJump, target: Target) -> np.ndarray:
    """λ - ξ(x), brought into half a period, for one x."""
    value = target.cv.value(target.configurations(100)[:1].expand(COUNT, -1)).numpy()
    centre = jump.origin(value, EnsembleNoise(torch.Generator().manual_seed(3), torch.float64))
    assert (np.abs(centre) <= jump.periods / 2).all()
    return wrapped(centre - value, jump.periods)[:, 0]


def _square(d: np.ndarray) -> np.ndarray:
    return d**2


def largest_z(jump: CVJump, target: Target) -> float:
    """Against the normal, cut at half a period on both sides; its means come from quadrature."""
    width = jump.width[0]
    limit = min(target.cv.periods[0] / 2, 12 * width)
    d, drawn, z = np.linspace(-limit, limit, 20_001), offsets(jump, target), []
    weight = np.exp(-0.5 * (d / width) ** 2)
    for function in (np.sin, np.cos, _square):
        exact = np.trapezoid(function(d) * weight, d) / np.trapezoid(weight, d)
        z.append((function(drawn).mean() - exact) / (function(drawn).std() / np.sqrt(len(drawn))))
    return float(np.abs(z).max())
