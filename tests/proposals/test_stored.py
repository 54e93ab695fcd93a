"""Files from before there were several architectures: read with the same numbers, and written again byte for byte."""

from pathlib import Path

import numpy as np
import pytest

from cvflow.proposals.export import from_cvf, to_cvf
from cvflow.proposals.io import from_bytes, to_bytes

FOLDER = Path(__file__).parent / "stored"
NAMES = {
    "spline": ["phi", "r", "s"], "one_cv": ["phi"], "mixture": ["a", "b"], "wrapped": ["phi", "b"],
    "conformations": ["r"],
}  # fmt: skip
DENSITIES = {
    "spline": [-0.9980991591371566, -2.571367086683944, -5.480969318872156],
    "one_cv": [-1.5632730738154863, -1.9753342919475885, -1.3503886239233855],
    "mixture": [-0.734086953874747, -1.5006976486311745, -1.2812169143330407],
    "wrapped": [-1.6503776857489019, -2.416988380505329, -2.1975076462072005],
    "conformations": [-0.9949364981919134, -3.594891354036217, -4.306670920453916],
}
"""ln q of three draws, as that version computed it."""


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_flow_is_read_and_written_as_it_was(name):
    data = (FOLDER / f"{name}.safetensors").read_bytes()
    proposal = from_bytes(data)
    found = proposal.log_density(proposal.draw(3, np.random.default_rng(0)))
    np.testing.assert_allclose(found, DENSITIES[name], rtol=1e-10)
    assert to_bytes(proposal, NAMES[name]) == data


@pytest.mark.parametrize("name", [name for name in NAMES if name != "conformations"])
def test_an_exported_flow_is_written_and_read_as_it_was(name):
    data, stored = (FOLDER / f"{name}.cvf").read_bytes(), (FOLDER / f"{name}.safetensors").read_bytes()
    units = ["nm"] * len(NAMES[name])
    assert to_cvf(from_bytes(stored), NAMES[name], units) == data
    assert to_cvf(from_cvf(data).proposal, NAMES[name], units) == data
