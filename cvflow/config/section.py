"""What the sections of the config are made of."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

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


SomeSection = TypeVar("SomeSection", bound="Section")


class Section(BaseModel):
    """Frozen, of exact types, and refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def changed(self: SomeSection, **values: Any) -> SomeSection:
        """The same with other values, checked as if a file had given them.

        Args:
            **values: by key; a mapping in the place of a section changes those keys of it and leaves its others.

        Raises:
            pydantic.ValidationError: they are not possible.
        """
        given = self._given()
        for key, value in values.items():
            old = getattr(self, key)
            both = isinstance(old, Section) and isinstance(value, Mapping)
            given[key] = old._given() | dict(value) if both else value
        return self.model_validate(given)

    def _given(self) -> dict[str, Any]:
        """What was given, and not left to defaults."""
        return {key: getattr(self, key) for key in self.model_fields_set}
