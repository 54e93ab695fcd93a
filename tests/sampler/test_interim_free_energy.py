"""Profiles and forecasts from pilot paths whose statistics are known."""

from math import inf, sqrt

import numpy as np
import pytest
from scipy.optimize import brentq

from cvflow.core.early_rejection import FRACTIONS, PROGRESS, allowance
from cvflow.core.states import States
from cvflow.run.cost_model import NOTHING, path_chance, price, prospect
from cvflow.sampler.interim_free_energy import InterimFreeEnergy, estimated, progress_between, unknown
from cvflow.store import turn_type

STATES = States({"low": "z < 2", "high": "z >= 2"}, ["z"])
SAMPLES = np.array([[-0.1], [0.1], [3.9], [4.1]])
COORDINATE = progress_between(STATES, SAMPLES, np.ones(1), np.full(1, inf))
HEIGHT, DIFFERENCE = 6.0, 1.0


def free_energy(z):
    """A hump between 0 and 4, and the difference of the two ends."""
    s = z / 4
    return 4 * HEIGHT * s * (1 - s) + DIFFERENCE * s


def pilots(count, dissipated, steps=320, seed=0):
    """Rows of paths from 0 to 4 and back whose works are normal and obey Crooks' relation, for a proposal exp(-F)."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(2 * count, dtype=turn_type(1))
    rows["centre_old"][:count], rows["centre_new"][:count] = 0.0, 4.0
    rows["centre_old"][count:], rows["centre_new"][count:] = 4.0, 0.0
    increments = rng.normal(dissipated / 16, sqrt(2 * dissipated / 16), (2 * count, 16))
    lost = np.concatenate([np.zeros((2 * count, 1)), increments.cumsum(axis=1)], axis=1)
    start, end = rows["centre_old"], rows["centre_new"]
    rows["interim"] = free_energy(start + (end - start) * FRACTIONS) - free_energy(start) + lost
    rows["work"] = rows["interim"][:, -1]
    rows["log_q_old"], rows["log_q_new"] = -free_energy(start)[:, 0], -free_energy(end)[:, 0]
    rows["steps"] = steps
    return rows


@pytest.mark.parametrize(("dissipated", "above"), [(2.0, 2.5), (5.0, 3.5)])
def test_the_profile_is_the_free_energy_and_what_is_allowed(dissipated, above):
    interim_free_energy = estimated(pilots(400, dissipated), COORDINATE)
    assert interim_free_energy.known.tolist() == [[False, True], [True, False]]
    inside = (PROGRESS >= 0) & (PROGRESS <= 1)
    apart = interim_free_energy.profiles[0, 1][inside] - free_energy(4 * PROGRESS[inside])
    assert np.abs(apart - above).max() < 0.25 * sqrt(dissipated)  # medians of 400 have errors of 0.06 √(2 · 2)
    np.testing.assert_array_equal(interim_free_energy.profiles[1, 0], interim_free_energy.profiles[0, 1][::-1])


def test_progress_is_the_projection():
    old, new = COORDINATE.progress(np.array([[1.0]]), np.array([[5.0]]), np.array([0]), np.array([1]))
    assert (old[0], new[0]) == pytest.approx((0.25, 1.25))


def torus(count):
    """Two states on a torus whose means are nearly half a turn apart, and the ends of paths between them."""
    states = States({"a": "x < 0", "b": "x >= 0"}, ["x", "y"])
    means, scale = np.array([[-1.5, 1.2], [1.4, -1.0]]), np.array([2.0, 1.0])
    coordinate = progress_between(states, means, scale, np.full(2, 2 * np.pi))
    rng = np.random.default_rng(4)
    start, end = rng.uniform(-np.pi, np.pi, (2, count, 2))
    start[:, 0], end[:, 0] = -np.abs(start[:, 0]), np.abs(end[:, 0])
    return coordinate, start, end, np.zeros(count, dtype=int), np.ones(count, dtype=int)


def test_progress_is_the_same_place_from_both_sides():
    coordinate, start, end, zeros, ones = torus(500)
    old, new = coordinate.progress(start, end, zeros, ones)
    back_old, back_new = coordinate.progress(end, start, ones, zeros)
    expected = np.where(np.isfinite(old), 1.0, np.nan)
    assert 100 < np.isfinite(expected).sum() < 400
    np.testing.assert_allclose(old + back_new, expected, atol=1e-12)
    np.testing.assert_allclose(new + back_old, expected, atol=1e-12)


def test_progress_grows_evenly_along_the_way_that_paths_go():
    """Projected in the plane that the torus is made of, where the path is a straight line; else it goes another way."""
    coordinate, start, end, zeros, ones = torus(500)
    old, new = coordinate.progress(start, end, zeros, ones)
    way = coordinate.scale * (coordinate.means[1] - coordinate.means[0])
    shortest = (end - start + np.pi) % (2 * np.pi) - np.pi
    slope = (coordinate.scale * shortest * way).sum(axis=1) / (way * way).sum()
    along = np.isfinite(old)
    np.testing.assert_allclose((new - old)[along], slope[along], atol=1e-12)
    over_the_edge = shortest[:, 0] < 0
    assert over_the_edge.sum() > 20
    assert not along[over_the_edge].any(), "the means are joined across x = 0"


def test_a_path_that_goes_another_way_is_run_to_its_end():
    coordinate, start, end, zeros, ones = torus(500)
    interim_free_energy = InterimFreeEnergy(coordinate, np.zeros((2, 2, len(PROGRESS))), ~np.eye(2, dtype=bool))
    criterion = interim_free_energy.criterion(start, end, np.zeros(500), np.full(500, -1.0))
    along = np.isfinite(coordinate.progress(start, end, zeros, ones)[0])
    np.testing.assert_array_equal(criterion.log_uniform, np.where(along, -1.0, -inf))


def test_what_is_lost_is_what_the_works_lose():
    found = prospect(pilots(400, 2.0), STATES, seed=0)
    assert found.steps == 320
    assert abs(found.dissipated - 2.0) < 4 * found.stderr
    assert found.stderr < 0.2


def worth(ratio, survival):
    """What a path tells of ΔF [1/kT²], from log q(λ_0) - log q(λ̃) - W of many: Bennett's variance, and mode changes."""
    fermi = 1 / (1 + np.exp(-ratio))
    return 1 / (4 * ((fermi**2 / survival).mean() / fermi.mean() ** 2 - 1)) + np.minimum(
        survival, np.exp(ratio)
    ).mean() / 4


