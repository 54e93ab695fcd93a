"""Paths kept state by state, and the noise with which the reverse path returns along them."""

from typing import Any, NamedTuple

import numpy as np
import torch

from cvflow.core.schedule import Schedule
from cvflow.engines.batch.kernels.base import Ending, Noise, RelaxationKernel, normals, uniforms
from cvflow.engines.batch.kernels.constrained import ConstrainedLangevin
from cvflow.engines.batch.kernels.identity import Identity
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.kernels.mala import CoinMala, SymmetricMala
from cvflow.engines.batch.kernels.momenta import mass_tensor
from cvflow.engines.batch.kernels.overdamped import EulerMaruyama

CERTAIN = 1.0
"""The uniform number that accepts whatever the ratio."""


class Trace(NamedTuple):
    """A path: its start, the schedule's points, all states, all noise, and the end."""

    x: torch.Tensor
    centres: torch.Tensor
    states: list[Any]
    first_noise: Noise
    noise: list[Noise]
    ending: Ending


def centres_between(kernel: RelaxationKernel, start, end, schedule: Schedule, steps: int) -> torch.Tensor:
    fraction = torch.as_tensor(schedule.fraction(np.arange(steps + 1) / steps), dtype=start.dtype)
    return start + fraction[:, None, None] * kernel.cv.wrapped(end - start)


def drawn(kernel: RelaxationKernel, x, steps: int, generator: torch.Generator) -> tuple[Noise, list[Noise]]:
    """Noise of a path."""

    def of(needs):
        shape = (needs.normals, *x.shape), (needs.uniforms, len(x))
        return Noise(normals(shape[0], x, generator), uniforms(shape[1], x, generator))

    return of(kernel.start_needs), [of(kernel.step_needs) for _ in range(steps)]


def run(kernel: RelaxationKernel, x, centres, first_noise: Noise, noise: list[Noise]) -> Trace:
    states = [kernel.start(x, centres[0], first_noise)]
    for k, step in enumerate(noise):
        states.append(kernel.step(states[-1], centres[k], centres[k + 1], step))
    return Trace(x, centres, states, first_noise, noise, kernel.finish(states[-1], centres[-1]))


def back(kernel: RelaxationKernel, path: Trace) -> Trace:
    """The reverse path: the schedule read backwards, with noise reconstructed from the states of the path."""
    first, noise = _reversal(kernel)(kernel, path)
    return run(kernel, path.ending.x, path.centres.flip(0), first, noise[::-1])


def _reversal(kernel: RelaxationKernel):
    rules = {
        Identity: _without_noise,
        EulerMaruyama: _overdamped,
        SymmetricMala: _symmetric,
        CoinMala: _coin,
    }
    return next((rule for kind, rule in rules.items() if isinstance(kernel, kind)), _inertial)


def _without_noise(kernel, path: Trace):
    return path.first_noise, path.noise


def _overdamped(kernel: EulerMaruyama, path: Trace):
    """The kick that leads from the new y, at the old z, to the old y."""
    noise = []
    for k, step in enumerate(path.noise):
        x = kernel.cv.place(path.states[k + 1].x, path.centres[k])
        noise.append(step._replace(normal=_kick(kernel, x, path.states[k].x)[None]))
    return path.first_noise, noise


def _symmetric(kernel: SymmetricMala, path: Trace):
    """Each relaxation undone where it was made; what was rejected is proposed and rejected again."""
    before = [path.x] + [kernel.cv.place(state.x, z) for state, z in zip(path.states, path.centres[1:], strict=False)]
    all_noise = [path.first_noise, *path.noise]
    noise = [
        _undone(kernel, old, state.x, step) for old, state, step in zip(before, path.states, all_noise, strict=True)
    ]
    return noise[-1], noise[:-1]


def _coin(kernel: CoinMala, path: Trace):
    """The other coin: what was switched before relaxing is now switched after."""
    noise = []
    for k, step in enumerate(path.noise):
        early = path.states[k].early[:, None] > 0
        z = torch.where(early, path.centres[k + 1], path.centres[k])
        old, new = (kernel.cv.place(path.states[i].x, z) for i in (k, k + 1))
        noise.append(_undone(kernel, old, new, step))
    return path.first_noise._replace(uniform=1 - path.first_noise.uniform), noise


def _undone(kernel, old, new, step: Noise) -> Noise:
    moved = (old != new).any(dim=1)
    kick = torch.where(moved[:, None], _kick(kernel, new, old), step.normal[0])
    return Noise(kick[None], torch.where(moved, CERTAIN, step.uniform[0])[None])


def _kick(kernel, x, goal):
    """The normal numbers with which an overdamped step goes from x to the goal."""
    gradient = kernel.cv.project(kernel.potential.gradient(x))
    return kernel.cv.project(goal - x + kernel.timestep * gradient) / (2 * kernel.timestep * kernel.kT) ** 0.5


def _inertial(kernel, path: Trace):
    """Momenta turned round, and O steps that lead from each refreshed momentum to the one before."""
    width = (mass_tensor(kernel.masses, path.x) * kernel.kT).sqrt()
    first = path.first_noise._replace(normal=(-path.states[-1].p / width)[None])
    if not kernel.friction:
        return first, path.noise
    decay = float(np.exp(-0.5 * kernel.friction * kernel.timestep))
    width = (1 - decay * decay) ** 0.5 * width
    noise = []
    for old, new, step in zip(path.states[:-1], path.states[1:], path.noise, strict=True):
        begun = decay * old.p + _free(kernel, width * step.normal[0], old)
        ended = (new.p - _free(kernel, width * step.normal[1], new)) / decay
        noise.append(step._replace(normal=torch.stack([decay * new.p - ended, decay * begun - old.p]) / width))
    return first, noise


def _free(kernel, p, state):
    """The part of a momentum that the kernel refreshes."""
    if isinstance(kernel, ConstrainedLangevin):
        return kernel.tangential(p, state.jacobian)
    return kernel.cv.project(p) if isinstance(kernel, UnderdampedLangevin) else p
