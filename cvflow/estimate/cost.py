"""What a mode change costs: the figure of merit of a setting."""

from math import inf, nan, sqrt
from typing import NamedTuple

from cvflow.estimate.acceptance import acceptance_between_states
from cvflow.estimate.convergence import production
from cvflow.estimate.modes import count_modes
from cvflow.store import Record


class Cost(NamedTuple):
    """Production figures of one setting; errors are standard errors."""

    acceptance: float
    acceptance_stderr: float
    mode_changes: int
    path_steps: int

    @property
    def steps_per_mode_change(self) -> float:
        """Path steps of production per mode change; infinite where there was none."""
        return self.path_steps / self.mode_changes if self.mode_changes else inf

    @property
    def stderr(self) -> float:
        """Standard error of the cost, that of a count."""
        return self.steps_per_mode_change / sqrt(self.mode_changes) if self.mode_changes else nan


def cost(record: Record) -> Cost:
    """Acceptance between named states, mode changes and path steps of production.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    between, changes = acceptance_between_states(record), count_modes(record).mode_changes
    return Cost(between.rate, between.stderr, changes, int(production(record)["steps"].sum()))
