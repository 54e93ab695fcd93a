"""`plumed pesmd` through the driver's engine: energies, one-jump stationarity and its mutants."""

from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.core.walls import wall
from cvflow.engines.external.plumed_files import biases
from tests.engines.external import landscape
from tests.engines.external.one_jump import MUTANTS, Case, passes, shows


@pytest.fixture
def engine(library):
    return landscape.spec(str(library), 0.05).build()


def test_a_free_path_keeps_its_energy(engine):
    """But for the time step: with a tenth of it, a hundredth of the error."""
    start, works = Frame(np.array([[-1.0, 0.7]]), None), []
    for refined in (1, 4):
        fine = landscape.spec("", 0.05 / refined).build()
        works.append([fine.free_path(start, 20 * refined, 0.0, np.random.default_rng(i)).work for i in range(6)])
    ratio = np.std(works[0]) / np.std(works[1])
    assert ratio == pytest.approx(16, rel=0.3)


def test_the_work_is_the_protocol_s_but_for_the_step(library):
    start, shadow = Frame(np.array([[-1.0, 0.9]]), None), []
    steering = [Steering(np.array([-1.1]), np.array([0.9]), np.array([20.0]), 10 * n) for n in (1, 4)]
    for refined, order in zip((1, 4), steering, strict=True):
        engine = landscape.spec(str(library), 0.06 / refined).build()
        paths = [engine.steer(start, order, np.random.default_rng(seed)) for seed in range(6)]
        assert {path.outcome for path in paths} == {Outcome.COMPLETED}
        shadow.append(np.std([path.shadow_work for path in paths]))
        assert np.mean([path.protocol_work for path in paths]) > 1
    assert shadow[0] / shadow[1] == pytest.approx(16, rel=0.3)


def test_a_landscape_of_other_coordinates_is_noticed(library):
    """Forces that do not act on the named coordinates would be missing in the kinetic energy."""
    lines = ("d: DISTANCE ATOMS=1,2 COMPONENTS", "e: DISTANCE ATOMS=1,2 COMPONENTS", *landscape.LINES[1:])
    hidden = (*lines[:2], lines[2].replace("d.x,d.y", "e.x,e.y"), *lines[3:])
    spec = landscape.spec(str(library), 0.05).__class__(
        landscape.spec("", 0.05).program, hidden, ("x",), str(library), landscape.KT, 0.05
    )
    assert spec.build().free_path(Frame(np.array([[-1.0, 0.2]]), None), 9, 0.0, np.random.default_rng(0)).outcome is (
        Outcome.PROGRAM_FAILED
    )


def test_walls_are_plumed_s_biases(library):
    """What a path's ends are told of them, at their own value of the CV."""
    walls = (wall("x", upper=-1.1, kappa=4.0), wall("x", lower=-0.9, kappa=3.0, exponent=4))
    spec = landscape.spec(str(library), 0.05)
    held = replace(spec, lines=(*spec.lines, *(f"w{i}: {each.plumed}" for i, each in enumerate(walls))))
    for x in (-1.4, -1.0, 0.3):
        bare, walled = (one.build()._probed(Frame(np.array([[x, 0.7]]), None)).colvar for one in (spec, held))
        expected = sum(each.energy(walled.values["x"][0]) for each in walls)
        assert expected > 0
        assert biases(walled)[0] - biases(bare)[0] == pytest.approx(expected, rel=1e-6)


@cache  # two partials are never equal: with one case for all tests the paths are run once
def case(library, steps, timestep):
    return Case(
        partial(landscape.spec, str(library), timestep), landscape.exact_draws, landscape.nowhere, landscape.value,
        landscape.observables, landscape.BAD_FLOW, 10.0, steps, 2.0, np.inf, 6000,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "timestep"), [(3, 0.24), (6, 0.24)])
def test_one_jump_leaves_the_target_alone(library, steps, timestep):
    passes(case(library, steps, timestep))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_decisions_show(library, mutant):
    shows(case(library, 6, 0.24), mutant)
