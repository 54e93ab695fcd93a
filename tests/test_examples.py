"""The examples run, and their answers are right."""

import json
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_custom_cv(tmp_path):
    """Against an importance-sampled quadrature of 4e7 draws, made once without cvflow: 1.1421 ± 0.0006 kT."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / "custom_cv.py"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    for estimate in (summary["delta_f"][0], summary["delta_f_bar"][0]):
        assert abs(estimate["value_kT"] - 1.1421) < 4 * estimate["stderr_kT"]
        assert estimate["stderr_kT"] < 0.25
    assert f"{summary['delta_f'][0]['value_kT']:.2f}" in done.stdout
