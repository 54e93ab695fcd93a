"""The systems of the package as targets of the one-jump test, most of them at a thermal energy other than one."""

import numpy as np
import torch
from torch import Tensor

from cvflow.proposals import GaussianMixture
from cvflow.systems.mixture import GaussianMixtureTarget
from cvflow.systems.phi4 import Phi4
from cvflow.systems.phi4_modes import Phi4Modes
from cvflow.systems.tunnel import GaussianTunnel
from cvflow.systems.zoo import Ellipsoid, PlanarAngle, SingleTorsion, TwoDistances
from tests.engines.batch.circles import WrappedMixture
from tests.engines.batch.targets import Target, of_system
from tests.systems.exact import angle, ellipsoid, mixture, phi4, torsion, tunnel, two_distances


def _length(v: Tensor) -> Tensor:
    return torch.linalg.vector_norm(v, dim=1)


def _tunnel_rest(x: Tensor) -> dict[str, Tensor]:
    mean = 5 * torch.cos(torch.pi * x[:, 0] / 10)
    return {"narrow": x[:, 1] - mean, "wide": x[:, -1] - mean}


TUNNEL = of_system(
    GaussianTunnel(kT=1.5).system(), tunnel.draw, _tunnel_rest,
    GaussianMixture(((0.6,), (9.2,)), ((1.6,), (1.3,)), (0.6, 0.4)), span=10.0,
)  # fmt: skip


def _phi4(n: int, a: float, h: float, proposal: GaussianMixture) -> Target:
    chain = phi4.chain(n=n, a=a, h=h)

    def rest(x: Tensor) -> dict[str, Tensor]:
        steps = x[:, 1:] - x[:, :-1]
        return {"edge": x[:, 0], "middle": x[:, n // 2], "roughness": (steps * steps).sum(dim=1)}

    name = f"φ⁴ (h = {h:g})"
    return of_system(Phi4(n=n, a=a, h=h).system(), chain.draw, rest, proposal, 5.0, name)


PHI4 = _phi4(8, 0.3, 0.0, GaussianMixture(((-1.2,), (1.6,)), ((0.9,), (0.8,)), (0.65, 0.35)))
PHI4_FIELD = _phi4(8, 0.3, 0.06, GaussianMixture(((-1.2,), (1.6,)), ((0.9,), (0.8,)), (0.35, 0.65)))


def _phi4_modes(n: int, a: float, h: float) -> Target:
    """The field in its vibrations, with unequal masses: the CV is no coordinate, and cannot be split off."""
    chain, system = phi4.chain(n=n, a=a, h=h), Phi4Modes(n=n, a=a, h=h).system()
    site = np.arange(1, n + 1)
    modes = np.sqrt(2 / (n + 1)) * np.sin(np.pi * np.outer(site, site) / (n + 1))

    def rest(c: Tensor) -> dict[str, Tensor]:
        return {"second": c[:, 1], "third": c[:, 2], "last": c[:, -1]}

    return of_system(system, lambda count, rng: chain.draw(count, rng) @ modes, rest, PHI4_FIELD.proposal, 5.0)


PHI4_MODES = _phi4_modes(8, 0.3, 0.06)

MIXTURE = of_system(
    GaussianMixtureTarget(dim=4, kT=0.6).system(),
    lambda count, rng: mixture.draw(count, rng, dim=4),
    lambda x: {"first": x[:, 0] - x[:, 1], "last": x[:, 3]},
    GaussianMixture(((-3.0,), (3.2,)), ((2.2,), (1.8,)), (0.6, 0.4)),
    span=8.0,
)


def _ellipsoid_rest(x: Tensor) -> dict[str, Tensor]:
    roots = torch.from_numpy(np.sqrt(np.diag(ellipsoid.A)))
    along = (x * roots * torch.from_numpy(ellipsoid.POLE)).sum(dim=1) / _length(x * roots)
    return {"cosine": along, "x": x[:, 0]}


ELLIPSOID = of_system(
    Ellipsoid().system(), ellipsoid.draw, _ellipsoid_rest,
    GaussianMixture(((1.2,), (2.0,)), ((0.35,), (0.4,)), (0.6, 0.4)), span=1.2,
)  # fmt: skip


def _angle_rest(x: Tensor) -> dict[str, Tensor]:
    a, b = x[:, 0:2] - x[:, 2:4], x[:, 4:6] - x[:, 2:4]
    cosine = (a * b).sum(dim=1) / (_length(a) * _length(b))
    return {"r1 - mean": _length(a) - 1 - 0.4 * cosine, "r2": _length(b), "centre": x[:, 0] + x[:, 2] + x[:, 4]}


ANGLE = of_system(
    PlanarAngle(kT=0.8).system(), angle.draw, _angle_rest,
    GaussianMixture(((1.25,), (2.0,)), ((0.3,), (0.35,)), (0.6, 0.4)), span=1.0,
)  # fmt: skip


def _torsion_rest(x: Tensor) -> dict[str, Tensor]:
    first, second, third = (x[:, 3 * i + 3 : 3 * i + 6] - x[:, 3 * i : 3 * i + 3] for i in range(3))
    bend = -(first * second).sum(dim=1) / (_length(first) * _length(second))
    return {"r1": _length(first), "r3": _length(third), "bend": bend}


TORSION = of_system(
    SingleTorsion(kT=1.3).system(), torsion.draw, _torsion_rest,
    WrappedMixture((0.2, 2.4), (0.6, 0.8), (0.55, 0.45)), span=3.0,
)  # fmt: skip


def _two_distances_rest(x: Tensor) -> dict[str, Tensor]:
    a, b = x[:, 0:3] - x[:, 3:6], x[:, 6:9] - x[:, 3:6]
    return {"cosine": (a * b).sum(dim=1) / (_length(a) * _length(b)), "centre": x[:, 2] + x[:, 5] + x[:, 8]}


TWO_DISTANCES = of_system(
    TwoDistances(kT=1.2).system(), two_distances.draw, _two_distances_rest,
    GaussianMixture(((1.1, 1.6), (1.5, 1.2)), ((0.3, 0.3), (0.3, 0.25)), (0.6, 0.4)), span=0.85,
)  # fmt: skip
