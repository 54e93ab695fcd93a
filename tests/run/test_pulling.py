"""`cvflow pull` on a slope whose F is known: one way and both, what is refused, and what is wrong is caught."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cvflow.config.settings import ConfigError, parse
from cvflow.estimate.pulling import pulled_profile
from cvflow.run import pulling as running
from cvflow.run.pulling import pull, way_of
from cvflow.setup import from_config
from tests.run import pulled_rope


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("rope")
    pulled_rope.fill(place)
    return place


def setup_of(folder, timestep=0.02, **pull_words):
    """The rope, with other words of [pull]."""
    changed = {"pull": pulled_rope.CONFIG["pull"] | pull_words, "path": {"timestep": timestep}}
    return from_config(parse(pulled_rope.CONFIG | changed, "a test"), folder)


def pulled(setup, capture=None):
    """What comes of it, in this process; the stages go into `capture`."""
    way = way_of(setup)
    made = running.pulled_profile

    def seen(stages, width, axis, seed):
        if capture is not None:
            capture.extend((stages, width, axis))
        return made(stages, width, axis, seed)

    running.pulled_profile = seen
    try:
        with ThreadPoolExecutor(1) as executor:
            return pull(setup, way, executor, 30)
    finally:
        running.pulled_profile = made


@pytest.fixture(scope="module")
def both(folder):
    capture = []
    return pulled(setup_of(folder), capture), capture


def scores(found):
    """z of the bins that have an error."""
    curve = found.curve
    known = np.isfinite(curve.free_energy) & (curve.stderr > 0)
    assert known.mean() > 0.8
    apart = curve.free_energy - pulled_rope.exact(curve.axis.edges)
    return ((apart - apart[np.nanargmin(curve.free_energy)]) / np.where(known, curve.stderr, np.nan))[known]


def again(capture):
    """The profile of the same paths."""
    stages, width, axis = capture
    return pulled_profile(stages, width, axis, 1)


def test_both_ways_find_the_slope(both):
    (found, summary), _ = both
    assert np.nanmax(found.curve.free_energy) > 38
    assert np.abs(scores(found)).max() < 5
    assert np.nanmax(found.curve.stderr) < 0.5
    assert summary.delta_f_kT == pytest.approx(sum(stage.delta_f_kT for stage in summary.stages))
    assert not summary.warnings


def test_every_force_evaluation_is_counted(both):
    (_, summary), _ = both
    steps = summary.steps
    assert steps.path == 2 * 10 * 30 * 100
    assert steps.between >= 11 * 30 * 100
    assert steps.equilibration == (11 * 500 + 2 * 50) + 11 * 500, "the way from the start, up and down, and the windows"
    assert steps.total == steps.path + steps.between + steps.equilibration


def test_one_way_finds_it_too_and_says_what_that_is_worth(folder):
    found, summary = pulled(setup_of(folder, both=False, paths=60))
    assert np.abs(scores(found)).max() < 5
    assert "one way alone" in summary.warnings[0]
    assert summary.steps.path == 10 * 60 * 100


def test_one_way_that_loses_much_is_warned_of(folder):
    _, summary = pulled(setup_of(folder, both=False, stages=2, steps=15, paths=20, kappa=4000.0))
    assert any("more than 2 kT" in warning for warning in summary.warnings)


def test_paths_that_come_back_with_their_works_as_they_are_are_caught(both):
    stages, width, axis = both[1]
    wrong = [
        stage._replace(work=np.where(stage.onward[:, None], stage.work, -stage.work[:, -1:] + stage.work))
        for stage in stages
    ]
    assert np.abs(scores(again([wrong, width, axis]))).max() > 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"to": 0.5}, "the same"),
        ({"speed": 0.1}, "not both"),
        ({"cv": "d"}, "unknown CV 'd'; the system has r"),
        ({"to": -1.0}, "out of the range of r, 0 to inf"),
        ({"velocity": 1.0}, "unknown key pull.velocity"),
        ({"paths": 3}, "pull.paths"),
    ],
)
def test_what_cannot_be_is_refused(folder, words, said):
    with pytest.raises(ConfigError, match=said):
        way_of(setup_of(folder, **words))


def test_without_a_way_nothing_is_pulled(folder):
    config = {key: value for key, value in pulled_rope.CONFIG.items() if key != "pull"}
    with pytest.raises(ConfigError, match="pull is missing"):
        way_of(from_config(parse(config, "a test"), folder))


def test_speed_stands_for_steps(folder):
    words = {key: value for key, value in pulled_rope.CONFIG["pull"].items() if key != "steps"}
    config = parse(pulled_rope.CONFIG | {"pull": words | {"speed": 0.05}}, "a test")
    assert way_of(from_config(config, folder)).steps == 100


def test_the_config_survives_its_own_text(folder):
    config = setup_of(folder).config
    assert 'from = 0.5' in config.to_toml()
    assert config.changed(run={"seed": 9}).pull == config.pull
