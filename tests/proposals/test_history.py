"""What a flow learns from: samples by their time, blocks held out, effective sizes."""

from math import inf, pi

import numpy as np
import pytest

from cvflow.proposals.history import FADING, LASTING, effective_size, replayed, split

LINE = np.array([inf])


def history(length, walker=0):
    return np.column_stack([np.arange(length), np.full(length, walker)]).astype(float)


def test_every_walker_has_the_same_say():
    kept = replayed([history(5000, 0), history(40, 1), history(900, 2)], 300)
    assert [len(chain) for chain in kept] == [100, 31, 100]
    assert [set(chain[:, 1]) for chain in kept] == [{0}, {1}, {2}]
    assert all((np.diff(chain[:, 0]) > 0).all() for chain in kept), "in the order of time, none twice"


def weight(part):
    """Of the first part of a history: it rises linearly from a tenth to one at the half."""
    risen = min(part, FADING)
    return LASTING * risen + (1 - LASTING) * risen**2 / (2 * FADING) + (part - risen)


@pytest.mark.parametrize(("length", "most"), [(400, 400), (400, 4000), (20_000, 5000), (900, 300)])
def test_the_older_half_fades(length, most):
    (kept,) = replayed([history(length)], most)
    assert len(kept) == min(most, round(weight(1) * length))
    for part in (0.1, 0.25, 0.5, 0.75, 1.0):
        assert (kept[:, 0] < part * length).mean() == pytest.approx(weight(part) / weight(1), abs=1.5 / len(kept))
    if most >= length:
        assert set(range(length // 2 + 1, length)) <= set(kept[:, 0]), "all of the younger half"


@pytest.mark.parametrize("length", [100, 400, 3000, 100_000])
def test_a_mode_seen_only_early_stays(length):
    """All walkers spent their first twentieth there: more than a tenth of its share stays, and less than half."""
    kept = np.concatenate(replayed([history(length, walker) for walker in range(4)], 5000))
    early = (kept[:, 0] < 0.05 * length).mean()
    assert 0.05 * LASTING < early < 0.5 * 0.05


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_short_histories(length):
    (kept,) = replayed([history(length)], 10)
    assert (length > 0) <= len(kept) <= length
    assert len(np.concatenate(replayed([history(length), history(5)], 1))) <= 2


@pytest.mark.parametrize(("length", "walkers"), [(1000, 4), (40, 8), (7, 3), (1, 10), (10, 1), (3, 4)])
def test_a_fifth_is_held_out_and_nothing_is_lost(length, walkers):
    chains = [history(length, walker) for walker in range(walkers)]
    seen, held_out = split(chains, 5, np.random.default_rng(0))
    together = np.concatenate([seen, held_out])
    assert len(np.unique(together, axis=0)) == len(together) == length * walkers
    assert 0 < len(held_out) <= 0.4 * len(together)
    if length >= 40:
        assert len(held_out) == pytest.approx(0.2 * len(together), rel=0.2)


def test_a_fifth_of_what_is_replayed_is_held_out():
    kept = replayed([history(1000, walker) for walker in range(4)], 4000)
    seen, held_out = split(kept, 5, np.random.default_rng(3))
    assert len(held_out) == pytest.approx(0.2 * 3100, rel=0.1)
    assert len(np.unique(np.concatenate([seen, held_out]), axis=0)) == 3100
    for part in (seen, held_out):
        assert (part[:, 0] < 500).mean() == pytest.approx(0.275 / 0.775, abs=0.05), "both parts fade alike"


def test_what_is_held_out_is_blocks_of_each_walker():
    chains = [history(1000, walker) for walker in range(4)]
    _, held_out = split(chains, 5, np.random.default_rng(1))
    begins = []
    for walker in range(4):
        mine = held_out[held_out[:, 1] == walker, 0]
        blocks = np.split(mine, np.flatnonzero(np.diff(mine) > 1) + 1)
        assert {len(block) for block in blocks} == {40}
        begins.append(mine[0])
    assert len(set(begins)) == 4, "another phase for each walker"


def test_a_short_visit_is_not_held_out_as_a_whole():
    """8 % of one walker's time, at any time and any phase."""
    for seed in range(5):
        seen, _ = split([history(1000)], 5, np.random.default_rng(seed))
        assert all(((seen[:, 0] >= begin) & (seen[:, 0] < begin + 80)).sum() >= 39 for begin in range(0, 920, 7))


def autoregressive(rho, shape, rng):
    x = rng.normal(size=shape)
    for i in range(1, shape[1]):
        x[:, i] = rho * x[:, i - 1] + np.sqrt(1 - rho**2) * x[:, i]
    return x


def test_the_effective_size_is_that_of_the_autocorrelation():
    x = autoregressive(0.9, (4, 4000), np.random.default_rng(2))
    assert effective_size(list(x[..., None]), LINE) == pytest.approx(16_000 * 0.1 / 1.9, rel=0.25)
    white = np.random.default_rng(3).normal(size=(4, 4000))
    both = np.stack([x, white], axis=2)
    assert effective_size(list(both), np.array([inf, inf])) == pytest.approx(16_000 * 0.1 / 1.9, rel=0.25)


def test_on_a_circle_the_edge_does_not_count():
    """The same walk in the middle and across ±π."""
    walk = 0.3 * autoregressive(0.8, (4, 2000), np.random.default_rng(4))
    across = (walk + pi + pi) % (2 * pi) - pi
    period = np.array([2 * pi])
    sizes = [effective_size(list(x[..., None]), period) for x in (walk, across)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


def test_walkers_that_never_leave_their_modes_are_worth_few():
    stuck = np.random.default_rng(5).normal(size=(4, 1000)) + 50 * np.array([[0], [0], [1], [1]])
    assert effective_size(list(stuck[..., None]), LINE) < 20


def test_histories_that_tell_nothing():
    assert np.isnan(effective_size([np.zeros((7, 1))] * 3, LINE))
    assert np.isnan(effective_size([np.zeros((20, 1))] * 3, LINE))
