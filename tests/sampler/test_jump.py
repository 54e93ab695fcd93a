import numpy as np
import pytest
from scipy import stats

from cvflow.core.frames import Frame
from cvflow.proposals import GaussianMixture
from cvflow.sampler.jump import JumpState, RestraintJump

FLOW = GaussianMixture(((0.0, 1.0), (3.0, -1.0)), ((1.0, 1.0), (0.5, 2.0)), (0.4, 0.6))
STATE = JumpState(Frame(np.zeros((1, 3)), None), np.array([0.3, -0.7]))
JUMP = RestraintJump(kT=2.0, kappa=np.array([8.0, 2.0]), steps=100, span=5.0, periods=np.full(2, np.inf))


def test_the_centre_is_drawn_from_its_conditional():
    """λ | x ~ N(ξ(x), kT/κ) over all of R, by the draw itself: chain tests hardly see it."""
    rng = np.random.default_rng(3)
    starts = np.array([JUMP.propose(STATE, FLOW, rng).steering.start for _ in range(20_000)])
    for i, width in enumerate(np.sqrt(2.0 / np.array([8.0, 2.0]))):
        assert stats.kstest(starts[:, i], stats.norm(STATE.cv[i], width).cdf).pvalue > 1e-3


@pytest.mark.parametrize("kappa", [0.3, 1.5, 40.0])
def test_the_centre_on_a_circle_is_truncated_and_wrapped(kappa):
    """Not a wrapped normal: its density at x + d is that of the shortest arc alone."""
    jump = RestraintJump(2.0, np.array([kappa]), 100, 5.0, np.array([2 * np.pi]))
    rng, cv = np.random.default_rng(6), np.array([2.9])
    starts = np.array([jump.origin(cv, rng)[0] for _ in range(20_000)])
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
    jump = RestraintJump(2.0, np.array([8.0, 2.0]), 100, 5.0, np.array([2 * np.pi, np.inf]))
    a, b = np.array([3.0, 0.0]), np.array([-3.0, 0.0])
    assert jump.path_steps(a, b) == jump.path_steps(b, a) == int(np.ceil(100 * np.sqrt(8) * (2 * np.pi - 6) / 5))
    rng = np.random.default_rng(7)
    orders = [jump.propose(JumpState(STATE.frame, a), mixture, rng) for _ in range(500)]
    points = np.array([(order.steering.start, order.steering.end) for order in orders])
    assert (np.abs(points[:, :, 0]) <= np.pi).all()
    assert (points[:, :, 0] < 0).any(axis=0).all(), "both ends are across the cut now and then"
    for order in orders[:20]:
        assert order.log_q_old == pytest.approx(mixture.log_density_at(order.steering.start))


def test_the_order_carries_the_densities_of_both_ends():
    order = JUMP.propose(STATE, FLOW, np.random.default_rng(4))
    assert order.log_q_old == pytest.approx(FLOW.log_density_at(order.steering.start))
    assert order.log_q_new == pytest.approx(FLOW.log_density_at(order.steering.end))


def test_path_length_is_proportional_to_distance_and_symmetric():
    rng = np.random.default_rng(5)
    for a, b in rng.normal(size=(100, 2, 2)):
        assert JUMP.path_steps(a, b) == JUMP.path_steps(b, a)
    along = np.array([5.0 / np.sqrt(8.0), 0.0])
    assert JUMP.path_steps(np.zeros(2), along) == 100
    assert JUMP.path_steps(np.zeros(2), 2.5 * along) == 250
    assert JUMP.path_steps(np.zeros(2), np.zeros(2)) == 1


@pytest.mark.parametrize("wrong", [{"kappa": np.array([1.0, -1.0])}, {"steps": 0}, {"span": 0.0}])
def test_settings_out_of_range_raise(wrong):
    right = {"kT": 1.0, "kappa": np.ones(2), "steps": 10, "span": 1.0, "periods": np.full(2, np.inf)}
    with pytest.raises(ValueError, match="must"):
        RestraintJump(**(right | wrong))
