"""What `summary.json` of `cvflow pull` holds: frozen models, with meaning and unit at each key."""

import json

from pydantic import AliasChoices, Field

from cvflow.estimate.pulling import StageResult
from cvflow.estimate.schema import Number, Part

LOSS = 2.0
"""Work lost in a stage [kT] from which paths of one way alone are in doubt: few of them count."""

FEWEST_PATHS = 10.0
"""Effective paths of a stage below which it is in doubt."""


SPARSE_LOOKS = 1.2
"""Widths of the restraint between two looks from which bins in between are in doubt."""


class PulledStage(Part):
    """A stage of the way: free energies are those under the restraint."""

    start: float = Field(validation_alias=AliasChoices("from", "start"), serialization_alias="from")
    """Where the restraint's centre begins."""
    end: float = Field(validation_alias=AliasChoices("to", "end"), serialization_alias="to")
    """Where it ends."""
    delta_f_kT: float
    """Free-energy difference of its ends [kT]."""
    stderr_kT: Number
    """Its standard error [kT]."""
    loss_kT: float
    """Mean work lost by paths [kT]."""
    effective_paths: float
    """Kish's number by the weights in delta_f_kT, the smaller one of both ways."""
    move_acceptance: float
    """Of moves in the window where it begins."""


class PullSteps(Part):
    """Time steps, each of which is a force evaluation."""

    equilibration: int
    """On the way to the windows, and in them before the first path."""
    between: int
    """Between the starts of paths."""
    path: int
    """Of paths."""
    total: int
    """All of them."""


class PullSummary(Part):
    """F along a CV by paths through stages."""

    version: str
    """Of cvflow."""
    system: str
    """Its name."""
    cv: str
    """That was pulled."""
    unit: str
    """Of it; empty in reduced units."""
    kT: float
    """kJ/mol, or the model's own unit."""
    kappa: float
    """Spring constant of the restraint [kJ/mol per unit of the CV squared]."""
    both: bool
    """Whether paths went both ways."""
    paths: int
    """Through each stage, each way."""
    path_steps: int
    """Time steps of each path."""
    delta_f_kT: float
    """Free energy of the last window less that of the first, under the restraint [kT]."""
    stderr_kT: Number
    """Its standard error [kT]."""
    largest_stderr_kT: Number
    """The largest error of the curve [kT]."""
    stages: list[PulledStage]
    """One after the other."""
    steps: PullSteps
    """What it took."""
    wall_s: float
    """Seconds of wall time."""
    warnings: list[str]
    """What to know before using the numbers."""

    def text(self) -> str:
        """As `summary.json` holds it."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False) + "\n"


def doubts(stages: list[StageResult], both: bool, apart: float) -> list[str]:
    """What to beware of, a sentence each.

    Args:
        stages: one after the other.
        both: whether paths went both ways.
        apart: how far the restraint's centre moves between two looks at a path, in its widths, at most.
    """
    found = []
    if apart > SPARSE_LOOKS:
        found.append(
            f"the restraint's centre moves {apart:.1f} of its widths between two looks at a path, so that few paths "
            "tell the bins in between: set a smaller pull.kappa, or more pull.stages or pull.steps"
        )
    loss, fewest = max(stage.loss for stage in stages), min(stage.effective for stage in stages)
    if not both:
        found.append(
            f"paths go one way alone, by Jarzynski's equality: F is biased upwards where they lose much; the largest "
            f"loss of a stage is {loss:.1f} kT"
            + (f", which is more than {LOSS:.0f} kT: set pull.both = true, or more steps" if loss > LOSS else "")
        )
    if fewest < FEWEST_PATHS:
        found.append(
            f"a stage has {fewest:.1f} effective paths, fewer than {FEWEST_PATHS:.0f}: its error is not to be trusted; "
            "set more pull.steps, pull.stages or pull.paths"
        )
    return found
