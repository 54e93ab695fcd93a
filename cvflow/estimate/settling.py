"""Whether the populations of the named states have settled: what is left of where a window of turns began, and drift.

Walkers start evenly over the states, or wherever their files put them, and not in proportion to the states' weights.
What remains of that in the averages is no noise, so no error bar shows it. Each state is looked at against all others:
a two-state chain, whose populations forget their start as λ^(n/L) in n turns if λ is the correlation after L turns. A
mean of the CVs would not do: it can stand still while populations move.

Sources: Geweke, in Bayesian Statistics 4, 1992 (parts of a chain against each other); Grossfield et al., LiveCoMS 2018
(burn-in against the slowest relaxation); Noé, J. Chem. Phys. 2008 (passages at a lag, and how uncertain they are).
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import beta, t

from cvflow.core.states import States, last_named

LEFT_LIMIT = 0.5
"""What may be left of the start, in standard deviations of a state's share among the walkers at one moment."""

SURE = 0.9
"""How probable it has to be that no more than that is left."""

DRIFT_LEVEL = 1e-3
"""How rarely a drift as large is seen in a state that has settled."""

PARTS = 4
"""The lag is this part of the window: states that share a border are crossed and crossed back within a few turns."""

SURELY_ELSEWHERE = 3.0
"""Standard errors between where a window began and where it belongs, from which that is no chance."""

Labels = Int[np.ndarray, "walkers turns"]
Inside = Bool[np.ndarray, "walkers turns"]


class Exchange(NamedTuple):
    """Passages between one state and all others, after a lag.

    Attributes:
        entering: part of the looks at the others that found the state after the lag.
        leaving: part of the looks at the state that found another.
        looks_at_others: independent ones.
        looks_at_state: independent ones.
    """

    entering: float
    leaving: float
    looks_at_others: int
    looks_at_state: int

    @property
    def correlation(self) -> float:
        """Of being in the state, across the lag."""
        return 1.0 - self.entering - self.leaving


class Settling(NamedTuple):
    """What one window of turns says.

    Attributes:
        left: of the start at the end of the window, in standard deviations of a state's share among the walkers at one
            moment; of the state with most, and not more than this with probability `SURE`.
        drift: difference between the halves' shares of the state that drifts most, in units of the largest one that is
            still put down to chance.
        relaxation: turns in which the slowest population forgets all but 1/e of its start.
        begun: bias that the start leaves in a state's share of the whole window, in standard errors of that share; of
            the state with most, zero where the start is what chance makes of settled populations.
    """

    left: float
    drift: float
    relaxation: float
    begun: float

    @property
    def passed(self) -> bool:
        """Whether the populations have settled."""
        return self.left <= LEFT_LIMIT and self.drift <= 1.0


def labelled(turns: np.ndarray, states: States, walkers: int) -> Labels:
    """The state of each walker after each of its turns; `turns` are rows of the store in the order of the chains."""
    return states.assign(turns["cv"]).reshape(walkers, -1)


def settling(labels: Labels) -> Settling:
    """Judge a window of turns, labelled by the walkers' states, -1 for none; a walker counts for the last it was in.

    A window in which no walker changed its state has forgotten nothing.
    """
    known = last_named(labels)
    states = [known == state for state in np.unique(known[known >= 0])]
    if len(states) < 2 or not changes(known).any():
        return Settling(math.inf, 0.0, math.inf, 0.0)
    named = known >= 0
    return Settling(
        max(left(inside, named) for inside in states),
        max(drift(inside, len(states)) for inside in states),
        max(relaxation(inside, named) for inside in states),
        max(begun(inside, named) for inside in states),
    )


