import numpy as np
import pytest
from scipy import stats

from cvflow.core.frames import Outcome
from cvflow.proposals import GaussianMixture, Proposal
from cvflow.sampler.cv_jump import CVJump, restraint_jump
from cvflow.sampler.jump_proposal import Configurations, Learned, WalkerNoise

FLOW = GaussianMixture(((0.0, 1.0), (3.0, -1.0)), ((1.0, 1.0), (0.5, 2.0)), (0.4, 0.6))
LEARNED = Learned(FLOW, 5.0)
CV = np.array([0.3, -0.7])
JUMP = restraint_jump(kT=2.0, kappa=np.array([8.0, 2.0]), steps=100, periods=np.full(2, np.inf))


def proposed(jump, rng, cv=CV, learned=LEARNED):
    """For one walker."""
    return jump.propose(Configurations(cv[None]), learned, WalkerNoise(rng))


def steps(jump, a, b):
    """Of a path from one point to another, and back."""
    there, back = jump.lengths(a[None], b[None], LEARNED), jump.lengths(b[None], a[None], LEARNED)
    assert there == back
    return int(there[0])


def test_the_centre_is_drawn_from_its_conditional():
    """λ | x ~ N(ξ(x), kT/κ) over all of R, by the draw itself: chain tests hardly see it."""
    here, noise = Configurations(np.tile(CV, (20_000, 1))), WalkerNoise(np.random.default_rng(3))
    starts = JUMP.propose(here, LEARNED, noise).start
    for i, width in enumerate(np.sqrt(2.0 / np.array([8.0, 2.0]))):
        assert stats.kstest(starts[:, i], stats.norm(CV[i], width).cdf).pvalue > 1e-3


@pytest.mark.parametrize("kappa", [0.3, 1.5, 40.0])
def test_the_centre_on_a_circle_is_truncated_and_wrapped(kappa):
    """Not a wrapped normal: its density at x + d is that of the shortest arc alone."""
    jump = restraint_jump(2.0, np.array([kappa]), 100, np.array([2 * np.pi]))
    noise = WalkerNoise(np.random.default_rng(6))
    starts = jump.origin(np.full((20_000, 1), 2.9), noise)[:, 0]
    assert (np.abs(starts) <= np.pi).all()
    around = (starts - 2.9 + np.pi) % (2 * np.pi) - np.pi
    width = np.sqrt(2.0 / kappa)
    assert stats.kstest(around, stats.truncnorm(-np.pi / width, np.pi / width, 0, width).cdf).pvalue > 1e-3
    if kappa == 0.3:
        images = [(stats.norm(2 * np.pi * k, width)) for k in range(-4, 5)]
        wrong = stats.kstest(around, lambda d: sum(image.cdf(d) - image.cdf(-np.pi) for image in images))
        assert wrong.pvalue < 1e-6, "a wrapped normal is told apart"


def test_on_a_circle_everything_is_along_the_shortest_arc():
    mixture = GaussianMixture(((3.0, 0.0),), ((1.0, 1.0),), (1.0,), (2 * np.pi, np.inf))
    jump = restraint_jump(2.0, np.array([8.0, 2.0]), 100, np.array([2 * np.pi, np.inf]))
    a, b = np.array([3.0, 0.0]), np.array([-3.0, 0.0])
    assert steps(jump, a, b) == int(np.ceil(100 * np.sqrt(8) * (2 * np.pi - 6) / 5))
    rng = np.random.default_rng(7)
    orders = [proposed(jump, rng, a, Learned(mixture, 5.0)) for _ in range(500)]
    points = np.array([(order.start[0], order.end[0]) for order in orders])
    assert (np.abs(points[:, :, 0]) <= np.pi).all()
    assert (points[:, :, 0] < 0).any(axis=0).all(), "both ends are across the cut now and then"
    for order in orders[:20]:
        assert order.log_q_old[0] == pytest.approx(mixture.log_density_at(order.start[0]))


