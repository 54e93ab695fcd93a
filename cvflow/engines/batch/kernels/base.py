"""The law of a relaxation kernel, and the plain data it works on.

All energies are in the potential's own unit, works in kT. A kernel holds no configuration and draws no random number:
its noise is an argument, so that a path can be run backwards with the noise that its reverse would need.
"""

from abc import ABC, abstractmethod
from typing import Generic, NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cvflow.cv.batch import Batch, BatchCV, Each, Points
from cvflow.engines.batch.potential import Potential

Draws = Float[Tensor, "_draws chains dof"]

KernelState = TypeVar("KernelState", bound=tuple[Tensor, ...])
"""A NamedTuple of tensors whose first dimension is the chains; the first of them are the configurations."""


class Noise(NamedTuple):
    """Random numbers of one time step, or of a path's start."""

    normal: Float[Tensor, "_normals chains dof"]
    uniform: Float[Tensor, "_uniforms chains"]


class Needs(NamedTuple):
    """How many random numbers are needed: normal vectors of the configuration's length, and uniform numbers."""

    normals: int = 0
    uniforms: int = 0


class Ending(NamedTuple):
    """Where paths ended; works in kT.

    `work` is the W of docs/theory.md, eq. (5). `protocol_work` is the part of it done by moving the CV, NaN for a
    kernel that does not tell the two apart. `converged` is false where a constraint solver missed.
    """

    x: Batch
    work: Each
    protocol_work: Each
    heat: Each
    converged: Bool[Tensor, " chains"]


class RelaxationKernel(ABC, Generic[KernelState]):
    """Moves the CV along its schedule while the rest of the configuration relaxes, and accounts for the work.

    Law: for the path from z_0 to z_N made by `start`, N times `step` and `finish`, and the path back with the noise
    that reverses it, the works add up to zero; and the work is the logarithm of the ratio of the two paths'
    probabilities, start and end included.
    """

    potential: Potential
    """Energies in the unit of `kT`."""
    cv: BatchCV
    """What is steered."""
    kT: float
    """Thermal energy, in the potential's unit."""
    start_needs: Needs = Needs()
    """Random numbers of a path's start."""
    step_needs: Needs = Needs()
    """Random numbers of one step."""
    relaxes: bool = True
    """Whether there is anything to do at the points between; if not, paths have a single step."""

    @property
    def centre_widths(self) -> tuple[float, ...]:
        """Standard deviation of each component of z_0 around ξ(x); zero where the kernel holds the CV."""
        return (0.0,) * len(self.cv.names)

    @property
    def holds_cv(self) -> bool:
        """Whether the CV is exactly at the schedule's point, so that no point outside its range can be reached."""
        return True

    @abstractmethod
    def start(self, x: Batch, z: Points, noise: Noise) -> KernelState:
        """State at the path's start."""

    @abstractmethod
    def step(self, state: KernelState, z_old: Points, z_new: Points, noise: Noise) -> KernelState:
        """One time step, in which the schedule goes from z_old to z_new."""

    @abstractmethod
    def finish(self, state: KernelState, z: Points) -> Ending:
        """End of the path, at the schedule's last point."""


def sound(like: Tensor) -> Bool[Tensor, " chains"]:
    """True for every chain."""
    return torch.ones(len(like), dtype=torch.bool, device=like.device)


def nothing(like: Tensor) -> Each:
    """Zero for every chain."""
    return torch.zeros(len(like), dtype=like.dtype, device=like.device)


def unknown(like: Tensor) -> Each:
    """NaN for every chain."""
    return torch.full((len(like),), torch.nan, dtype=like.dtype, device=like.device)


def normals(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Normal random numbers from the generator, drawn on its device and moved to that of `like`."""
    drawn = torch.randn(shape, generator=generator, device=generator.device, dtype=like.dtype)
    return drawn.to(like.device)


def uniforms(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform random numbers in [0, 1), as `normals`."""
    return torch.rand(shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def check_timestep(timestep: float, friction: float = 0.0) -> None:
    """Check a time step and a friction, in reduced units: the potential's energy, the masses' and the positions' own.

    Raises:
        ValueError: the time step is not positive, or the friction negative.
    """
    if not 0 < timestep < float("inf"):
        raise ValueError(f"the time step must be positive, got {timestep}")
    if not 0 <= friction < float("inf"):
        raise ValueError(f"the friction must not be negative, got {friction}")
