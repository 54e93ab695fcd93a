"""One jump, and one local move, of many chains under a bias of the states; each mutant is caught."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.core.states import States
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.sampler.cv_jump import CVJump
from cvflow.sampler.ensemble import EnsembleMove, let_by
from tests.engines.batch.cases import HMC, MALA, given_up
from tests.engines.batch.mutants import K3
from tests.engines.batch.stationarity import THRESHOLD, Case, run
from tests.engines.batch.targets import MINI
from tests.engines.mutants import UnbiasedStart

BIAS = StateBias(States({"low": "z < 1.5", "high": "z > 2.5"}, ["z"]), (0.8, -1.4))
"""With a gap between the states."""

REVERSED = StateBias(BIAS.states, (-0.8, 1.4))


def biased(count, rng):
    """Exact draws of p e^(-V)."""
    drawn = MINI.draw(10 * count, rng)
    weights = np.exp(-BIAS.of(drawn))
    taken = drawn[rng.random(len(drawn)) < weights / weights.max()]
    assert len(taken) >= count
    return taken[:count]


TARGET = replace(MINI, draw=biased)


def jump(bias, more=None, kind=CVJump):
    """From biased draws, under a bias that may be another."""
    move = more or K3.move
    return replace(K3, target=TARGET, move=replace(move, kind=kind, more=move.more | {"state_bias": bias}))


@dataclass(frozen=True)
class Let(EnsembleMove):
    """A local move, taken or left by a bias."""

    bias: StateBias = BIAS

    def step(self, state, cv_of, generator):
        after, info = super().step(state, cv_of, generator)
        return let_by(self.bias, state, after, info, generator)


def local(case: Case, bias) -> Case:
    move = case.move
    return replace(case, target=TARGET, move=Let(move.paths, move.steps, move.on_work, move.exactness, bias))


LOOKS = given_up(UnderdampedLangevin(MINI.potential, MINI.cv, 1.0, 0.5, 0.0), 20, 4)


@pytest.mark.parametrize(
    "case",
    [jump(BIAS), jump(BIAS, LOOKS), local(HMC, BIAS), local(MALA, BIAS)],
    ids=["jump", "given up early", "HMC", "MALA"],
)
def test_the_biased_density_stays_as_it_is(case):
    found = run(case)
    assert 0.05 < found.moved < 0.99
    assert found.largest < THRESHOLD


@pytest.mark.parametrize(
    "mutant",
    [
        jump(UNBIASED), jump(REVERSED), jump(BIAS, LOOKS, UnbiasedStart), local(HMC, UNBIASED), local(HMC, REVERSED),
        local(MALA, UNBIASED),
    ],
    ids=["forgotten", "other sign", "not in early rejection", "forgotten by HMC", "other sign, HMC", "by MALA"],
)  # fmt: skip
def test_mutants_are_caught(mutant):
    assert run(mutant).largest > 2 * THRESHOLD
