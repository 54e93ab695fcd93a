"""The result that the program exists for: the polymer's ΔF, against umbrella sampling. Minutes long.

python -m pytest -m slow -s tests/systems/test_polymer_free_energy.py
"""

import json

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.estimate.free_energy import profile
from cvflow.host.cores import available_cores
from cvflow.run.run_folder import open_record
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


@pytest.fixture(scope="module", params=[([], 0.12), (["--quick"], 0.35)], ids=["defaults", "quick"])
def finished(request, tmp_path_factory):
    """A run's folder, and how well it shall know ΔF."""
    options, stderr = request.param
    folder = tmp_path_factory.mktemp("polymer") / "run"
    assert execute(["polymer", "--seed", "7", "--out", str(folder), *options]) == 0
    return folder, stderr


def test_the_polymer_s_free_energy(finished, umbrella):
    folder, stderr = finished
    summary = json.loads((folder / "summary.json").read_text())
    best, chain, bar = (summary[key][0] for key in ("delta_f", "delta_f_chain", "delta_f_bar"))
    print(f"wall time {summary['wall_s']['total']:.0f} s, of which training {summary['wall_s']['training']:.1f} s")
    for estimate in (best, chain, bar):
        apart = estimate["value_kT"] - umbrella.delta_f
        assert abs(apart) < 3 * np.hypot(estimate["stderr_kT"], umbrella.stderr)
    assert chain["stderr_kT"] <= stderr
    assert abs(chain["value_kT"] - bar["value_kT"]) < 3 * np.hypot(chain["stderr_kT"], bar["stderr_kT"])
    acceptance = summary["jumps"]["between_states"]["acceptance"]
    assert acceptance >= 0.12, "paths are as short as makes mode changes cheap, not as accepts most"
    assert summary["steps_per_mode_change"] <= 2000
    assert summary["exact"]["value"]


def test_the_curve_over_the_barrier(finished, umbrella):
    """F(r) from chains and works, from well to well, where the chains alone have no visits."""
    found = profile(open_record(finished[0]), "r", 60)
    width, known = np.diff(found.axis.edges)[0], np.isfinite(found.free_energy)
    mine = found.free_energy + np.log(width * np.nansum(np.exp(-found.free_energy)))
    theirs, error = (np.interp(found.centres, umbrella.bin_centres, y) for y in (umbrella.free_energy, umbrella.errors))
    between = (found.centres > 3.5) & (found.centres < 5.7)
    assert known[between].mean() > 0.9
    z = ((mine - theirs) / np.hypot(found.stderr, error))[between & known]
    top = mine[between & known].max() - mine[between & known].min()
    print(f"barrier {top:.2f} kT, umbrella's {np.ptp(theirs[between]):.2f}; largest |z| {np.abs(z).max():.1f}")
    assert np.abs(z).max() < 5
    assert np.sqrt(np.mean(z**2)) < 2
    assert top > 6
