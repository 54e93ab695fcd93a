"""Alanine dipeptide with a flow on the torus, against umbrella sampling by other code. Minutes long.

The seed is that of the example, so that on one machine the run is always the same; with another, one comparison in
twenty lies beyond two errors by chance.

python -m pytest -m slow -s tests/systems/test_alanine_free_energy.py
"""

import json
from pathlib import Path

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.core.states import States
from cvflow.store import read_record
from tests.systems.alanine_umbrella import analyse, reference, sample

EXAMPLES = Path(__file__).parents[2] / "examples"
RUNS = {
    "vacuum": ["alanine_dipeptide.toml"],
    "obc": ["alanine_dipeptide.toml", "--set", "system.name=alanine_dipeptide_implicit"],
    "rigid ff96 in vacuum": ["amber_alanine/alanine.toml"],
}


@pytest.mark.slow
@pytest.mark.parametrize("solvent", RUNS)
def test_the_chain_agrees_with_umbrella_sampling(solvent, tmp_path):
    out, (config, *settings) = tmp_path / "run", RUNS[solvent]
    assert execute(["run", str(EXAMPLES / config), "--out", str(out), *settings, "--quiet"]) == 0
    summary, known = json.loads((out / "summary.json").read_text()), reference(solvent)
    (chain,), (bar,) = summary["delta_f_chain"], summary["delta_f_bar"]
    print(f"chain {chain}\nBAR {bar}\n{summary['jumps']}\naccepted each way {jumps_each_way(out)}")
    print(f"reference {known.delta_f:.3f} ± {known.stderr:.3f} kT, wall time {summary['wall_s']['total']:.0f} s")
    assert (chain["from"], chain["to"]) == ("C7eq", "C7ax")
    assert chain["stderr_kT"] <= 0.2
    for estimate in (chain, bar):
        apart = abs(estimate["value_kT"] - known.delta_f)
        assert apart < 2 * np.hypot(estimate["stderr_kT"], known.stderr)
    assert summary["jumps"]["between_states"]["acceptance"] >= 0.15
    assert summary["mode_changes"] >= 20
    assert min(jumps_each_way(out)) >= 10
    assert summary["exact"]["value"]


def jumps_each_way(out):
    """Jumps of production accepted from the first state into the second, and back."""
    record = read_record(out / "run.h5")
    states = States(record.header.states, record.header.cvs)
    turns = record.turns[record.turns["production"]]
    old, new = states.assign(turns["cv_old"]), states.assign(turns["cv_kept"])
    return [int((turns["accepted"] & (old == i) & (new == 1 - i)).sum()) for i in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("solvent", ["vacuum", "obc"])
def test_the_reference_can_be_had_again(solvent):
    """A shorter run of the script, with another seed, from both states."""
    series, known = sample(600_000, 77, solvent), reference(solvent)
    found = analyse(list(series.values()))
    assert abs(found.delta_f - known.delta_f) < 3 * np.hypot(found.stderr, known.stderr)
    apart = [analyse([part]) for part in series.values()]
    assert abs(apart[0].delta_f - apart[1].delta_f) < 3 * np.hypot(apart[0].stderr, apart[1].stderr)
