"""What the sections of the config are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import PositiveFloat

LARGEST = 2**63 - 1
"""What a file of 64-bit numbers can hold."""

Whole = Annotated[int, Field(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=1, le=LARGEST)]
BoundedInt = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[PositiveFloat, Field(allow_inf_nan=False)]


class ConfigError(ValueError):
    """Misuse, in one line: what, where, the mend."""


class Section(BaseModel):
    """Frozen, of exact types, and refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
