import numpy as np
import pytest
from scipy import stats

from cvflow.flow import GaussianMixture
from cvflow.jump import JumpState, RestraintJump
from cvflow.state import Frame

FLOW = GaussianMixture(((0.0, 1.0), (3.0, -1.0)), ((1.0, 1.0), (0.5, 2.0)), (0.4, 0.6))
STATE = JumpState(Frame(np.zeros((1, 3)), None), np.array([0.3, -0.7]))
JUMP = RestraintJump(kT=2.0, kappa=np.array([8.0, 2.0]), steps=100, span=5.0)


def test_the_centre_is_drawn_from_its_conditional():
    """λ | x ~ N(ξ(x), kT/κ) over all of R, by the draw itself: chain tests hardly see it."""
    rng = np.random.default_rng(3)
    starts = np.array([JUMP.propose(STATE, FLOW, rng).steering.start for _ in range(20_000)])
    for i, width in enumerate(np.sqrt(2.0 / np.array([8.0, 2.0]))):
        assert stats.kstest(starts[:, i], stats.norm(STATE.cv[i], width).cdf).pvalue > 1e-3


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
    right = {"kT": 1.0, "kappa": np.ones(2), "steps": 10, "span": 1.0}
    with pytest.raises(ValueError, match="must"):
        RestraintJump(**(right | wrong))
