"""Hybrid Monte Carlo of many chains, each on its own way from reference to target and with a time step of its own."""

from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from cvflow.core.acceptance import accepted, log_acceptance
from cvflow.cv.batch import Each
from cvflow.engines.batch.kernels.base import normals, nothing, uniforms
from cvflow.engines.batch.kernels.momenta import kinetic, mass_tensor, maxwell
from cvflow.explore.bridge import Bridge, Evaluated, where

WANTED_ACCEPTANCE = 0.8
"""Acceptance that time steps are brought to."""

JITTER = 0.2
"""Time steps vary by so much, either way, from move to move: no period of a vibration is a whole number of them."""


class Moved(NamedTuple):
    """Where chains are after a move, and which of them have moved."""

    places: Evaluated
    accepted: Bool[Tensor, " chains"]


def hybrid_move(
    target: Bridge, places: Evaluated, beta: Each, timestep: Each, steps: int, generator: torch.Generator
) -> Moved:
    """Velocity Verlet from fresh momenta, accepted on its work: exact for π_β at any time step.

    Costs `steps` evaluations a chain.
    """
    mass = mass_tensor(target.masses, places.x)
    momenta = maxwell(target.masses, 1.0, normals(tuple(places.x.shape), places.x, generator))
    jitter = 1 + JITTER * (2 * uniforms((len(beta),), places.x, generator) - 1)
    dt = (timestep * jitter)[:, None]
    end, p = places, momenta
    for _ in range(steps):
        p = p - dt / 2 * target.gradient(end, beta)
        end = target.at(end.x + dt * p / mass)
        p = p - dt / 2 * target.gradient(end, beta)
    work = target.energy(end, beta) + kinetic(p, mass) - target.energy(places, beta) - kinetic(momenta, mass)
    still = nothing(work)
    takes = accepted(log_acceptance(still, still, work), uniforms((len(work),), work, generator))
    return Moved(where(takes, end, places), takes)


def adapted(timestep: Tensor, acceptance: Tensor) -> Tensor:
    """Time steps a little nearer to the wanted acceptance."""
    return timestep * torch.exp(acceptance - WANTED_ACCEPTANCE)
