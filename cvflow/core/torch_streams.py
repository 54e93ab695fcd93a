"""torch's random numbers, from all of a seed.

On a CPU torch keeps the lowest 32 bits of a seed, so of some hundred thousand seeds two give one stream. Here a
generator takes its whole state from numpy's seed sequence; on other devices it takes 64 bits.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

_WORDS = slice(24, 24 + 8 * 624)
"""Where the state of torch's Mersenne twister holds its words, each in 8 bytes."""


def seeded_generator(sequence: np.random.SeedSequence, device: torch.device) -> torch.Generator:
    """A generator on a device."""
    made = torch.Generator(device)
    if made.device.type == "cpu":
        made.set_state(_state(sequence))
        return made
    return made.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))


@contextmanager
def fenced(rng: np.random.Generator) -> Iterator[None]:
    """A stretch in which torch's global generator of the CPU follows from `rng`; it is put back at the end."""
    with torch.random.fork_rng():
        torch.set_rng_state(_state(np.random.SeedSequence(rng.integers(2**63, size=2).tolist())))
        yield


def _state(sequence: np.random.SeedSequence) -> Tensor:
    """The state of a fresh generator of the CPU, with the words of numpy's Mersenne twister."""
    state = torch.Generator().get_state()
    state.numpy()[_WORDS].view(np.uint64)[:] = np.random.MT19937(sequence).state["state"]["key"]
    return state
