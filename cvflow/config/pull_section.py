"""The words of `[pull]`: F along one CV by paths from one value to another (`cvflow pull`)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cvflow.config.section import Count, Finite, Positive, Section, Whole


class PullSection(Section, populate_by_name=True):
    """From where to where, through how many stages, and what is done in the windows at their ends.

    Attributes:
        cv: its name; may be left out where there is one.
        start: where the restraint's centre begins, in the CV's unit.
        end: where it ends.
        stages: parts of the way; a window lies at each of their ends.
        kappa: spring constant [kJ/mol per CV unit squared], or so stiff that a stage is four of its widths.
        both: whether paths go both ways through each stage.
        paths: through each stage, each way.
        steps: time steps of a path through a stage.
        speed: of a path, in the place of steps [CV unit/ps].
        equilibration: time steps in each window before its first path, and as many on the way there.
        between: time steps between the starts of two paths.
    """

    cv: str = ""
    start: Finite = Field(alias="from")
    end: Finite = Field(alias="to")
    stages: Count = 20
    kappa: Literal["auto"] | Positive = "auto"
    both: bool = True
    paths: Annotated[int, Field(ge=10, le=100_000)] = 50
    steps: Count | None = None
    speed: Positive | None = None
    equilibration: Whole = 10_000
    between: Count = 1000

    @model_validator(mode="after")
    def _a_way(self) -> "PullSection":
        if self.start == self.end:
            raise ValueError("from and to are the same: nothing is pulled")
        if self.steps is not None and self.speed is not None:
            raise ValueError("give steps or speed, not both")
        return self

    @classmethod
    def words(cls) -> list[str]:
        """As they are written."""
        return [field.alias or name for name, field in cls.model_fields.items()]
