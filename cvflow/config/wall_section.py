"""A wall's words in the config."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from cvflow.config.section import Finite, Positive, Section
from cvflow.core.walls import HIGHEST_EXPONENT, Wall, wall
from cvflow.host.faults import brief


class WallSection(Section):
    """A wall on one of the run's CVs: kappa times the distance beyond it to the power of the exponent.

    Attributes:
        cv: its name; on a line.
        upper: where an upper wall begins, in the CV's unit; or
        lower: where a lower one does.
        kappa: kJ/mol per unit of the CV to the power of the exponent.
        exponent: of the distance beyond the wall.
    """

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


def wall_words(walls: Sequence[object]) -> list[dict[str, Any]]:
    """Walls as a config has them.

    Raises:
        ValueError: one is no wall.
    """
    return [_words(each) for each in walls]


def _words(given: object) -> dict[str, Any]:
    if not isinstance(given, Wall):
        raise ValueError(f"walls: {brief(given)} is no wall: make them by cvflow.wall")
    side = {"upper" if given.upper else "lower": given.at}
    return {"cv": given.cv, **side, "kappa": given.kappa, "exponent": given.exponent}
