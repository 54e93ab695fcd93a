"""A bias potential that is one number in each named state: chains visit states by it, and weights take it off again."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cvflow.core.states import States

_Points = Float[np.ndarray, "points cvs"]
_PerPoint = Float[np.ndarray, " points"]


@dataclass(frozen=True)
class StateBias:
    """V(x) = V_k where ξ(x) lies in the named state k, and zero in none: chains sample p e^(-V).

    It has no force: paths and moves run as without it, and the decision takes V of both ends. Within a state nothing is
    biased, so works and averages of a state are those of p, and ΔF is that of p once the difference of the V is taken
    off.

    Attributes:
        states: the named states.
        energies: V_k [kT], one a state.

    Raises:
        ValueError: there are not as many energies as states, or one is not finite.

    Source: docs/theory.md, section 2.2.
    """

    states: States
    energies: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.energies) != len(self.states.names):
            raise ValueError(f"{len(self.states.names)} states need as many biases, got {len(self.energies)}")
        if not np.isfinite(self.energies).all():
            raise ValueError(f"a state's bias must be finite, got {self.energies}")

    def of(self, points: _Points) -> _PerPoint:
        """V of points [kT], whose first coordinates are the CVs of the states."""
        state = self.states.assign(points[:, : len(self.states.cv_names)])
        return np.array([*self.energies, 0.0])[state]  # none is -1, the last


UNBIASED = StateBias(States({}, ()), ())
"""Zero everywhere."""


def bias_of(states: States, energies: tuple[float, ...]) -> StateBias:
    """With these energies, or none where there are none."""
    return StateBias(states, energies) if energies else UNBIASED


def flat(states: States, free_energies: Float[np.ndarray, " states"]) -> StateBias:
    """The bias under which every state is visited as much: V_k = ln(K p_k) for K states with probabilities p_k.

    With these, p e^(-V) adds up to one over the named states as p does, so that neither its normalisation nor the
    density outside the states changes.

    Args:
        states: the named states.
        free_energies: F_k = -ln p_k of each, but for a constant [kT].
    """
    log_shares = -free_energies - np.logaddexp.reduce(-free_energies)
    return StateBias(states, tuple((np.log(len(log_shares)) + log_shares).tolist()))