@pytest.mark.parametrize("dissipated", [0.5, 2.0, 5.0])
def test_the_price_is_that_of_the_paths_themselves(dissipated):
    rows = pilots(20_000, dissipated)
    ratio = rows["log_q_old"] - rows["log_q_new"] - rows["work"]
    assert price(dissipated, gives_up=False) == pytest.approx(1 / worth(ratio, np.ones_like(ratio)), rel=0.05)
    profile = free_energy(4 * PROGRESS) + allowance(dissipated)
    right = InterimFreeEnergy(COORDINATE, np.array([[profile] * 2] * 2), np.ones((2, 2), dtype=bool))
    criterion = right.criterion(rows["centre_old"], rows["centre_new"], rows["log_q_old"], np.zeros(len(rows)))
    every = np.arange(len(rows))
    back = rows["centre_old"][:, 0] > 2
    criterion = criterion._replace(profile=np.where(back[:, None], criterion.profile[:, ::-1], criterion.profile))
    curves = [
        criterion.log_acceptance(every, np.full(len(rows), t), rows["interim"][:, k].astype(float))
        for k, t in enumerate(FRACTIONS[:-1])
    ]
    alive = np.exp(np.minimum(0.0, np.minimum.accumulate(np.array(curves), axis=0)))
    assert price(dissipated, gives_up=True) == pytest.approx(alive.mean() / worth(ratio, alive[-1]), rel=0.05)


