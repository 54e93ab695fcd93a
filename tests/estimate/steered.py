"""Many steered paths at once of a particle on a landscape, as a record: their density along the CVs is a quadrature.

The CVs are the coordinates themselves, pulled by springs and moved by Verlet steps from fresh velocities. Starts are
exact and independent, so that nothing but the estimate is tested.
"""

import numpy as np

from cvflow.core.frames import LOOKS, Frame, Outcome
from cvflow.core.periodic import wrapped
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.proposals.base import Proposal
from cvflow.proposals.io import to_bytes
from cvflow.proposals.labelled import LabelledProposal
from cvflow.proposals.mixture import GaussianMixture
from cvflow.store import Commit, FlowEntry, Header, Record, turn_type
from tests.estimate.landscapes import WELL, Landscape

KAPPA, STEP, STEPS = 200.0, 0.02, 200
PROPOSAL = WELL.proposal

LABELS = LabelledProposal(
    ("left", "right"),
    tuple(GaussianMixture((m,), (s,), (1.0,)) for m, s in zip(PROPOSAL.means, PROPOSAL.sigmas, strict=True)),
    PROPOSAL.weights,
    within=False,
    version=0,
)
"""The same density by the states' labels."""


def steered(
    walkers: int,
    turns: int,
    seed: int,
    gives_up: bool = False,
    holds: float = 0.0,
    proposal: Proposal | None = None,
    landscape: Landscape = WELL,
    bias: StateBias = UNBIASED,
) -> Record:
    """A run whose turns are independent.

    Args:
        walkers: of the run.
        turns: of each.
        seed: of everything.
        gives_up: whether paths are given up on their way.
        holds: how much [kT] above the free energy a path must come for that.
        proposal: of the paths; the landscape's if left out.
        landscape: where.
        bias: of its states [kT].
    """
    rng, proposal = np.random.default_rng(seed), proposal or landscape.proposal
    count, cvs = walkers * turns, len(landscape.cvs)
    periods = np.full(cvs, landscape.period)
    rows = np.zeros(count, turn_type(cvs))
    old, kept = _biased(landscape, bias, count, rng), _biased(landscape, bias, count, rng)
    start = wrapped(old + KAPPA**-0.5 * rng.standard_normal((count, cvs)), periods)
    end = proposal.propose(start, rng).points
    with np.errstate(invalid="ignore"):
        log_q_old, log_q_new = (proposal.log_density(ends) for ends in (start, end))
    new, work, survival = _paths(landscape, rows, old, start, end, log_q_old + bias.of(old) + holds, rng)
    if gives_up:
        given_up = np.log(1 - rng.random(count)) > survival
        rows["log_survival"], work[given_up] = survival, np.nan
        rows["outcome"] = np.where(given_up, Outcome.GIVEN_UP, Outcome.COMPLETED)
    columns = {"cv_old": old, "cv_end": new, "centre_old": start, "centre_new": end, "cv_kept": old, "cv": kept}
    for name, column in columns.items():
        rows[name] = column
    rows["work"], rows["log_q_old"], rows["log_q_new"], rows["production"] = work, log_q_old, log_q_new, True
    rows["walker"], rows["jump"] = np.repeat(np.arange(walkers), turns), np.tile(np.arange(turns), walkers)
    flow = _flow(proposal, landscape)._replace(state_bias=bias.energies)
    return Record(_header(walkers, landscape), np.zeros((walkers, 1, cvs)), rows, [flow], _commit(walkers))


def _biased(landscape, bias, count, rng):
    """Exact and independent draws under a bias."""
    drawn = landscape.draws(count if not bias.energies else 20 * count, rng)
    if not bias.energies:
        return drawn
    weights = np.exp(-bias.of(drawn))
    taken = drawn[rng.random(len(drawn)) < weights / weights.max()]
    assert len(taken) >= count
    return taken[:count]


def _paths(landscape, rows, old, start, end, threshold, rng):
    """Verlet steps, energies at looks that read the same backwards; λ moves after the drift."""
    periods = np.full(len(landscape.cvs), landscape.period)
    way = wrapped(end - start, periods)
    x, v = old.copy(), rng.standard_normal(old.shape)
    survival = np.zeros(len(old))

    def energy(x, v, centre):
        spring = 0.5 * KAPPA * wrapped(x - centre, periods) ** 2
        return landscape.potential(x) + (spring + 0.5 * v * v).sum(axis=1)

    def force(x, centre):
        return landscape.slope(x) + KAPPA * wrapped(x - centre, periods)

    before = energy(x, v, start)
    v = v - 0.5 * STEP * force(x, start)
    half = (np.arange(1, LOOKS // 2 + 1) * STEPS) // (LOOKS + 1)
    stops = {int(step): i for i, step in enumerate([*half, *(STEPS - half[::-1])])}
    for step in range(1, STEPS + 1):
        x = x + STEP * v
        centre = start + way * step / STEPS
        kick = force(x, centre)
        v = v - STEP * kick
        if step in stops or step == STEPS:
            work = energy(x, v + 0.5 * STEP * kick, centre) - before
        if step in stops:
            look = stops[step]
            rows["look_fraction"][:, look], rows["look_work"][:, look] = step / STEPS, work
            rows["look_cv"][:, look] = wrapped(x, periods)
            survival = np.minimum(survival, threshold + landscape.potential(centre) - work)
    return wrapped(x, periods), work, survival


def _header(walkers: int, landscape: Landscape) -> Header:
    cvs = len(landscape.cvs)
    period = landscape.period if np.isfinite(landscape.period) else None
    return Header(
        seed=1, system="well", engine="none", cvs=list(landscape.cvs), units=[""] * cvs, states=landscape.states,
        kT=1.0, kappa=[KAPPA] * cvs, timestep=STEP, local_steps=1, walkers=walkers, workers=1, adapt_jumps=0,
        exact=True, exact_reason="", notes=[], config="", version="0", periods=[period] * cvs,
    )  # fmt: skip


def _flow(proposal: Proposal, landscape: Landscape) -> FlowEntry:
    return FlowEntry(0, 2.0, float("nan"), 0, 0, 0.0, to_bytes(proposal, list(landscape.cvs)))


def _commit(walkers: int) -> Commit:
    return Commit([Frame(np.zeros((1, 3)), None)] * walkers, 1.0)
