"""`[flow]`: each architecture's words are its own, checked by it, and in a config from before there were several."""

import subprocess
import sys

import pytest

from cvflow.config.settings import ConfigError, load, parse
from cvflow.proposals.flows.coupling_spline import CouplingSpline
from cvflow.proposals.flows.spline import AutoregressiveSpline

OTHERS = {"system": {"name": "polymer"}}


def flow(**words):
    return parse(OTHERS | {"flow": words}, "run.toml").flow


def test_a_config_that_names_no_architecture_has_todays_splines():
    section = flow(transforms=2, hidden=[16], epsilon=0.1, retrain_every=8)
    assert section.sizes == AutoregressiveSpline(transforms=2, hidden=(16,), bins=8)
    assert (section.architecture, section.epsilon, section.retrain_every) == ("spline", 0.1, 8)


def test_each_architecture_has_defaults_of_its_own():
    assert flow(architecture="coupling-spline", bins=5).sizes == CouplingSpline(transforms=6, hidden=(32, 32), bins=5)


def test_a_resolved_config_has_every_word_and_is_the_same(tmp_path):
    config = parse(OTHERS | {"flow": {"architecture": "coupling-spline", "hidden": [8, 8]}}, "run.toml")
    (tmp_path / "run.toml").write_text(config.to_toml())
    for line in ('architecture = "coupling-spline"', "transforms = 6", "bins = 8", "epsilon = 0.05"):
        assert line in config.to_toml().splitlines()
    assert load(tmp_path / "run.toml") == config
    assert load(tmp_path / "run.toml").flow.sizes == config.flow.sizes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"architecture": "splines"}, "flow: architecture must be one of 'spline', 'coupling-spline'"),
        ({"architecture": ["spline"]}, "flow: architecture must be one of 'spline', 'coupling-spline'"),
        ({"transform": 3}, "unknown key flow.transform; did you mean transforms?"),
        ({"colour": 3}, "unknown key flow.colour; known are architecture, epsilon, retrain_every, "),
        ({"transforms": 101}, "flow.transforms: Input should be less than or equal to 100, got 101"),
        ({"architecture": "coupling-spline", "transforms": 1}, "flow.transforms: Input should be greater than or"),
        ({"hidden": "32"}, "flow.hidden: Input should be a valid tuple, got '32'"),
        ({"hidden": [32, 0]}, "flow.hidden.1: Input should be greater than or equal to 1, got 0"),
        ({"bins": 8.0}, "flow.bins: Input should be a valid integer, got 8.0"),
        ({"epsilon": 1.0}, "flow.epsilon: Input should be less than 1, got 1.0"),
    ],
)
def test_a_wrong_word_is_named_in_one_line(words, said):
    with pytest.raises(ConfigError) as caught:
        flow(**words)
    assert str(caught.value).startswith(f"run.toml: {said}")
    assert "\n" not in str(caught.value)


def test_another_architectures_word_is_refused_by_its_name(monkeypatch):
    class Deep(AutoregressiveSpline):
        kind = "deep"
        depth: int = 2

    monkeypatch.setattr("cvflow.proposals.flows.ARCHITECTURES", (AutoregressiveSpline, Deep))
    assert flow(architecture="deep", depth=3).sizes == Deep(depth=3)
    with pytest.raises(ConfigError, match="flow: depth is no word of architecture 'spline'; it has transforms, h"):
        flow(depth=3)


def test_a_config_without_a_flow_needs_no_torch():
    asked = (
        "import sys; from cvflow.config.settings import parse; "
        "parse({'system': {'name': 'polymer'}}, 'x'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", asked], timeout=300).returncode == 0
