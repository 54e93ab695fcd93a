"""The result that the program exists for: the polymer's ΔF, against umbrella sampling. Minutes long.

python -m pytest -m slow -s tests/systems/test_polymer_free_energy.py
"""

import json

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.host.cores import available_cores
from tests.systems.umbrella import umbrella_delta_f

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Unknown solver options"),  # pymbar's, when MBAR takes its second solver
]


@pytest.fixture(scope="module")
def umbrella():
    reference = umbrella_delta_f(150_000, seed=3, cores=tuple(sorted(available_cores())))
    print(f"\numbrella sampling: ΔF = {reference.delta_f:.3f} ± {reference.stderr:.3f} kT")
    return reference


@pytest.mark.parametrize(("options", "stderr"), [([], 0.12), (["--quick"], 0.35)], ids=["defaults", "quick"])
def test_the_polymer_s_free_energy(options, stderr, umbrella, tmp_path):
    assert execute(["polymer", "--seed", "7", "--out", str(tmp_path / "run"), *options]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    chain, bar = summary["delta_f"][0], summary["delta_f_bar"][0]
    print(f"wall time {summary['wall_s']['total']:.0f} s, of which training {summary['wall_s']['training']:.1f} s")
    for estimate in (chain, bar):
        apart = estimate["value_kT"] - umbrella.delta_f
        assert abs(apart) < 3 * np.hypot(estimate["stderr_kT"], umbrella.stderr)
    assert chain["stderr_kT"] <= stderr
    assert abs(chain["value_kT"] - bar["value_kT"]) < 3 * np.hypot(chain["stderr_kT"], bar["stderr_kT"])
    acceptance = summary["jumps"]["between_states"]["acceptance"]
    assert acceptance >= 0.12, "paths are as short as makes mode changes cheap, not as accepts most"
    assert summary["steps_per_mode_change"] <= 2000
    assert summary["exact"]["value"]
