"""Records of a chain whose answer is known, without an engine.

The target is a mixture of Gaussians, one a state. A jump is exact by construction: λ is drawn around ξ, λ̃ from the
flow, the path ends in equilibrium at λ̃, and its work is Gaussian with the mean that Crooks' relation demands,
ΔF(λ → λ̃) + σ²/2. So chain and BAR must both find -ln of the ratio of two weights.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from cvflow.core.frames import Frame, Outcome
from cvflow.proposals.io import to_bytes
from cvflow.proposals.mixture import GaussianMixture
from cvflow.store import Commit, FlowEntry, Header, MemoryStore, Record, turn_type

KT, KAPPA = 1.3, 300.0
BLUR = (KT / KAPPA) ** 0.5


@dataclass(frozen=True)
class Target:
    """Each component of the mixture is a state, told apart by the first CV."""

    density: GaussianMixture
    names: tuple[str, ...]
    walls: tuple[float, ...]
    cvs: tuple[str, ...]
    unit: str

    @property
    def states(self) -> dict[str, str]:
        edges = ["", *map(str, self.walls), ""]
        lower = [f"{self.cvs[0]} >= {edge}" if edge else "" for edge in edges[:-1]]
        upper = [f"{self.cvs[0]} < {edge}" if edge else "" for edge in edges[1:]]
        texts = [" and ".join(filter(None, pair)) for pair in zip(lower, upper, strict=True)]
        return dict(zip(self.names, texts, strict=True))

    def difference(self, state: int) -> float:
        """Exact F(state) - F(first) [kT]."""
        return -float(np.log(self.density.weights[state] / self.density.weights[0]))

    @property
    def blurred(self) -> GaussianMixture:
        """The density of λ."""
        sigmas = tuple(tuple((s**2 + BLUR**2) ** 0.5 for s in row) for row in self.density.sigmas)
        return replace(self.density, sigmas=sigmas)


POLYMER = Target(
    GaussianMixture(((3.53,), (5.65,)), ((0.17,), (0.22,)), (0.7, 0.3)), ("compact", "extended"), (4.62,), ("r",), ""
)
THREE = Target(
    GaussianMixture(((-2.0, 0.5), (0.0, -0.4), (2.0, 0.6)), ((0.25, 0.3), (0.2, 0.2), (0.3, 0.25)), (0.3, 0.2, 0.5)),
    ("left", "middle", "right"),
    (-1.0, 1.0),
    ("phi", "psi"),
    "rad",
)


class Lengths(NamedTuple):
    walkers: int = 4
    adapt: int = 40
    jumps: int = 160


DEFAULT = Lengths()


def fake_record(
    target: Target = POLYMER, lengths: Lengths = DEFAULT, sigma: float = 1.6, seed: int = 7, **header: object
) -> Record:
    """A run of an exact chain; `sigma` is the spread of the works [kT]."""
    rng = np.random.default_rng(seed)
    flows = _flows(target)
    store = MemoryStore(replace(_header(target, lengths), **header), np.zeros((lengths.walkers, 0, len(target.cvs))))
    for flow in flows:
        store.append_flow(_entry(flow, target))
    for walker in range(lengths.walkers):
        state = walker % len(target.names)
        point = np.array(target.density.means[state])
        for jump in range(lengths.adapt + lengths.jumps):
            production = jump >= lengths.adapt
            flow = flows[-1] if production else flows[min(jump * len(flows) // lengths.adapt, len(flows) - 1)]
            row, point, state = _turn(target, flow, point, state, sigma, rng)
            row["walker"], row["jump"], row["production"] = walker, jump, production
            store.append_turns(np.atleast_1d(row))
    store.commit(Commit([Frame(np.zeros((1, 3)), None)] * lengths.walkers, 321.5))
    return store.record()


def with_turns(record: Record, **fields: object) -> Record:
    """The same record with fields of its turns overwritten."""
    turns = record.turns.copy()
    for name, value in fields.items():
        turns[name] = value
    return record._replace(turns=turns)


def all_failed(record: Record) -> Record:
    """Every path diverged: works are NaN, and walkers move by local moves only."""
    turns, nan = record.turns, np.nan
    home = turns["cv_old"][turns["jump"] == 0][turns["walker"]]
    noise = 0.1 * np.random.default_rng(1).standard_normal((2, *home.shape))
    return with_turns(
        record,
        accepted=False,
        outcome=Outcome.DIVERGED,
        work=nan,
        protocol_work=nan,
        heat=nan,
        log_acceptance=nan,
        cv_old=home + noise[0],
        cv_end=home + noise[0],
        cv_kept=home + noise[0],
        cv=home + noise[1],
    )


def _turn(target, flow, point, state, sigma, rng):
    row = np.zeros((), turn_type(len(target.cvs)))
    start = point + BLUR * rng.standard_normal(len(point))
    end = flow.draw(1, rng)[0]
    log_q, log_p = flow.log_density(np.stack([start, end])), target.blurred.log_density(np.stack([start, end]))
    work = log_p[0] - log_p[1] + sigma**2 / 2 + sigma * rng.standard_normal()
    aim, there = _equilibrium_at(target, end, rng)
    log_acceptance = log_q[0] - log_q[1] - work
    accepted = np.log(rng.random()) < log_acceptance
    row["cv_old"], row["cv_end"], row["centre_old"], row["centre_new"] = point, there, start, end
    row["flow_version"], row["steps"], row["local_steps"] = flow.version, 700, 250
    row["log_q_old"], row["log_q_new"], row["log_acceptance"] = *log_q, log_acceptance
    row["work"], row["protocol_work"], row["accepted"] = work, work - 0.2 * rng.standard_normal(), accepted
    point, state = (there, aim) if accepted else (point, state)
    row["cv_kept"] = point
    mean, spread = (np.array(table[state]) for table in (target.density.means, target.density.sigmas))
    point = mean + 0.6 * (point - mean) + 0.8 * spread * rng.standard_normal(len(point))
    row["cv"], row["path_seconds"], row["local_seconds"] = point, 0.09, 0.03
    return row, point, state


def _equilibrium_at(target, centre, rng):
    """Draw state and ξ at a restraint centre: a Gaussian in each state, weighted by how well it explains λ."""
    means, sigmas = np.array(target.density.means), np.array(target.density.sigmas)
    broad = sigmas**2 + BLUR**2
    log_weight = np.log(target.density.weights) - 0.5 * ((centre - means) ** 2 / broad + np.log(broad)).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    state = int(rng.choice(len(weight), p=weight / weight.sum()))
    mean = (means[state] * BLUR**2 + centre * sigmas[state] ** 2) / broad[state]
    return state, mean + np.sqrt(BLUR**2 * sigmas[state] ** 2 / broad[state]) * rng.standard_normal(len(centre))


def _flows(target: Target) -> list[GaussianMixture]:
    """Ever sharper proposals, with weights that are never quite right."""
    even = (0.5, 0.5) if len(target.names) == 2 else (0.25, 0.5, 0.25)
    wider = [tuple(tuple(s * width for s in row) for row in target.density.sigmas) for width in (2.5, 1.6, 1.25, 1.1)]
    return [replace(target.density, sigmas=s, weights=even, version=version) for version, s in enumerate(wider)]


def _entry(flow: GaussianMixture, target: Target) -> FlowEntry:
    draws = target.blurred.draw(400, np.random.default_rng(flow.version))
    nll = -float(flow.log_density(draws).mean())
    return FlowEntry(flow.version, 36.7, nll, 96 + 80 * flow.version, 90, 1.7, to_bytes(flow, list(target.cvs)))


def _header(target: Target, lengths: Lengths) -> Header:
    return Header(
        seed=1,
        system="polymer",
        engine="openmm",
        cvs=list(target.cvs),
        units=[target.unit] * len(target.cvs),
        states=target.states,
        kT=KT,
        kappa=[KAPPA] * len(target.cvs),
        timestep=0.014,
        local_steps=250,
        walkers=lengths.walkers,
        workers=2,
        adapt_jumps=lengths.adapt,
        exact=True,
        exact_reason="local moves are Metropolised",
        notes=["the remover of centre-of-mass motion was taken out: it breaks reversibility"],
        config='[run]\nseed = 1\n[system]\nname = "polymer"\n',
        version="0.1.0",
    )
