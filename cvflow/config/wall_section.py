"""A wall's words in the config."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from cvflow.config.section import Finite, Positive, Section
from cvflow.core.walls import HIGHEST_EXPONENT, Wall, wall
from cvflow.host.faults import brief


class WallSection(Section):
    """A wall on one of the run's CVs."""

    cv: str
    upper: Finite | None = None
    lower: Finite | None = None
    kappa: Positive
    exponent: Annotated[int, Field(ge=2, le=HIGHEST_EXPONENT)] = 2

    @model_validator(mode="after")
    def _one_side(self) -> "WallSection":
        self.to_wall()
        return self

    def to_wall(self) -> Wall:
        """The wall itself.

        Raises:
            ValueError: it stands on both sides, or on none.
        """
        return wall(self.cv, upper=self.upper, lower=self.lower, kappa=self.kappa, exponent=self.exponent)


def wall_words(walls: Sequence[Wall]) -> list[dict[str, Any]]:
    """Walls as a config has them.

    Raises:
        ValueError: one is no wall.
    """
    for each in walls:
        if not isinstance(each, Wall):
            raise ValueError(f"walls: {brief(each)} is no wall: make them by cvflow.wall")
    return [
        {"cv": each.cv, "upper" if each.upper else "lower": each.at, "kappa": each.kappa, "exponent": each.exponent}
        for each in walls
    ]