def test_the_order_carries_the_densities_of_both_ends():
    orders = proposed(JUMP, np.random.default_rng(4))
    assert orders.log_q_old[0] == pytest.approx(FLOW.log_density_at(orders.start[0]))
    assert orders.log_q_new[0] == pytest.approx(FLOW.log_density_at(orders.end[0]))


def test_path_length_is_proportional_to_distance_and_symmetric():
    rng = np.random.default_rng(5)
    for a, b in rng.normal(size=(100, 2, 2)):
        assert steps(JUMP, a, b) >= 1
    along = np.array([5.0 / np.sqrt(8.0), 0.0])
    assert steps(JUMP, np.zeros(2), along) == 100
    assert steps(JUMP, np.zeros(2), 2.5 * along) == 250
    assert steps(JUMP, np.zeros(2), np.zeros(2)) == 1


@pytest.mark.parametrize("wrong", [{"kappa": np.array([1.0, -1.0])}, {"steps": 0}])
def test_settings_out_of_range_raise(wrong):
    right = {"kT": 1.0, "kappa": np.ones(2), "steps": 10, "periods": np.full(2, np.inf)}
    with pytest.raises(ValueError, match="must"):
        restraint_jump(**(right | wrong))


@pytest.mark.parametrize("wrong", ["width", "scale"])
def test_widths_and_scales_are_not_negative(wrong):
    right = {"width": np.ones(1), "scale": np.ones(1), "steps": 1, "periods": np.ones(1), "ranges": np.ones((1, 2))}
    with pytest.raises(ValueError, match="negative"):
        CVJump(**(right | {wrong: -np.ones(1)}))


def test_states_that_do_not_differ_are_refused():
    with pytest.raises(ValueError, match="must differ"):
        proposed(JUMP, np.random.default_rng(0), learned=Learned(FLOW, 0.0))


class Nowhere(Proposal):
    """Draws far away, where its density is that of nothing."""

    version = 0

    def draw(self, count, rng):
        return np.full((count, 2), 9.0)

    def log_density(self, points):
        return np.where(points[:, 0] < 8, -1.0, -np.inf)


def test_a_walker_s_jump_to_where_nothing_is_needs_no_path():
    orders = proposed(JUMP, np.random.default_rng(0), learned=Learned(Nowhere(), 5.0))
    assert Outcome(orders.outcome[0]) is Outcome.OUT_OF_RANGE
    assert not orders.realised[0]


def test_a_proposal_outside_the_circle_is_misuse_for_one_walker_too():
    jump = restraint_jump(2.0, np.array([8.0, 2.0]), 100, np.array([2 * np.pi, np.inf]))
    with pytest.raises(ValueError, match="circle"):
        proposed(jump, np.random.default_rng(0), learned=Learned(Nowhere(), 5.0))


def test_many_walkers_are_proposed_what_one_would_be():
    """One implementation: what a batch draws, each chain alone draws with its own numbers."""

    class Given:
        """Numbers from tables, of some of the walkers."""

        def __init__(self, which):
            self.which = which

        def normal(self, walkers, reach):
            return NORMAL[self.which]

        def generator(self):
            return np.random.default_rng(0)

        def log_thresholds(self, walkers):
            return THRESHOLDS[self.which]

    class Listed(Proposal):
        version = 3

        def __init__(self, points):
            self.points = points

        def draw(self, count, rng):
            return self.points

        def log_density(self, points):
            return FLOW.log_density(points)

    rng = np.random.default_rng(1)
    NORMAL, THRESHOLDS, points = rng.standard_normal((5, 2)), np.log(rng.random(5)), FLOW.draw(5, rng)
    cv = FLOW.draw(5, rng)
    together = JUMP.propose(Configurations(cv), Learned(Listed(points), 5.0), Given(slice(None)))
    for walker in range(5):
        mine = slice(walker, walker + 1)
        alone = JUMP.propose(Configurations(cv[mine]), Learned(Listed(points[mine]), 5.0), Given(mine))
        for one, all_ in zip(alone[:9], together[:9], strict=True):
            np.testing.assert_array_equal(one, all_[mine])
