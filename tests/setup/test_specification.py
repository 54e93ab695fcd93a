"""A setup as data: its settings, and what follows from them."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from cvflow.config.section import ConfigError
from cvflow.config.settings import parse
from cvflow.setup import from_config
from cvflow.setup.specification import Setup, Steered, Walkers

VALUES = {"system": {"name": "angle"}, "engine": {"name": "batch"}, "run": {"walkers": 4}}


@pytest.fixture
def setup(tmp_path):
    def made(**path):
        return from_config(parse(VALUES | {"path": path}, "test"), tmp_path)

    return made


def test_a_setup_is_data_and_two_specifications():
    assert is_dataclass(Setup)
    assert not Setup.__subclasses__()
    assert {item.name for item in fields(Setup)} >= {"config", "space", "walkers", "steered", "topology", "files"}
    assert all(each.__bases__ == (Walkers,) and not each.__subclasses__() for each in Walkers.__subclasses__())
    assert all(each.__bases__ == (Steered,) and not each.__subclasses__() for each in Steered.__subclasses__())


def test_a_setup_is_changed_by_checking_its_words_again(setup):
    given = setup(timestep=0.05, kernel="constrained", steps="auto")
    assert (given.config.path.steps, given.settings.path.steps) == ("auto", 1000)
    changed = given.changed(path={"steps": 7})
    assert (changed.settings.path.steps, changed.settings.path.timestep) == (7, 0.05)
    assert given.config.path.steps == "auto"
    with pytest.raises(ConfigError, match=r"path\.timestep: "):
        given.changed(path={"timestep": -1.0})


def test_a_restraint_s_centres_stray_and_have_no_bounds(setup):
    restrained = setup(timestep=0.05, kappa=20.0)
    kappa = restrained.kappa(np.zeros((4, 3, 1)))
    plan = restrained.plan(kappa)
    assert kappa == pytest.approx([20.0])
    assert plan.blur == pytest.approx(np.sqrt(restrained.kT / 20.0))
    assert plan.scale == pytest.approx(np.sqrt(20.0))
    assert np.isinf(plan.space.ranges).all()


def test_kernels_without_a_restraint_have_no_springs_and_keep_the_cv_s_bounds(setup):
    held = setup(timestep=0.05, kernel="constrained")
    kappa = held.kappa(np.zeros((4, 3, 1)))
    plan = held.plan(kappa)
    assert kappa.shape == (0,)
    assert (plan.blur, plan.scale) == (0.0, 1.0)
    assert plan.space == held.space
    assert np.isfinite(plan.space.ranges).all()