def window(adaptation: int) -> slice:
    """The turns of adaptation that are judged: the later half of its first three quarters.

    The last quarter may be under way in some walkers while others begin production.
    """
    end = adaptation - adaptation // 4
    return slice(end // 2, end)


def changes(known: Labels) -> Bool[np.ndarray, "walkers moves"]:
    """Where a walker went from one named state into another."""
    return (known[:, :-1] >= 0) & (known[:, 1:] != known[:, :-1])


def left(inside: Inside, named: Inside) -> float:
    """What a state's share still knows of the start of the window at its end, as `Settling.left` has it."""
    walkers, turns = inside.shape
    lag = max(1, turns // PARTS)
    seen = exchange(inside, named, lag)
    entering, leaving = np.meshgrid(
        _plausible(seen.entering, seen.looks_at_others), _plausible(seen.leaving, seen.looks_at_state)
    )
    share = entering / (entering + leaving)
    forgotten = np.abs(1.0 - entering - leaving) ** (turns / lag)
    remains = np.abs(start_share(inside, named) - share) * forgotten / np.sqrt(share * (1.0 - share) / walkers)
    return float(np.quantile(remains, SURE))


def exchange(inside: Inside, named: Inside, lag: int) -> Exchange:
    """Count passages after a lag; a stay is looked at once in each lag that it lasts."""
    if inside.shape[1] <= lag:
        return Exchange(0.0, 0.0, 0, 0)
    before, after = inside[:, :-lag], inside[:, lag:]
    outside = ~before & named[:, :-lag]
    return Exchange(
        float(after[outside].mean()) if outside.any() else 0.0,
        float((~after)[before].mean()) if before.any() else 0.0,
        looks(outside, lag),
        looks(before, lag),
    )


def looks(inside: Inside, lag: int) -> int:
    """Number of pieces, none longer than the lag, that stays are cut into."""
    turn = np.arange(inside.shape[1])
    begins = inside & ~np.pad(inside[:, :-1], ((0, 0), (1, 0)))
    since = turn - np.maximum.accumulate(np.where(begins, turn, 0), axis=1)
    return int((inside & (since % lag == 0)).sum())


def drift(inside: Inside, states: int) -> float:
    """How far a state's share in the two halves of the window is apart, as `Settling.drift` has it.

    Each walker is compared with itself; the spread between walkers says what chance does, whatever the correlation
    along the chains. With few walkers it says little, and little is then called a drift.
    """
    walkers, half = len(inside), inside.shape[1] // 2
    if walkers < 2 or half < 1:
        return 0.0
    apart = inside[:, -half:].mean(axis=1) - inside[:, :half].mean(axis=1)
    spread = apart.std(ddof=1) / math.sqrt(walkers)
    if spread == 0:
        return 0.0
    return float(abs(apart.mean()) / spread / t.isf(DRIFT_LEVEL / states / 2, walkers - 1))


def relaxation(inside: Inside, named: Inside) -> float:
    """Turns in which a state's share forgets all but 1/e of its start, at the longest lag that still shows it."""
    lag = max(1, inside.shape[1] // PARTS)
    while lag > 1 and exchange(inside, named, lag).correlation < math.exp(-1):
        lag //= 2
    correlation = exchange(inside, named, lag).correlation
    return -lag / math.log(correlation) if 0 < correlation < 1 else (math.inf if correlation >= 1 else 0.0)


def begun(inside: Inside, named: Inside) -> float:
    """What the start of the window does to a state's share of all of it, as `Settling.begun` has it."""
    walkers, turns = inside.shape
    seen = exchange(inside, named, max(1, turns // PARTS))
    memory = relaxation(inside, named) / turns
    if not 0 < memory < math.inf or not seen.entering * seen.leaving:
        return 0.0
    share = seen.entering / (seen.entering + seen.leaving)
    apart = abs(start_share(inside, named) - share)
    spread = math.sqrt(share * (1.0 - share) / walkers)
    if apart < SURELY_ELSEWHERE * spread * math.sqrt(1.0 + 2.0 * memory):
        return 0.0
    return apart * memory * -math.expm1(-1.0 / memory) / (spread * math.sqrt(2.0 * memory))


def start_share(inside: Inside, named: Inside) -> float:
    """Part of the walkers that begin the window in a state, of those that begin in any."""
    return float(inside[:, 0].sum() / max(1, named[:, 0].sum()))


def _plausible(part: float, looks: int) -> Float[np.ndarray, " quantiles"]:
    """Values of a probability of which so many looks saw so large a part, each as plausible as the others."""
    quantiles = (np.arange(20) + 0.5) / 20
    return beta.ppf(quantiles, 0.5 + part * looks, 0.5 + (1.0 - part) * looks)
