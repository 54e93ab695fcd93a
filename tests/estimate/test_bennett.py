"""Free-energy differences from works of both ways: Gaussians by a map, and a flow's density against a target."""

import numpy as np
import pymbar
import pytest

from cvflow.estimate.bennett import bennett
from cvflow.estimate.importance import log_normalisation
from cvflow.estimate.mapped_works import in_place, mapped_works
from tests.estimate.targets import LOG_Z, WIDER, energy, remembering, right

WIDTHS, OTHERS = np.array([1.0, 0.5, 2.0]), np.array([0.7, 1.2, 1.5])
PLACE = np.array([1.0, -2.0, 0.5])
EXACT = -np.log(OTHERS / WIDTHS).sum()
"""F of the second Gaussian less that of the first [kT]."""

STRETCH, SHIFT = np.array([0.8, 2.0, 0.8]), np.array([0.9, -1.8, 0.6])
"""Of a map that leads near the second one, not to it."""


def first(x):
    return 0.5 * ((x / WIDTHS) ** 2).sum(axis=1)


def second(x):
    return 0.5 * (((x - PLACE) / OTHERS) ** 2).sum(axis=1)


def there(x):
    return STRETCH * x + SHIFT, np.full(len(x), np.log(STRETCH).sum())


def back(x):
    return (x - SHIFT) / STRETCH, np.full(len(x), -np.log(STRETCH).sum())


def no_volume(by):
    """A mutant: the map without its volume change."""
    return lambda x: (by(x)[0], np.zeros(len(x)))


def works(seed, onward=there, backward=back):
    rng = np.random.default_rng(seed)
    begun, ended = WIDTHS * rng.standard_normal((500, 3)), PLACE + OTHERS * rng.standard_normal((300, 3))
    return mapped_works(begun, first, second, onward)[None], mapped_works(ended, second, first, backward)[None]


def deviations(found, exact):
    return np.array([(one.value - exact) / one.stderr for one in found])


def test_a_mapped_difference_and_its_error_are_right():
    """Wirnsberger's targeted perturbation, both ways; the same works one way are Jarzynski's."""
    both = [works(seed) for seed in range(200)]
    found = [bennett(*each) for each in both]
    assert right(deviations(found, EXACT))
    assert not any(one.caution for one in found)
    one_way = [log_normalisation(-onward) for onward, _ in both]
    known = [one for one in one_way if not one.caution]
    assert len(known) > 150
    z = -deviations(known, -EXACT)
    assert abs(z.mean()) < 0.4
    assert 0.85 < z.std() < 1.15


def test_a_map_near_the_other_target_is_worth_many_draws():
    mapped, plain = bennett(*works(0)).stderr, bennett(*works(0, in_place, in_place)).stderr
    assert mapped < plain / 5


def test_a_map_without_its_volume_is_caught():
    mutants = [bennett(*works(seed, no_volume(there), no_volume(back))) for seed in range(20)]
    assert abs(deviations(mutants, EXACT)).min() > 5
    turned = [bennett(works(seed)[0], -works(seed)[1]) for seed in range(20)]
    assert abs(deviations(turned, EXACT)).mean() > 5, "the mutant: works back as if they went onward"


def test_it_is_pymbars():
    onward, backward = works(3)
    found, peer = bennett(onward, backward), pymbar.bar(onward[0], backward[0])
    assert found.value == pytest.approx(peer["Delta_f"], abs=1e-6)
    assert found.stderr == pytest.approx(peer["dDelta_f"], rel=0.1)


def against_the_target(seed, log_z=LOG_Z, memory=0.0, draws=300):
    """Works from a normalised density to the target, and from chains of the target to the density."""
    rng = np.random.default_rng([seed, round(10 * log_z)])
    drawn = WIDER.draw(draws, rng)
    chains = [remembering(draws // 2, memory, rng) for _ in range(2)]

    def target(points):
        return energy(points, log_z)

    def log_less(points):
        return -WIDER.log_density(points)

    onward = mapped_works(drawn, log_less, target, in_place)
    return onward[None], np.stack([mapped_works(chain, target, log_less, in_place) for chain in chains])


def test_deep_bar_has_log_z_with_a_right_error():
    """F of the target less that of a normalised density, which is zero: -log Z."""
    found = [bennett(*against_the_target(seed)) for seed in range(200)]
    assert right(deviations(found, -LOG_Z))


def test_its_error_knows_of_correlated_chains():
    both = [against_the_target(seed, memory=0.8, draws=800) for seed in range(200)]
    assert right(deviations([bennett(*each) for each in both], -LOG_Z))
    apart = [bennett(onward, backward.T.reshape(1, -1)[:, np.random.default_rng(0).permutation(800)])
             for onward, backward in both]  # fmt: skip
    assert not right(deviations(apart, -LOG_Z)), "the mutant: as if draws of a chain were independent"


def test_states_by_difference():
    """Ding and Zhang: two targets, each against the density, have a difference without any path between them."""
    pairs = [[bennett(*against_the_target(seed, log_z)) for log_z in (LOG_Z, 1.2)] for seed in range(200)]
    z = np.array([(b.value - a.value - (LOG_Z - 1.2)) / np.hypot(a.stderr, b.stderr) for a, b in pairs])
    assert right(z)


def test_works_that_do_not_overlap_are_told():
    found = bennett(30.0 + np.arange(100.0)[None], 20.0 + np.arange(100.0)[None])
    assert "hardly overlap" in found.caution
    assert found.effective < 10


def test_a_work_may_be_infinite():
    onward, backward = works(1)
    some = onward.copy()
    some[0, 0] = np.inf
    assert bennett(some, backward).value == pytest.approx(bennett(onward, backward).value, abs=0.02)


@pytest.mark.parametrize("wrong", [np.nan, -np.inf])
def test_what_is_no_work_is_refused(wrong):
    onward, backward = works(1)
    onward[0, 0] = wrong
    with pytest.raises(ValueError, match="bennett: works onward must be numbers"):
        bennett(onward, backward)
    with pytest.raises(ValueError, match="bennett: works back must be numbers"):
        bennett(backward, backward[:, :0])
