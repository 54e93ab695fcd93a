"""Many steered paths at once of a particle in a double well, as a record: their density along the CV is a quadrature.

The CV is the position itself, pulled by a spring and moved by Verlet steps from fresh velocities. Starts are exact and
independent, so that nothing but the estimate is tested.
"""

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import LOOKS, Frame, Outcome
from cvflow.proposals.base import Proposal
from cvflow.proposals.io import to_bytes
from cvflow.proposals.labelled import LabelledProposal
from cvflow.proposals.mixture import GaussianMixture
from cvflow.store import Commit, FlowEntry, Header, Record, turn_type

KAPPA, STEP, STEPS = 200.0, 0.02, 200
GRID = np.linspace(-2.2, 2.2, 4401)
PROPOSAL = GaussianMixture(((-1.0,), (1.05,)), ((0.3,), (0.16,)), (0.35, 0.65))
"""Wrong on purpose."""

LABELS = LabelledProposal(
    ("left", "right"),
    tuple(GaussianMixture((m,), (s,), (1.0,)) for m, s in zip(PROPOSAL.means, PROPOSAL.sigmas, strict=True)),
    PROPOSAL.weights,
    within=False,
    version=0,
)
"""The same density by the states' labels."""

STATES = {"left": "x < -0.2", "right": "x > 0.2"}


def potential(x: np.ndarray) -> np.ndarray:
    """In kT; the barrier is 6 kT high, the wells differ by 1.2."""
    return 6 * (x * x - 1) ** 2 + 0.6 * x


def slope(x: np.ndarray) -> np.ndarray:
    """Of the potential."""
    return 24 * x * (x * x - 1) + 0.6


def masses(edges: Float[np.ndarray, " edges"]) -> Float[np.ndarray, " bins"]:
    """Exact probabilities of bins."""
    weight = np.exp(-potential(GRID))
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (weight[1:] + weight[:-1]))])
    return np.diff(np.interp(edges, GRID, cumulative)) / cumulative[-1]


def draws(count: int, rng: np.random.Generator) -> np.ndarray:
    """Exact and independent."""
    cumulative = np.cumsum(np.exp(-potential(GRID)))
    return np.interp(rng.random(count), cumulative / cumulative[-1], GRID)


def steered(
    walkers: int, turns: int, seed: int, gives_up: bool = False, holds: float = 0.0, proposal: Proposal = PROPOSAL
) -> Record:
    """A run whose turns are independent.

    Args:
        walkers: of the run.
        turns: of each.
        seed: of everything.
        gives_up: whether paths are given up on their way.
        holds: how much [kT] above the free energy a path must come for that.
        proposal: of the paths.
    """
    rng = np.random.default_rng(seed)
    count = walkers * turns
    rows = np.zeros(count, turn_type(1))
    old, kept = draws(count, rng), draws(count, rng)
    start = old + KAPPA**-0.5 * rng.standard_normal(count)
    end = proposal.propose(start[:, None], rng).points[:, 0]
    with np.errstate(invalid="ignore"):
        log_q_old, log_q_new = (proposal.log_density(ends[:, None]) for ends in (start, end))
    new, work, survival = _paths(rows, old, start, end, log_q_old + holds, rng)
    if gives_up:
        given_up = np.log(1 - rng.random(count)) > survival
        rows["log_survival"], work[given_up] = survival, np.nan
        rows["outcome"] = np.where(given_up, Outcome.GIVEN_UP, Outcome.COMPLETED)
    columns = {"cv_old": old, "cv_end": new, "centre_old": start, "centre_new": end, "cv_kept": old, "cv": kept}
    for name, column in columns.items():
        rows[name][:, 0] = column
    rows["work"], rows["log_q_old"], rows["log_q_new"], rows["production"] = work, log_q_old, log_q_new, True
    rows["walker"], rows["jump"] = np.repeat(np.arange(walkers), turns), np.tile(np.arange(turns), walkers)
    return Record(_header(walkers), np.zeros((walkers, 1, 1)), rows, [_flow(proposal)], _commit(walkers))


def _paths(rows, old, start, end, threshold, rng):
    """Verlet steps, energies at looks that read the same backwards; λ moves after the drift."""
    x, v = old.copy(), rng.standard_normal(len(old))
    survival = np.zeros(len(old))
    before = _energy(x, v, start)
    kick = slope(x) + KAPPA * (x - start)
    v = v - 0.5 * STEP * kick
    half = (np.arange(1, LOOKS // 2 + 1) * STEPS) // (LOOKS + 1)
    stops = {int(step): i for i, step in enumerate([*half, *(STEPS - half[::-1])])}
    for step in range(1, STEPS + 1):
        x = x + STEP * v
        centre = start + (end - start) * step / STEPS
        kick = slope(x) + KAPPA * (x - centre)
        v = v - STEP * kick
        if step in stops or step == STEPS:
            work = _energy(x, v + 0.5 * STEP * kick, centre) - before
        if step in stops:
            look = stops[step]
            rows["look_fraction"][:, look], rows["look_work"][:, look] = step / STEPS, work
            rows["look_cv"][:, look, 0] = x
            survival = np.minimum(survival, threshold + potential(centre) - work)
    return x, work, survival


def _energy(x, v, centre):
    return potential(x) + 0.5 * KAPPA * (x - centre) ** 2 + 0.5 * v * v


def _header(walkers: int) -> Header:
    return Header(
        seed=1, system="well", engine="none", cvs=["x"], units=[""], states=STATES, kT=1.0, kappa=[KAPPA],
        timestep=STEP, local_steps=1, walkers=walkers, workers=1, adapt_jumps=0, exact=True, exact_reason="",
        notes=[], config="", version="0", periods=[None],
    )  # fmt: skip


def _flow(proposal: Proposal) -> FlowEntry:
    return FlowEntry(0, 2.0, float("nan"), 0, 0, 0.0, to_bytes(proposal, ["x"]))


def _commit(walkers: int) -> Commit:
    return Commit([Frame(np.zeros((1, 3)), None)] * walkers, 1.0)
