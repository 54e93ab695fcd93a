"""Wrong placements of a drawn shape, which the one-jump test must catch. They live here and nowhere else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np

from cvflow.cv.internal_coordinates import aligned
from cvflow.doctor.verify.driven import DrivenCase
from cvflow.sampler import positions_jump
from cvflow.sampler.positions_jump import PositionsJump


def reflected(shape: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """The best rotation or reflection."""
    centre, there = shape.mean(axis=0), onto.mean(axis=0)
    left, _, right = np.linalg.svd((shape - centre).T @ (onto - there))
    return (shape - centre) @ left @ right + there


def unturned(shape: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """As the shape was built, in a fixed frame."""
    return shape - shape.mean(axis=0) + onto.mean(axis=0)


PLACINGS: dict[str, Callable] = {"aligned": aligned, "reflected": reflected, "unturned": unturned}


@contextmanager
def placing(name: str) -> Iterator[None]:
    with patch.object(positions_jump, "aligned", PLACINGS[name]):
        yield


@dataclass(frozen=True)
class MisplacingJump(PositionsJump):
    placing: str = "aligned"

    def propose(self, here, learned, noise):
        with placing(self.placing):
            return super().propose(here, learned, noise)


@dataclass(frozen=True)
class Misplaced(DrivenCase):
    placing: str = "aligned"

    def jump(self):
        right = super().jump()
        return MisplacingJump(right.shapes, right.width, right.steps, self.placing)
