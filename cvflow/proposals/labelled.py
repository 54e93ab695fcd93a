"""A density for each named state, and jumps that change the state: the label of the mixture's component."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from cvflow.proposals.base import CVPoints, Proposal, Proposed

Chances = Float[np.ndarray, "count labels"]


@dataclass(frozen=True)
class LabelledProposal(Proposal):
    """q = Σ_k w_k q_k, proposed from by way of the labels k.

    A point z has the label k with probability w_k q_k(z)/q(z), whichever state it lies in. The next label l follows
    P_kl = w_l/max(1 - w_k, 1 - w_l), which is in detailed balance with w, and the next point is drawn from q_l. So
    q(z) T(z, z̃) = Σ_kl q_k(z) w_k P_kl q_l(z̃) is symmetric, and acceptances take q as a whole.

    Attributes:
        states: names of the states, one a label.
        parts: the densities q_k.
        weights: the w_k, which add up to one: how often each state is proposed from the others.
        within: whether a label that stays, which the weights leave 1 - Σ_l P_kl to, has its point drawn like the
            others; nothing is proposed then if not.
        version: counts trainings.

    Raises:
        ValueError: there are fewer than two labels, or weights are not positive or do not add up to one.

    Source: docs/theory.md, section 2.1; P_kl is Liu's modified Gibbs sampler, Biometrika 83, 681 (1996).
    """

    states: tuple[str, ...]
    parts: tuple[Proposal, ...]
    weights: tuple[float, ...]
    within: bool
    version: int

    def __post_init__(self) -> None:
        if not 2 <= len(self.parts) == len(self.states) == len(self.weights):
            raise ValueError("labels need at least two states, with a density and a weight each")
        if not (min(self.weights) > 0 and abs(sum(self.weights) - 1) <= 1e-9):
            raise ValueError(f"the labels' weights must be positive and add up to 1, got {self.weights}")

    @property
    def moves(self) -> Float[np.ndarray, "labels labels"]:
        """P_kl, of labels that stay as well if something is proposed then."""
        moves = changes(np.array(self.weights))
        if self.within:
            np.fill_diagonal(moves, np.maximum(0.0, 1 - moves.sum(axis=1)))
        return moves

    def draw(self, count: int, rng: np.random.Generator) -> CVPoints:
        return self._from_parts(rng.choice(len(self.parts), size=count, p=self.weights), rng)

    def propose(self, points: CVPoints, rng: np.random.Generator) -> Proposed:
        passed = rng.random((len(points), 1)) >= self.chances(points).cumsum(axis=1)
        label = passed.sum(axis=1)
        return Proposed(self._from_parts(label, rng), label < len(self.parts))

    def log_density(self, points: CVPoints) -> Float[np.ndarray, " count"]:
        return np.logaddexp.reduce(self._log_parts(points), axis=1)

    @property
    def components(self) -> tuple[Proposal, ...]:
        return self.parts

    def chances(self, points: CVPoints) -> Chances:
        log_parts = self._log_parts(points)
        with np.errstate(invalid="ignore"):
            responsibilities = np.exp(log_parts - np.logaddexp.reduce(log_parts, axis=1)[:, None])
        return np.nan_to_num(responsibilities) @ self.moves

    def _log_parts(self, points: CVPoints) -> Float[np.ndarray, "count labels"]:
        return np.stack([part.log_density(points) for part in self.parts], axis=1) + np.log(self.weights)

    def _from_parts(self, label: Int[np.ndarray, " count"], rng: np.random.Generator) -> CVPoints:
        """A point from the density of each label; NaN for a label beyond the last."""
        drawn = [part.draw(int((label == k).sum()), rng) for k, part in enumerate(self.parts)]
        points = np.full((len(label), drawn[0].shape[1]), np.nan)
        for k, some in enumerate(drawn):
            points[label == k] = some
        return points


def changes(weights: Float[np.ndarray, " labels"]) -> Float[np.ndarray, "labels labels"]:
    """P_kl of labels that change, zero for those that stay.

    Law: w_k P_kl is symmetric, and no row adds up to more than one.
    """
    refused = np.maximum.outer(1 - weights, 1 - weights)
    np.fill_diagonal(refused, np.inf)
    return np.asarray(weights / refused)
