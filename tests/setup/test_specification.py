"""A setup as data: its settings, and what follows from them."""

from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest

from cvflow.config.section import ConfigError
from cvflow.config.settings import parse
from cvflow.proposals.flows.coupling_spline import CouplingSpline
from cvflow.setup import from_config
from cvflow.setup.batch import kernels
from cvflow.setup.specification import Setup, SteeredPart, Walkers, probing_springs

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
    assert all(each.__bases__ == (SteeredPart,) and not each.__subclasses__() for each in SteeredPart.__subclasses__())


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


@pytest.mark.parametrize("name", kernels._KERNELS)
def test_friction_is_a_word_of_the_kernels_that_have_some(setup, name, tmp_path):
    """What `[path]` says of a kernel is what the kernel says of itself."""
    values = VALUES | {"system": {"name": "gaussian_tunnel"}, "path": {"kernel": name, "timestep": 0.05}}
    given = from_config(parse(values, "test"), tmp_path)
    made = kernels.kernel(given.walkers.system, given.settings.path, tuple(probing_springs(given).tolist()))
    assert given.settings.path.has_friction == ("friction" in {item.name for item in fields(made)})
    if given.settings.path.has_friction:
        assert given.changed(path={"friction": 0.5}).settings.path.friction == 0.5
        return
    for friction in (0.5, "auto"):
        with pytest.raises(ConfigError, match=rf"path\.friction is refused: kernel '{name}' has no momenta"):
            from_config(parse(values | {"path": values["path"] | {"friction": friction}}, "test"), tmp_path)


def test_a_way_is_for_positions(setup):
    with pytest.raises(ConfigError, match=r"path\.way is refused"):
        setup(timestep=0.05, way="lengths")


def test_an_architecture_without_a_flow_of_such_cvs_is_refused_before_anything_is_computed(setup, monkeypatch):
    def numbers(sizes, domains):
        raise ValueError(f"it needs two CVs, got {len(domains)}")

    assert setup(timestep=0.05).config.flow is None
    monkeypatch.setattr(CouplingSpline, "numbers", numbers)
    values = VALUES | {"flow": {"architecture": CouplingSpline.kind}}
    with pytest.raises(ConfigError, match=r"flow\.architecture = '.*' takes no such CVs: it needs two CVs, got 1"):
        from_config(parse(values, "test"), Path())


class Untested(kernels.SoftRestraint):
    """A kernel that nobody has put through the one-jump test."""


def test_a_kernel_that_is_not_proven_is_not_called_exact(setup, monkeypatch):
    assert setup(timestep=0.05).exactness.value

    def made(system, path, kappa):
        return Untested(system.potential, system.cv, system.kT, path.timestep, kappa, path.friction, system.masses)

    monkeypatch.setitem(kernels._KERNELS, "restraint", made)
    exact = setup(timestep=0.05).exactness
    assert not exact.value
    assert exact.reason == "the one-jump stationarity test has not passed through the kernel Untested"
