"""Continuous flows: points drift along a learned field for a unit of time; the density by the field's exact divergence.

Sources: Chen et al., NeurIPS 2018; Grathwohl et al., ICLR 2019; trained by flow matching, Lipman et al., ICLR 2023, on
circles by their geodesics, Chen and Lipman, ICLR 2024. Written out in docs/flow.md.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log, pi
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from scipy.integrate import solve_ivp
from torch import Tensor, nn
from zuko.nn import MLP
from zuko.transforms import FreeFormJacobianTransform

from cvflow.core.cv_space import Domain
from cvflow.proposals.flows.array_flow import Affine, LogVolumes, OfEachCV, StandardArray
from cvflow.proposals.flows.base import Architecture, Flow, Hidden, StandardPoints, layer_numbers
from cvflow.proposals.flows.spline import affine_maps, features
from cvflow.proposals.standard_coordinates import BOUND

TOLERANCE = 1e-9
"""Of a step of the integrator, absolute and relative."""

FREQUENCIES = 3
"""How many cosines and sines of the time the field is told."""


class Continuous(Architecture):
    """du/dt is a network of u and t: one map bends all CVs at once. A density takes an integration, with D derivatives.

    Attributes:
        hidden: widths of the field's hidden layers.
    """

    kind: ClassVar[str] = "continuous"

    hidden: Hidden = (32, 32)

    def numbers(self, domains: Sequence[Domain]) -> int:
        return layer_numbers(self.widths(domains))

    def network(self, domains: Sequence[Domain]) -> Flow:
        return ContinuousFlow(domains, self)

    def widths(self, domains: Sequence[Domain]) -> tuple[int, ...]:
        """Of the field's layers, from its input to its output."""
        return (len(domains) + domains.count(Domain.CIRCLE) + 2 * FREQUENCIES, *self.hidden, len(domains))


class ContinuousFlow(Flow):
    """Integrates the field from t = 0, where the standard coordinates are, to t = 1, the base; and back.

    It is trained by flow matching: a sample goes to a draw of the base the shortest way, on a line or around a circle,
    and the field learns the mean velocity of all that pass a point. No step of training integrates anything.

    On circles the field sees cosine and sine alone, so that it closes; in boxes it vanishes at both ends, which nothing
    crosses. The divergence is exact, by a derivative for each CV.
    """

    many_steps = 10

    def __init__(self, domains: Sequence[Domain], sizes: Continuous) -> None:
        super().__init__(domains)
        inputs, *hidden, outputs = sizes.widths(domains)
        self.field = MLP(inputs, outputs, hidden, activation=nn.Tanh)

    def to_base(self, u: StandardPoints) -> tuple[StandardPoints, Float[Tensor, " count"]]:
        base, log_volume = self._drift(0.0, 1.0).call_and_ladj(u)
        return self._wrapped(base), log_volume

    def from_base(self, base: StandardPoints) -> StandardPoints:
        return self._wrapped(self._drift(1.0, 0.0)(base))

    def loss(self, u: StandardPoints, rng: np.random.Generator) -> Float[Tensor, ""]:
        """Mean square of what the field lacks of the velocity with which a sample goes to a draw of the base."""
        uniform, normal = rng.uniform(-BOUND, BOUND, u.shape), rng.standard_normal(u.shape)
        way = self._wrapped(torch.where(self.lines, torch.from_numpy(normal), torch.from_numpy(uniform)) - u)
        time = torch.from_numpy(rng.random((len(u), 1)))
        return ((self._velocity(time, self._wrapped(u + time * way)) - way) ** 2).sum(dim=1).mean()

    def small_at_first(self) -> Iterable[nn.Parameter]:
        """The last layer's: a field that is small without being flat, or training would hardly begin."""
        return list(self.field.parameters())[-2:]

    def for_arrays(self) -> "ContinuousArrayFlow":
        self._check_weights()
        return ContinuousArrayFlow(affine_maps(self.field), self.lines.numpy(), self.circles.numpy())

    def _drift(self, begin: float, end: float) -> FreeFormJacobianTransform:
        """Zuko's transform."""
        self._check_weights()
        return FreeFormJacobianTransform(self._velocity, begin, end, self.parameters(), TOLERANCE, TOLERANCE)

    def _check_weights(self) -> None:
        """Check that they are numbers: integrators would look for a small enough step for ever.

        Raises:
            ArithmeticError: one is not.
        """
        if not all(bool(parameter.isfinite().all()) for parameter in self.parameters()):
            raise ArithmeticError("flow: a weight of the continuous flow is no number, its training diverged")

    def _velocity(self, t: Float[Tensor, "*_times"], u: StandardPoints) -> StandardPoints:
        phase = pi * torch.arange(1, FREQUENCIES + 1, dtype=u.dtype) * t
        told = torch.cat([phase.cos(), phase.sin()], dim=-1).expand(len(u), -1)
        velocity = BOUND * self.field(torch.cat([features(u, self.circles), told], dim=1))
        return torch.where(self.lines | self.circles, velocity, velocity * (1 - (u / BOUND) ** 2))

    def _wrapped(self, u: StandardPoints) -> StandardPoints:
        return torch.where(self.circles, torch.remainder(u + BOUND, 2 * BOUND) - BOUND, u)


