"""Free energies of all named states at once, from the chances of every proposal between them (BAR).

Bennett's acceptance ratio with Metropolis' function, which holds for paths that are given up on their way as well: in
both directions between two states as many jumps are accepted in equilibrium, so that

    p_k e_kl ⟨c⟩_kl = p_l e_lk ⟨c⟩_lk

with p the states' populations, e_kl the probability that a turn which starts in k proposes a point in l, and c the
chance of a path, no larger than one, over all proposals from k into l, accepted or not. Where the proposal does not
look at where it starts from, e_kl is its mass in l. With three states and more the pairs say more than is needed; what
is most likely in the sense of Bradley and Terry, each pair by its number of effective crossings, is taken.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from cvflow.estimate.draws import PerState
from cvflow.estimate.work import Proposals

StatePairs = Float[np.ndarray, "states states"]
Free = Float[np.ndarray, " free"]
"""Free energies of the known states but the first."""

_ANY_CHANCE = 1 / 12
"""Variance of a chance that may be anything between zero and one.

The variance of sums of chances is that of the chances seen. Where they are few, the largest ones may not be among them,
and sums that are too small have errors that are too small. One more proposal of unknown chance is the least that may
have been missed; after many crossings it does not matter.
"""


class Ratios(NamedTuple):
    """Free energies of the states from the first [kT]; NaN for those that no paths connect to it both ways.

    Attributes:
        free_energy: F(state) - F(first).
        influence: what each turn adds to it, over the number of turns, to first order.
        unseen_variance: of the difference between two states, row and column, by what the turns do not show: the noise
            of the states' masses under the flow, and one more proposal in each direction.
        effective_paths: Kish's number of equal chances that those between each pair are worth, row into column.
    """

    free_energy: PerState
    influence: Float[np.ndarray, "states walkers turns"]
    unseen_variance: StatePairs
    effective_paths: StatePairs

    def effective(self, one: int, other: int) -> float:
        """Effective paths of the difference between two states, of the direction that has fewer.

        With more than two states, over all pairs that a state has.
        """
        both = np.minimum(self.effective_paths, self.effective_paths.T)
        return float(min(both[one].sum(), both[other].sum()))


class _Flows(NamedTuple):
    """Of every pair of states, row into column: proposals, sums of chances and of their squares."""

    proposed: StatePairs
    crossed: StatePairs
    squares: StatePairs


def acceptance_ratios(made: Proposals) -> Ratios:
    """Estimate all states' free energies together.

    Source: Bennett, J. Comput. Phys. 22, 245 (1976); Bradley and Terry, Biometrika 39, 324 (1952); docs/theory.md,
    sections 5 and 8.2.
    """
    flows, expected = _flows(made), made.expected
    known = _connected(flows.crossed)
    crossed = np.where(known[:, None] & known, flows.crossed, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_exposure = np.log(flows.proposed / expected)
        offset = np.where(crossed + crossed.T > 0, log_exposure - log_exposure.T, 0.0)
        effective = np.where(flows.squares > 0, flows.crossed**2 / flows.squares, 0.0)
    free_energy = _most_likely(crossed, offset, known)
    odds = free_energy[:, None] - free_energy + offset
    response, of_chance = _response(crossed, odds, known), _of_chance(crossed, odds)
    influence = _influence(made, flows.proposed, _weights(crossed, odds), response, of_chance)
    noise = _unseen(_of_masses(made, expected), response, of_chance)
    unbiased = free_energy - made.bias + made.bias[0]
    return Ratios(np.where(known, unbiased, np.nan), influence, noise, effective)


def _flows(made: Proposals) -> _Flows:
    states = made.states
    chance, named = made.chance, (made.start >= 0) & (made.aim >= 0) & (made.start != made.aim)
    pair = (made.start * states + made.aim)[named]
    weights = (np.ones(len(pair)), chance[named], chance[named] ** 2)
    sums = (np.bincount(pair, weight, states**2).astype(float) for weight in weights)
    proposed, crossed, squares = (of_pairs.reshape(states, states) for of_pairs in sums)
    both = (proposed > 0) & (proposed.T > 0)
    return _Flows(proposed, np.where(both, crossed, 0.0), squares)


def _connected(crossed: StatePairs) -> Bool[np.ndarray, " states"]:
    """States that are reached from the first, and it from them."""
    _, label = connected_components(crossed > 0, directed=True, connection="strong")
    return np.asarray(label == label[0])


def _most_likely(crossed: StatePairs, offset: StatePairs, known: Bool[np.ndarray, " states"]) -> PerState:
    """Zero for the first state, and for those that are not known.

    It is the same for all chances a thousand times smaller, and so is where the search ends.
    """
    free = np.flatnonzero(known)[1:]
    crossed = crossed / crossed.max(initial=np.finfo(float).tiny)

    def spread(values: Free) -> PerState:
        return np.bincount(free, values, len(known))

    def odds(values: Free) -> StatePairs:
        energy = spread(values)
        return energy[:, None] - energy + offset

    def loss(values: Free) -> float:
        return float((crossed * np.logaddexp(0.0, -odds(values))).sum())

    def slope(values: Free) -> Free:
        residual = crossed * expit(-odds(values))
        return (residual.sum(axis=0) - residual.sum(axis=1))[free]

    def curvature(values: Free) -> Float[np.ndarray, "free free"]:
        return _laplacian(_weights(crossed, odds(values)))[np.ix_(free, free)]

    if not len(free):
        return np.zeros(len(known))
    start = np.zeros(len(free))
    return spread(minimize(loss, start, jac=slope, hess=curvature, method="trust-exact", options={"gtol": 1e-9}).x)


def _weights(crossed: StatePairs, odds: StatePairs) -> StatePairs:
    """What each pair knows of the difference between its states: near the harmonic mean of both crossings."""
    return (crossed + crossed.T) * expit(odds) * expit(-odds)


def _laplacian(weights: StatePairs) -> StatePairs:
    return np.diag(weights.sum(axis=1)) - weights


def _response(crossed: StatePairs, odds: StatePairs, known: Bool[np.ndarray, " states"]) -> StatePairs:
    """Of each free energy to the slope of the likelihood at each other: the inverse curvature."""
    free = np.flatnonzero(known)[1:]
    response = np.zeros(crossed.shape)
    response[np.ix_(free, free)] = np.linalg.inv(_laplacian(_weights(crossed, odds))[np.ix_(free, free)])
    return response


def _of_chance(crossed: StatePairs, odds: StatePairs) -> StatePairs:
    """How the slope between two states goes with each chance."""
    return np.where(crossed + crossed.T > 0, expit(-odds), 0.0)


def _unseen(of_masses: StatePairs, response: StatePairs, of_chance: StatePairs) -> StatePairs:
    """Variance of the difference between two states by the noise of the masses, and by chances that were not seen."""
    each = (response[:, :, None] - response[:, None, :]) * of_chance
    with np.errstate(over="ignore"):  # chances below 1e-154: nothing is known, and the variance is infinite
        of_chances = ((each[:, None] - each) ** 2).sum(axis=(2, 3))
    return np.where(np.eye(len(response)) > 0, 0.0, of_masses + of_masses.T + _ANY_CHANCE * of_chances)


def _influence(
    made: Proposals, proposed: StatePairs, weights: StatePairs, response: StatePairs, of_chance: StatePairs
) -> Float[np.ndarray, "states walkers turns"]:
    """Of each turn on each free energy: the response times the turn's part of the slope, over all turns."""
    counted = (made.start >= 0) & (made.aim >= 0)
    part = np.where(counted, of_chance[made.start, made.aim] * made.chance, 0.0)
    of_count = np.divide(weights, proposed, out=np.zeros_like(weights), where=weights > 0)
    part -= np.where(counted, of_count[made.start, made.aim], 0.0)
    each = np.stack([part * (row[made.start] - row[made.aim]) for row in response])
    return part.size * (each + _of_expectation(made, weights, response))


def _of_expectation(
    made: Proposals, weights: StatePairs, response: StatePairs
) -> Float[np.ndarray, "states walkers turns"]:
    """What is said by how probable the proposals were: nothing, where that is the same for all turns of a state."""
    known = np.divide(weights, made.expected, out=np.zeros_like(weights), where=weights > 0)
    slope = (response[:, :, None] - response[:, None, :]) * known
    per_start = np.einsum("sab,cb->sac", slope, made.masses.mass) / np.maximum(made.starts, 1)[:, None]
    above = np.where((made.start >= 0)[..., None], made.chances - made.shares[made.start], 0.0)
    return np.stack([np.einsum("wtc,wtc->wt", row[made.start], above) for row in per_start])


def _of_masses(made: Proposals, expected: StatePairs) -> StatePairs:
    """Variance of the logarithm of each expectation by the draws that told the states' masses; infinite without any."""
    mass, log_variance = made.masses
    noise = np.where(mass > 0, mass**2 * np.where(mass > 0, log_variance, 0.0), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, made.shares**2 @ noise / expected**2, np.inf)
