"""A potential and a collective variable of one's own, as torch functions, on many chains at once.

A particle in the plane is held near a ring by U(x) = 8 (|x| - 1.5)² and prefers two places on it. The CV is the angle
along the ring, which has a period; radius and angle are coupled by a term that makes the ring wider on one side.

    python examples/torch_potential.py
"""

import math

import numpy as np
import torch

import cvflow
from cvflow.cv.batch import FunctionCV


def potential(x: torch.Tensor) -> torch.Tensor:
    """U of each chain, (chains, 2) to (chains,), in kT."""
    radius, angle = x.norm(dim=1), torch.atan2(x[:, 1], x[:, 0])
    return 8 * (radius - 1.5 - 0.3 * torch.cos(angle)) ** 2 + 3 * torch.cos(2 * angle) + 0.5 * torch.sin(angle)


def angle(x: torch.Tensor) -> torch.Tensor:
    """The CV of each chain, in [-π, π)."""
    return torch.atan2(x[:, 1], x[:, 0])


def starts(state: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Configurations in one of the states."""
    where = 0.5 * math.pi * (1 if state == "up" else -1) + 0.1 * rng.standard_normal(count)
    return 1.5 * np.stack([np.cos(where), np.sin(where)], axis=1)


def ring() -> cvflow.TorchSystem:
    """The system; a config names it as python = "torch_potential.py:ring"."""
    return cvflow.TorchSystem(
        potential=cvflow.Potential(potential, shape=(2,)),
        cv=FunctionCV(("angle",), angle, shape=(2,), periods=(2 * math.pi,)),
        states={"up": "angle > 0", "down": "angle <= 0"},
        starts=starts,
        name="ring",
    )


def main() -> None:
    result = cvflow.sample(
        ring(), out="ring", walkers=64, adapt_jumps=0, jumps=200, local_steps=10,
        path={"kernel": "constrained", "steps": 20, "timestep": 0.1},
        proposal={"means": [[1.57], [-1.57]], "sigmas": [[0.5], [0.5]], "weights": [0.5, 0.5]},
    )  # fmt: skip
    print(result.delta_f("up", "down"))


if __name__ == "__main__":
    main()
