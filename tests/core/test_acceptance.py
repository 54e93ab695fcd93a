import math

import numpy as np
import pytest

from cvflow.core.acceptance import accepts, log_acceptance


def test_the_formula():
    assert log_acceptance(-1.0, -3.0, 0.5) == 1.5


def test_reversing_a_jump_reverses_its_log_ratio():
    assert log_acceptance(-1.2, -3.4, 0.7) == -log_acceptance(-3.4, -1.2, -0.7)


@pytest.mark.parametrize("work", [math.nan, math.inf])
def test_a_failed_path_is_never_accepted(work):
    rng = np.random.default_rng(0)
    assert not any(accepts(log_acceptance(0.0, 0.0, work), rng) for _ in range(1000))


def test_acceptance_rate_is_the_ratio():
    rng = np.random.default_rng(1)
    hits = sum(accepts(math.log(0.3), rng) for _ in range(20_000))
    assert abs(hits / 20_000 - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 20_000)


def test_one_number_is_drawn_whatever_the_ratio():
    """So that the stream of random numbers does not depend on the outcome."""
    streams = []
    for ratio in (-math.inf, 0.0, math.inf, math.nan):
        rng = np.random.default_rng(2)
        accepts(ratio, rng)
        streams.append(rng.random())
    assert len(set(streams)) == 1
