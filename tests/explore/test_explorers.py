"""What every explorer has to keep: known answers, errors that hold, a true account of its cost, one stream."""

import pytest
import torch

from cvflow.explore.base import Explorer
from cvflow.explore.exchange import ReplicaExchange
from cvflow.explore.sequential import SequentialMonteCarlo
from tests.explore import lopsided

EXPLORERS = {
    explorer.name: explorer
    for explorer in (
        SequentialMonteCarlo(particles=4096, populations=32, efficiency=0.9, moves=2, steps=4),
        ReplicaExchange(ladders=32, scans=40, steps=3),
    )
}
EACH = pytest.mark.parametrize("name", EXPLORERS)
FEW, SEEDS = 4, 200


def explored(name, seed, target=None):
    return EXPLORERS[name].explore(target or lopsided.target(), lopsided.STARTS, lopsided.generator(seed))


def test_all_explorers_are_listed():
    assert {kind.name for kind in Explorer.__subclasses__()} == set(EXPLORERS)
    assert all(kind.claim for kind in Explorer.__subclasses__())


def z_scores(name, seeds):
    """Of log Z and of a mode's weight, one row a seed; both starts lie in the mode of the greater weight."""
    z = []
    for seed in range(seeds):
        found = explored(name, seed)
        share = found.average(lopsided.first(found.x))
        pairs = ((found.log_z, lopsided.LOG_Z), (share, lopsided.SHARE))
        z.append([(estimate.value - exact) / estimate.stderr for estimate, exact in pairs])
        assert found.log_z.stderr < 0.2
        assert share.stderr < 0.06
    return torch.tensor(z)


@EACH
def test_log_z_and_a_mode_s_weight_lie_within_their_errors(name):
    z = z_scores(name, FEW)
    assert (z.mean(dim=0).abs() < 4 / FEW**0.5).all()
    assert (z.abs() < 4.5).all()


@pytest.mark.slow
@EACH
def test_errors_of_log_z_and_of_a_mode_s_weight_hold(name):
    z = z_scores(name, SEEDS)
    print(f"{name}: z of log Z and of the weight, mean {z.mean(dim=0).tolist()}, sd {z.std(dim=0).tolist()}")
    assert (z.mean(dim=0).abs() < 4 / SEEDS**0.5).all()
    assert ((z.std(dim=0) > 0.9) & (z.std(dim=0) < 1.1)).all()


@EACH
def test_it_gives_what_it_says(name):
    """Weights, groups, joint moments, and each evaluation counted."""
    counted = []

    def energy(x):
        counted.append(len(x))
        return lopsided.energy(x)

    found = explored(name, 3, lopsided.target(energy))
    assert found.evaluations == sum(counted)
    assert float(found.weights.sum()) == pytest.approx(1)
    assert found.x.shape == (len(found.weights), 2)
    assert found.x.dtype == torch.float64
    assert sorted(set(found.groups.tolist())) == list(range(32))
    assert 32 < found.effective_samples <= len(found.x) * (1 + 1e-12)
    across = found.average((found.x[:, 1] - found.x[:, 0] / 2) ** 2)
    assert abs(across.value - 0.25) < 4 * across.stderr


@EACH
def test_the_generator_is_all_its_chance(name):
    one, same, other = (explored(name, seed) for seed in (1, 1, 2))
    assert torch.equal(one.x, same.x)
    assert one.log_z == same.log_z
    assert not torch.equal(one.x, other.x)


@EACH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_is_the_starts(name, dtype):
    reference = lopsided.target().reference
    target = lopsided.target(mean=reference.mean.tolist())
    low = type(reference)(reference.mean.to(dtype), reference.spread)
    found = EXPLORERS[name].explore(
        type(target)(target.potential, target.kT, target.masses, low), lopsided.STARTS.to(dtype), lopsided.generator(0)
    )
    assert found.x.dtype == dtype
    assert abs(found.average(lopsided.first(found.x).to(found.weights)).value - lopsided.SHARE) < 0.2


@EACH
def test_walls_without_energy_beyond_them_are_kept_to(name):
    """Where the energy is no number nothing can be; the reference draws there all the same."""

    def walled(x):
        return torch.where(x[:, 0] > -0.6, lopsided.energy(x), torch.nan)

    found = explored(name, 0, lopsided.target(walled))
    assert (found.x[:, 0] > -0.6).all()
    expected = lopsided.LOG_Z + torch.log(torch.tensor(1 - lopsided.SHARE)).item()
    assert abs(found.log_z.value - expected) < 4 * found.log_z.stderr


@EACH
def test_a_reference_that_is_nowhere_near_is_said(name):
    with pytest.raises(ArithmeticError, match=r"has a finite energy: give another explore\.spread"):
        explored(name, 0, lopsided.target(lambda x: torch.full_like(x[:, 0], torch.nan)))


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (SequentialMonteCarlo, {"particles": 100, "populations": 32}),
        (SequentialMonteCarlo, {"particles": 16, "populations": 16}),
        (SequentialMonteCarlo, {"particles": 18, "populations": 3}),
        (SequentialMonteCarlo, {"efficiency": 1.0}),
        (SequentialMonteCarlo, {"moves": 0}),
        (ReplicaExchange, {"ladders": 3}),
        (ReplicaExchange, {"scans": 0}),
        (ReplicaExchange, {"rejection": 0.0}),
    ],
)
def test_settings_out_of_range_raise(kind, settings):
    with pytest.raises(ValueError):
        kind(**settings)
