"""The dimer has no exact draws: its chain is held against umbrella sampling by other code."""

from math import hypot

import pytest

import cvflow
from cvflow.systems import Dimer
from tests.systems.dimer_umbrella import REFERENCE


@pytest.mark.slow
def test_the_chain_agrees_with_umbrella_sampling(tmp_path):
    """Minutes: 64 chains, constrained paths, hybrid Monte Carlo between them; the first jumps melt the lattice."""
    result = cvflow.sample(
        Dimer().system(), out=tmp_path / "dimer", quiet=True, walkers=64, adapt_jumps=10, jumps=60, seed=4,
        adapt_limit=1, local_steps=50, local_timestep=0.02, engine={"precision": "float32"},
        path={"kernel": "constrained", "steps": 400, "timestep": 0.0212},
        proposal={"means": [[0.0], [1.0]], "sigmas": [[0.2], [0.2]], "weights": [0.5, 0.5]},
    )  # fmt: skip
    value, error = REFERENCE
    best = result.delta_f("compact", "stretched")
    (bar,) = result.summary["delta_f_bar"]
    jumps = result.summary["jumps"]
    print(f"best {best.kT:.3f} ± {best.kT_stderr:.3f}, BAR {bar['value_kT']:.3f} ± {bar['stderr_kT']:.3f} kT")
    print(f"reference {value} ± {error} kT; acceptance between states {jumps['between_states']['acceptance']:.3f}")
    assert best.kT_stderr < 0.2
    assert abs(best.kT - value) < 3 * hypot(best.kT_stderr, error)
    assert abs(bar["value_kT"] - value) < 3 * hypot(bar["stderr_kT"], error)
