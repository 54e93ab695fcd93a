"""One turn under a bias of the states leaves p e^(-V) as it is: jumps, early rejection, local moves; and mutants."""

from dataclasses import dataclass, replace

import numpy as np
import openmm
import pytest

from cvflow.core.frames import Frame
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.core.states import States
from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.one_jump import DUMBBELL, Case, Sample, jumps
from cvflow.engines.openmm import OpenMMSpec
from cvflow.engines.openmm.certificates import THRESHOLD
from cvflow.sampler.jump import JumpState
from cvflow.sampler.jump_proposal import Learned, WalkerNoise
from cvflow.sampler.local import HybridMonteCarlo
from cvflow.sampler.walkers import process
from tests.engines.mutants import UnbiasedStart
from tests.engines.stationarity import thinned

BIAS = StateBias(States({"near": "r < 2.1", "far": "r > 2.5"}, ["r"]), (0.9, -1.6))
"""Against the flow's weights, and with a gap between the states."""

BIASES = {"right": BIAS, "forgotten": UNBIASED, "of the other sign": StateBias(BIAS.states, (-0.9, 1.6))}


def exact_draws(count, rng):
    """Of p e^(-V)."""
    drawn = dumbbell.exact_draws(12 * count, rng)
    return thinned(drawn, BIAS, np.linalg.norm(drawn[:, 1] - drawn[:, 0], axis=1), count, rng)


@dataclass(frozen=True)
class Biased(Case):
    """Jumps from draws of the biased density, with a bias that may be another."""

    bias: str = "right"

    def learned(self) -> Learned:
        return super().learned()._replace(state_bias=BIASES[self.bias])


PLAIN = Biased(steps=30, timestep=0.1, kappa=20.0, target=replace(DUMBBELL, exact_draws=exact_draws), draws=8_000)
GIVEN_UP = replace(PLAIN, gives_up=True, steps=80, timestep=0.15, kappa=15.0, friction=0.4)


def shown(sample: Sample) -> float:
    """The largest |z|, for docs/theory.md."""
    print(f"|z| = {sample.largest_z():.1f}")
    return sample.largest_z()


@pytest.mark.parametrize("case", [PLAIN, GIVEN_UP], ids=["plain", "given up"])
def test_a_jump_leaves_the_biased_density_as_it_is(case):
    sample = jumps(case)
    assert 0.05 < sample.moved < 0.95
    assert shown(sample) < THRESHOLD


@pytest.mark.parametrize(
    "mutant",
    [
        replace(PLAIN, bias="forgotten"),
        pytest.param(replace(PLAIN, bias="of the other sign"), marks=pytest.mark.slow),
        pytest.param(replace(GIVEN_UP, kind=UnbiasedStart, draws=12_000), marks=pytest.mark.slow),
    ],
    ids=["forgotten", "of the other sign", "not in early rejection"],
)
def test_mutants_are_caught(mutant):
    assert shown(jumps(mutant)) > THRESHOLD


def turns(draws=1_200):
    """The largest z of whole turns as workers make them, jump and local move, from biased draws."""
    rng = np.random.default_rng(5)
    xml = openmm.XmlSerializer.serialize(dumbbell.system())
    spec = OpenMMSpec(xml, (dumbbell.native_cv(),), dumbbell.KT, 0.1, 0.0, PLAIN.schedule, "Reference")
    jump, learned, engine = PLAIN.jump(), PLAIN.learned(), spec.build()
    before, rows = exact_draws(draws, rng), []
    for number, positions in enumerate(before):
        frame = Frame(positions, None)
        state = JumpState(frame, engine.cv_values(frame))
        orders = jump.propose(state.here, learned, WalkerNoise(rng))
        turn = process.Turn(1, 0, number, state, orders, PLAIN.springs, HybridMonteCarlo(15), learned.state_bias)
        rows.append(process.take_turn(spec, turn).group_state.state.frame.positions)
    after, nothing = np.array(rows), np.zeros(draws)
    works = (nothing,) * 5
    return Sample(before, after, after, *works, nothing[:, None], nothing[:, None], PLAIN.target)


def test_a_whole_turn_leaves_the_biased_density_as_it_is():
    sample = turns()
    assert sample.moved > 0.5
    assert shown(sample) < THRESHOLD


def test_local_moves_that_forget_it_are_caught(monkeypatch):
    monkeypatch.setattr(process, "_let_by", lambda state_bias, before, after, rng: after)
    assert shown(turns()) > THRESHOLD