def cost_of_bar(dissipated, allowed, runs=300):
    """Path lengths run for ΔF ± 1 kT by BAR, from its spread over runs of 100 paths each way that are held so close."""
    found, went = [], []
    for seed in range(runs):
        rows = pilots(100, dissipated, seed=seed)
        lost = rows["interim"] + free_energy(rows["centre_old"])
        lost -= free_energy(rows["centre_old"] + (rows["centre_new"] - rows["centre_old"]) * FRACTIONS)
        alive = np.exp(np.minimum(0.0, np.minimum.accumulate(allowed - lost[:, :-1], axis=1)))
        weight = (np.random.default_rng(seed).random(200) < alive[:, -1]) / alive[:, -1]

        def unequal(shift, lost=lost[:, -1], weight=weight):
            fermi = weight / (1 + np.exp(lost + np.repeat([-shift, shift], 100)))
            return fermi[:100].sum() - fermi[100:].sum()

        found.append(brentq(unequal, -20, 20))
        went.append(alive.mean())
    return 200 * np.var(found) * np.mean(went)


@pytest.mark.parametrize(("dissipated", "stricter"), [(1.0, 1.3), (2.0, 1.15), (4.0, 1.05)])
def test_what_is_allowed_costs_less_than_to_be_stricter_and_no_more_than_to_run_on(dissipated, stricter):
    """The same works, held closer; half of what is lost is where most mode changes are had for the path steps."""
    allowed = cost_of_bar(dissipated, allowance(dissipated))
    assert cost_of_bar(dissipated, 0.5 * dissipated) > stricter * allowed
    assert allowed < 1.02 * cost_of_bar(dissipated, 20.0)
    chance = path_chance(dissipated, gives_up=True)
    assert chance.travelled * chance.variance == pytest.approx(allowed, rel=0.25)  # a spread of 300 is known to 8 %


@pytest.mark.parametrize("gives_up", [True, False])
def test_however_much_is_lost_there_is_a_price(gives_up):
    """A spring dragged through a bond in 64 steps loses thousands of kT; chances are zero in double precision then."""
    prices = [price(lost, gives_up=gives_up) for lost in (-1.0, 0.0, 10.0, 300.0, 3000.0, 30000.0)]
    assert not np.isnan(prices).any()
    assert np.array_equal(prices, np.sort(prices))
    assert prices[0] > 0


def test_the_proposal_s_densities_do_not_come_in():
    rows = pilots(40, 2.0)
    wrong = rows.copy()
    wrong["log_q_old"] += 1.5
    assert prospect(wrong, STATES, seed=0) == prospect(rows, STATES, seed=0)


def test_settings_at_which_nothing_is_accepted_can_be_compared():
    lost = [prospect(pilots(40, lost), STATES, seed=0).dissipated for lost in (60.0, 40.0, 20.0)]
    assert lost[0] > lost[1] + 10 > lost[2] + 20


def test_the_error_is_the_spread():
    found = [prospect(pilots(40, 2.0, seed=seed), STATES, seed=0) for seed in range(20)]
    spread = np.std([each.dissipated for each in found])
    assert 0.5 < np.mean([each.stderr for each in found]) / spread < 2.0


def test_failed_paths_are_lost_altogether():
    rows = pilots(40, 2.0)
    rows["work"][:] = np.nan
    assert prospect(rows, STATES, seed=0).dissipated == inf


def test_too_few_paths_tell_nothing():
    rows = pilots(7, 2.0)
    interim_free_energy = estimated(rows, COORDINATE)
    assert not interim_free_energy.known.any()
    assert prospect(rows, STATES, seed=0).dissipated == NOTHING.dissipated == inf
    decided = unknown(COORDINATE).criterion(np.zeros((1, 1)), np.full((1, 1), 4.0), np.zeros(1), np.full(1, -1.0))
    assert decided.log_uniform[0] == -inf
