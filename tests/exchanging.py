"""Walkers that need no engine: they hop between named states, and forget where they were at a known rate."""

from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Frame
from cvflow.core.states import States
from cvflow.proposals.fit import FitSettings, Training
from cvflow.proposals.mixture import GaussianMixture
from cvflow.sampler.loop import Run
from cvflow.sampler.plan import Plan
from cvflow.sampler.walkers.base import GroupState, TurnResult, WalkerGroup
from cvflow.store import Header, MemoryStore, turn_type

TWO, THREE = (0.2, 0.8), (0.1, 0.3, 0.6)

LINE = CVSpace(("z",), ("",), (np.inf,), ((-np.inf, np.inf),))


def hops(weights, rate, walkers, turns, seed, begin=None):
    """States after each turn; in a turn a walker is drawn anew with probability `rate`. Even starts unless told."""
    rng = np.random.default_rng(seed)
    current = np.arange(walkers) % len(weights) if begin is None else begin
    labels = np.empty((walkers, turns), dtype=int)
    for turn in range(turns):
        labels[:, turn] = current = hop(current, weights, rate, rng)
    return labels


def hop(current, weights, rate, rng):
    drawn = np.minimum(np.searchsorted(np.cumsum(weights), rng.random(len(current))), len(weights) - 1)
    return np.where(rng.random(len(current)) < rate, drawn, current)


def settled(weights, walkers, seed):
    """States of walkers in equilibrium."""
    return np.random.default_rng(seed).choice(len(weights), size=walkers, p=weights)


def states(weights):
    """Of a CV that is the state's number."""
    return States({f"s{i}": f"{i - 0.5} < z < {i + 0.5}" for i in range(len(weights))}, ("z",))


@dataclass(frozen=True)
class Hopping(WalkerGroup):
    """A group of such walkers; the rate may depend on the version of the flow."""

    walkers: tuple[int, ...]
    weights: tuple[float, ...]
    rate: float
    seed: int
    gain: float = 0.0

    def group_state(self, current):
        return GroupState(current, [Frame(np.array([[float(state), 0.0, 0.0]]), None) for state in current])

    def take_turn(self, executor, group_state, jump, learned) -> "Future[TurnResult]":
        return executor.submit(self._turn, group_state.state, jump, learned.proposal.version)

    def _turn(self, current, jump, version):
        rng = np.random.default_rng((self.seed, self.walkers[0], jump))
        after = hop(current, self.weights, self.rate + self.gain * version, rng)
        rows = np.zeros(len(current), turn_type(1))
        rows["walker"], rows["jump"], rows["flow_version"] = self.walkers, jump, version
        rows["cv_old"][:, 0] = rows["centre_old"][:, 0] = current
        for name in ("cv_end", "cv_kept", "cv", "centre_new"):
            rows[name][:, 0] = after
        rows["accepted"] = True
        return TurnResult(self.group_state(after), rows)


def untrained(histories, space, blur, fit, previous, rng) -> Training:
    """A new version in no time."""
    version = 0 if previous is None else previous.version + 1
    samples = sum(map(len, histories))
    return Training(GaussianMixture(((0.0,),), ((1.0,),), (1.0,), version=version), 0.0, 0.0, 1, 1, samples, 1.0, 0.0)


def plan(weights, walkers, **settings) -> Plan:
    """Of a fixed proposal, unless one is learned."""
    return Plan(
        seed=1, walkers=walkers, retrain_every=settings.pop("retrain_every", 10 * walkers), scale=np.ones(1),
        blur=np.zeros(1), space=LINE, states=states(weights), fit=FitSettings(),
        learn=untrained, gives_up=False, **settings,
    )  # fmt: skip


def groups(weights, rate, walkers, seed, alone=False, gain=0.0):
    """All walkers in one group, or each in its own."""
    groups = [(walker,) for walker in range(walkers)] if alone else [tuple(range(walkers))]
    return [Hopping(group, weights, rate, seed, gain) for group in groups]


def begun(the_plan, the_groups, watch=lambda progress: None):
    """A run from even starts, and its store."""
    weights = the_groups[0].weights
    pilot = (np.arange(the_plan.walkers) % len(weights)).astype(float)[:, None, None]
    header = Header(
        seed=1, system="hopping", engine="batch", cvs=["z"], units=[""], states=dict(the_plan.states.expressions),
        kT=1.0, kappa=[], timestep=1.0, local_steps=1, walkers=the_plan.walkers, workers=1,
        adapt_jumps=the_plan.adapt_jumps, exact=True, exact_reason="by construction", notes=[], config="", version="0",
    )  # fmt: skip
    store = MemoryStore(header, pilot)
    group_states = [group.group_state(np.array(group.walkers) % len(weights)) for group in the_groups]
    return Run(the_plan, the_groups, store, pilot, group_states, watch=watch), store
