"""The words of `[explore]`: how modes are found before the run, one model a method, told apart by `method`."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from cvflow.config.section import Count, Positive, Section

_Share = Annotated[float, Field(gt=0, lt=1)]


class SequentialSection(Section):
    """Modes are found by particles that are weighted, resampled and moved from a Gaussian to the target.

    Attributes:
        method: this one.
        spread: of the Gaussian, around the mean of the chains' starts; that of the starts if left out.
        particles: of all populations together; a multiple of their number.
        populations: independent but for the temperatures; their spread is the error.
        efficiency: effective share of the particles at each temperature, from which the next follows.
        moves: of hybrid Monte Carlo at each temperature.
        steps: time steps of a move.
    """

    method: Literal["sequential-monte-carlo"]
    spread: Positive | None = None
    particles: Count = 4096
    populations: Count = 16
    efficiency: _Share = 0.9
    moves: Count = 3
    steps: Count = 10


class ExchangeSection(Section):
    """Modes are found by replicas between a Gaussian and the target, which swap with their neighbours.

    Attributes:
        method: this one.
        spread: of the Gaussian, around the mean of the chains' starts; that of the starts if left out.
        ladders: independent but for their rungs; their spread is the error.
        scans: that are counted: a move on each rung, then swaps of neighbours.
        rejection: of swaps, from which the number of rungs follows.
        steps: time steps of a move.
    """

    method: Literal["replica-exchange"]
    spread: Positive | None = None
    ladders: Count = 16
    scans: Count = 1000
    rejection: _Share = 0.5
    steps: Count = 5


ExploreSection = Annotated[SequentialSection | ExchangeSection, Field(discriminator="method")]

METHODS: Mapping[str, type[BaseModel]] = {
    "sequential-monte-carlo": SequentialSection,
    "replica-exchange": ExchangeSection,
}
"""By their names."""
