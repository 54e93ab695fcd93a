"""Every random number of a run follows from its seed and from what the number is for.

A generator is made for each purpose, walker and jump, so there is no generator state to store: an interrupted run that
continues draws what the uninterrupted one would have drawn.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream of random numbers is for. The values are part of the seed: never renumber them."""

    START = 0
    EQUILIBRATION = 1
    PROPOSAL = 2
    TURN = 3
    TRAINING = 4
    SCAN = 5
    MADE_START = 6
    PULL = 7
    EXPLORE = 8


def sequence(seed: int, purpose: Purpose, *index: int) -> np.random.SeedSequence:
    """What generators of other libraries take their state from, for one purpose."""
    return np.random.SeedSequence(seed, spawn_key=(int(purpose), *index))


def stream(seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """The generator for one purpose, e.g. ``stream(seed, Purpose.TURN, walker, jump)``."""
    return np.random.default_rng(sequence(seed, purpose, *index))


def seed_for(seed: int, purpose: Purpose, *index: int) -> int:
    """The seed of a run within this one, for one purpose: 63 bits, which TOML can hold."""
    return int(stream(seed, purpose, *index).integers(2**63))
