"""Many short exact runs at once, whose free energies are known: what error bars are held against, without an engine.

The target is p(z) p(y | z): z a mixture of normals six apart, one a state, and y | z ~ N(z, 1). A jump draws z̃ from a
mixture that is wrong on purpose and drives z there in equal steps; at each stop y takes an exact Ornstein–Uhlenbeck
step, at the first and the last one too, so that the path reads the same backwards (docs/theory.md, 7.2) and the works
are no normal ones. Paths may be given up on their way (8.1). Local moves are Metropolised, and leave y correlated. The
walkers of all runs move as one array, which is then cut into runs.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from cvflow.core.frames import Frame, Outcome
from cvflow.proposals.io import to_bytes
from cvflow.proposals.mixture import GaussianMixture
from cvflow.store import Commit, FlowEntry, Header, Record, turn_type

BURN_IN = 20
_RELAX, _STEP = 0.6, 0.7
_FIELDS = ("cv_old", "centre_new", "cv_kept", "cv", "log_q_old", "log_q_new", "work", "log_survival", "accepted")


@dataclass(frozen=True)
class Relaxing:
    """What is sampled, and how.

    Attributes:
        weights: of the states.
        stops: of a path.
        gives_up: whether paths are given up on their way.
        memory: what a local move leaves of y: the more, the longer a walker's chances are what they were.
        bias: of the states [kT]; none where it is empty.
    """

    weights: tuple[float, ...] = (0.7, 0.3)
    stops: int = 8
    gives_up: bool = False
    memory: float = 0.8
    bias: tuple[float, ...] = ()

    @property
    def means(self) -> list[float]:
        return [6.0 * i for i in range(len(self.weights))]

    @property
    def walls(self) -> list[float]:
        return [0.5 * (a + b) for a, b in pairwise(self.means)]

    @property
    def states(self) -> dict[str, str]:
        inner = [f"{low} <= z and z < {high}" for low, high in pairwise(self.walls)]
        texts = [f"z < {self.walls[0]}", *inner, f"z >= {self.walls[-1]}"]
        return {f"s{i}": text for i, text in enumerate(texts)}

    @cached_property
    def target(self) -> GaussianMixture:
        ones = tuple((1.0,) for _ in self.weights)
        return GaussianMixture(tuple((mean,) for mean in self.means), ones, self.weights)

    @cached_property
    def proposal(self) -> GaussianMixture:
        """Wider, moved, and of equal weights."""
        each = tuple((1.3,) for _ in self.weights)
        even = tuple(1 / len(self.weights) for _ in self.weights)
        return GaussianMixture(tuple((mean + 0.3,) for mean in self.means), each, even)

    def population(self, low: float, high: float) -> float:
        """Of an interval of z, in equilibrium."""
        parts = zip(self.weights, self.means, strict=True)
        return float(sum(w * (norm.cdf(high, mean) - norm.cdf(low, mean)) for w, mean in parts))

    def difference(self, state: int) -> float:
        """Exact F(state) - F(first) [kT]."""
        edges = [-np.inf, *self.walls, np.inf]
        shares = [self.population(low, high) for low, high in pairwise(edges)]
        return float(np.log(shares[0] / shares[state]))

    def runs(self, count: int, walkers: int, turns: int, seed: int) -> list[Record]:
        """Independent runs; their walkers start in equilibrium."""
        rng = np.random.default_rng(seed)
        even = np.array(self.weights) * np.exp(-np.array(self.bias or np.zeros(len(self.weights))))
        begun = replace(self.target, weights=tuple(even / even.sum()))
        z = begun.draw(count * walkers, rng)[:, 0]
        y = z + rng.standard_normal(len(z))
        for _ in range(BURN_IN):
            z, y, _ = self._turn(z, y, rng)
        made = []
        for jump in range(turns):
            z, y, rows = self._turn(z, y, rng)
            rows["jump"] = jump
            made.append(rows)
        chains = np.stack(made, axis=1)
        return [self._record(chains[i * walkers : (i + 1) * walkers]) for i in range(count)]

    def _turn(self, z, y, rng):
        end = self.proposal.draw(len(z), rng)[:, 0]
        old, new = (self.proposal.log_density(ends[:, None]) for ends in (z, end))
        rise = self._bias(end) - self._bias(z)
        work, moved, survival = self._path(z, end, y, old + self._bias(z), rng)
        log_uniform = np.log(1 - rng.random(len(z)))
        arrives = log_uniform < survival
        accepted = arrives & (log_uniform < old - new - work - rise)
        kept, beside = np.where(accepted, end, z), np.where(accepted, moved, y)
        after, y = self._local(kept, beside, rng)
        rows = np.zeros(len(z), turn_type(1))
        work = np.where(arrives, work, np.nan)
        for name, column in zip(_FIELDS, (z, end, kept, after, old, new, work, survival, accepted), strict=True):
            rows[name].reshape(len(rows), -1)[:, 0] = column
        rows["centre_old"], rows["cv_end"] = rows["cv_old"], np.where(arrives, end, z)[:, None]
        rows["outcome"] = np.where(arrives, Outcome.COMPLETED, Outcome.GIVEN_UP)
        rows["log_acceptance"] = old - new - work - rise
        return after, y, rows

    def _path(self, z, end, y, log_q_old, rng):
        work, here, survival = np.zeros(len(z)), z, np.zeros(len(z))
        for stop in range(self.stops + 1):
            there = z + (end - z) * stop / self.stops
            work = work + self._energy(there, y) - self._energy(here, y)
            y = there + _RELAX * (y - there) + np.sqrt(1 - _RELAX**2) * rng.standard_normal(len(y))
            here = there
            if self.gives_up and 0 < stop < self.stops:
                chance = log_q_old - self.target.log_density(here[:, None]) - work
                survival = np.minimum(survival, chance)
        return work, y, survival

    def _bias(self, z):
        return np.array([*self.bias, 0.0])[np.digitize(z, self.walls) if self.bias else -1]

    def _energy(self, z, y):
        return 0.5 * (y - z) ** 2 - self.target.log_density(z[:, None])

    def _local(self, z, y, rng):
        shift = _STEP * rng.standard_normal(len(z))
        log_ratio = self._energy(z, y) - self._energy(z + shift, y + shift) + self._bias(z) - self._bias(z + shift)
        shift = np.where(np.log(rng.random(len(z))) < log_ratio, shift, 0.0)
        z, y = z + shift, y + shift
        return z, z + self.memory * (y - z) + np.sqrt(1 - self.memory**2) * rng.standard_normal(len(z))

    def _record(self, chains: np.ndarray) -> Record:
        walkers = len(chains)
        rows = chains.copy()
        rows["walker"], rows["production"], rows["steps"] = np.arange(walkers)[:, None], True, self.stops
        flow = to_bytes(self.proposal, ["z"])
        entry = FlowEntry(0, 6.0, float("nan"), 0, 0, 0.0, flow, state_bias=self.bias)
        commit = Commit([Frame(np.zeros((1, 3)), None)] * walkers, 1.0)
        return Record(self._header(walkers), np.zeros((walkers, 0, 1)), rows.reshape(-1), [entry], commit)

    def _header(self, walkers: int) -> Header:
        return Header(
            seed=1, system="relaxing", engine="batch", cvs=["z"], units=[""], states=self.states, kT=1.0, kappa=[],
            timestep=1.0, local_steps=1, walkers=walkers, workers=1, adapt_jumps=0, exact=True, exact_reason="",
            notes=[], config="", version="0",
        )  # fmt: skip


def spread(values: list[tuple[float, float]], exact: float) -> Float[np.ndarray, " runs"]:
    """z of values and their errors: how far from the exact one, in errors."""
    found = np.array(values)
    return (found[:, 0] - exact) / found[:, 1]