Rates = Callable[[float, np.ndarray], np.ndarray]
Velocities = Float[np.ndarray, "count cvs"]


@dataclass(frozen=True)
class ContinuousArrayFlow:
    """The flow in numpy, by scipy's integrator of order 8: a hundred times faster for a point than torch's.

    Attributes:
        field: its affine maps, with a hyperbolic tangent between two of them.
        lines: which CVs live on lines.
        circles: which on circles.
    """

    field: Sequence[Affine]
    lines: OfEachCV
    circles: OfEachCV

    def log_density(self, u: StandardArray) -> LogVolumes:
        """Log density in nats, of the volume in standard coordinates."""

        def rates(t: float, state: np.ndarray) -> np.ndarray:
            velocity, divergence = self._flowing(t, state.reshape(len(u), -1)[:, :-1])
            return np.column_stack([velocity, divergence]).ravel()

        end = _integrated(rates, (0.0, 1.0), np.column_stack([u, np.zeros(len(u))]))
        base, log_volume = end[:, :-1], end[:, -1]
        return log_volume + np.where(self.lines, -0.5 * (base**2 + log(2 * pi)), -log(2 * BOUND)).sum(axis=1)

    def from_base(self, base: StandardArray) -> StandardArray:
        """Map draws of the base density to draws of the flow, point by point."""

        def rates(t: float, state: np.ndarray) -> np.ndarray:
            return self._flowing(t, state.reshape(base.shape))[0].ravel()

        u = _integrated(rates, (1.0, 0.0), base)
        return np.where(self.circles, np.remainder(u + BOUND, 2 * BOUND) - BOUND, u)

    def _flowing(self, t: float, u: StandardArray) -> tuple[Velocities, LogVolumes]:
        """Velocity and divergence, with the derivatives by each CV carried through the layers."""
        angle, phase = u * (pi / BOUND), pi * np.arange(1, FREQUENCIES + 1) * t
        cosine, sine = np.cos(angle), np.sin(angle)
        told = np.broadcast_to(np.concatenate([np.cos(phase), np.sin(phase)]), (len(u), 2 * FREQUENCIES))
        x = np.concatenate([np.where(self.circles, cosine, u), sine[:, self.circles], told], axis=1)
        (weight, bias), *rest = self.field
        cvs = len(self.lines)
        slopes = np.where(self.circles, -sine * (pi / BOUND), 1.0)[:, :, None] * weight[:cvs]
        around = cosine[:, self.circles, None] * (pi / BOUND)
        slopes[:, self.circles] += around * weight[cvs : cvs + int(self.circles.sum())]
        x = x @ weight + bias
        for following, further in rest:
            x = np.tanh(x)
            slopes = (slopes * (1 - x * x)[:, None]) @ following
            x = x @ following + further
        x, own = BOUND * x, BOUND * np.einsum("cii->ci", slopes)
        open_ended, inside = self.lines | self.circles, 1 - (u / BOUND) ** 2
        divergence = np.where(open_ended, own, own * inside - 2 * u / BOUND**2 * x).sum(axis=1)
        return np.where(open_ended, x, x * inside), divergence


def _integrated(rates: Rates, times: tuple[float, float], start: np.ndarray) -> np.ndarray:
    """Where the rows of `start` get to.

    Raises:
        ArithmeticError: the integrator found no step small enough.
    """
    found = solve_ivp(rates, times, start.ravel(), method="DOP853", t_eval=times[1:], rtol=TOLERANCE, atol=TOLERANCE)
    if not found.success:
        raise ArithmeticError(f"flow: the continuous flow cannot be integrated: {found.message}")
    return found.y[:, -1].reshape(start.shape)
