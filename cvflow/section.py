"""What the sections of the config are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import PositiveFloat

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[PositiveFloat, Field(allow_inf_nan=False)]


class Section(BaseModel):
    """Frozen, of exact types, and refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
