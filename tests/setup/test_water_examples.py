"""The examples in explicit water: their starts, their boxes, and that they move at their time step."""

from pathlib import Path

import numpy as np
import pytest

from cvflow.config.settings import load
from cvflow.setup import from_config

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "waters", "timestep"), [("nacl_water/nacl", 180, 0.003), ("alanine_water/alanine", 230, 0.004)]
)
def test_an_example_in_water_moves_at_its_time_step(name, waters, timestep):
    """With a density of liquid water, each start in its own state, and a shadow work that is accepted."""
    file = EXAMPLES / f"{name}.toml"
    setup = from_config(load(file), file.parent)
    assert setup.settings.path.timestep == timestep
    assert setup.exactness.value
    residues = [residue.name for residue in setup.topology.residues()]
    assert residues.count("HOH") == waters
    assert 31 < waters / np.linalg.det(setup.walkers.starts[0].box) < 34
    engine = setup.walkers.spec(setup).build()
    values = np.array([engine.cv_values(frame) for frame in setup.walkers.starts])
    assert setup.states.assign(values).tolist() == [0, 1, 0, 1]
    path = engine.free_path(engine.relaxed(setup.walkers.starts[1]), 40, 0.0, np.random.default_rng(1))
    assert not path.outcome.failed
    assert abs(path.work) < 15
