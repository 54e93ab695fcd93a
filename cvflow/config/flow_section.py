"""`[flow]`: the words of the flow's architecture beside those of its training."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from cvflow.config.section import Count, Section

if TYPE_CHECKING:
    from cvflow.proposals.flows.base import Architecture


class FlowSection(Section):
    """The learned flow. Each architecture has words of its own (docs/flow.md), which are checked by it.

    Architectures are imported only where there is a `[flow]`: they need torch, which a config does not.

    Attributes:
        architecture: "spline" or "coupling-spline".
        epsilon: weight of the broad component.
        retrain_every: samples of all walkers together, one a turn, between two trainings.
        labels: whether there is one flow a named state, with jumps from state to state in detailed balance.
    """

    model_config = ConfigDict(extra="allow")

    architecture: str = "spline"
    epsilon: Annotated[float, Field(gt=0, lt=1)] = 0.05
    retrain_every: Count = 50
    labels: bool = False

    @model_validator(mode="before")
    @classmethod
    def _with_all_words(cls, values: Any) -> Any:
        """The words given and the defaults of the architecture's others, so that a resolved config has them all."""
        if not isinstance(values, dict):
            return values
        from cvflow.proposals.flows import architecture

        kind = architecture(values.get("architecture", "spline"))
        sizes = {word: value for word, value in values.items() if word not in cls.model_fields}
        for word in sizes:
            if word in flow_words() and word not in kind.model_fields:
                own = ", ".join(kind.model_fields)
                raise ValueError(f"{word} is no word of architecture {kind.kind!r}; it has {own}")
        return values | kind.model_validate(sizes).model_dump()

    @property
    def sizes(self) -> "Architecture":
        """The architecture with its words."""
        from cvflow.proposals.flows import architecture

        return architecture(self.architecture).model_validate(self.model_extra)


def flow_words() -> list[str]:
    """Words that `[flow]` takes, with those of all architectures."""
    from cvflow.proposals.flows import ARCHITECTURES

    sizes = (word for each in ARCHITECTURES for word in each.model_fields)
    return list(dict.fromkeys([*FlowSection.model_fields, *sizes]))
