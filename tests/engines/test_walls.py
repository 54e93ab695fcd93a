"""Walls are part of the potential in every engine: what is sampled is exp(-β(U + u)), and a W without u is caught."""

from dataclasses import replace
from functools import cache

import numpy as np
import openmm
import pytest
import torch

import cvflow
from cvflow.core.frames import Frame
from cvflow.core.walls import wall
from cvflow.cv import combination, distance, from_torch, functions
from cvflow.cv.batch import FunctionCV
from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.one_jump import DUMBBELL, Case, jumps, local_moves, log_ratios
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.walls import walled
from cvflow.engines.openmm import OpenMMSpec
from cvflow.engines.openmm.certificates import THRESHOLD
from tests.engines import triangle
from tests.engines.lammps_case import TRIANGLE, LammpsCase
from tests.engines.stationarity import passes
from tests.engines.verlet_case import LIBRARIES, need

WALLS = (wall("r", upper=1.9, kappa=1.2), wall("r", lower=1.7, kappa=30.0, exponent=4))
"""In the way: most of the draws without them are beyond one of them."""


def energy(x):
    r = np.linalg.norm(x[:, 1] - x[:, 0], axis=1)
    return sum(each.energy(r) for each in WALLS)


class Thinned:
    """Exact draws of a target with walls, from those of the one without."""

    def __init__(self, draws, kT):
        self.draws, self.kT = draws, kT

    def __call__(self, count, rng):
        kept = np.zeros((0, 3, 3))
        while len(kept) < count:
            x = self.draws(2 * count, rng)
            kept = np.concatenate([kept, x[rng.random(len(x)) < np.exp(-energy(x) / self.kT)]])
        return kept[:count]


WALLED = replace(DUMBBELL, exact_draws=Thinned(dumbbell.exact_draws, dumbbell.KT))


def through_torch(x):
    return functions.distance(x)


@cache
def case(engine):
    if engine == "LAMMPS":
        need("lammps")
        target = replace(TRIANGLE, exact_draws=Thinned(triangle.exact_draws, triangle.KT))
        return LammpsCase(steps=6, timestep=0.2, kappa=20.0, draws=4_000, walls=WALLS, target=target)
    if engine == "ASE":
        need("ase")
        from tests.engines.ase_case import AseCase

        return AseCase(steps=6, timestep=0.2, kappa=20.0, draws=5_000, walls=WALLS, target=WALLED)
    coarse = Case(steps=6, timestep=0.2, kappa=20.0, draws=8_000, walls=WALLS, target=WALLED)
    if engine == "OpenMM, called back":
        return replace(coarse, cv=from_torch("r", through_torch, [0, 1]), draws=4_000)
    return replace(coarse, platform="CPU") if engine == "OpenMM, CPU platform" else coarse


SLOW = [pytest.param(engine, marks=pytest.mark.slow) for engine in ("OpenMM, CPU platform", "OpenMM, called back")]
ENGINES = ["OpenMM", "LAMMPS", "ASE", *SLOW]


def left_out(sample):
    """The acceptance of a work that does not know the walls."""
    step = (energy(sample.path_end) - energy(sample.before)) / sample.target.kT
    return sample.decided(log_ratios(sample, work=sample.work - step))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_jump_leaves_the_distribution_between_walls_invariant(engine):
    passes(case(engine))


@pytest.mark.parametrize("engine", ENGINES)
def test_walls_left_out_of_the_work_are_caught(engine):
    z = left_out(jumps(case(engine))).largest_z()
    print(f"{engine}: |z| = {z:.1f}")
    assert z > 1.3 * THRESHOLD


def test_local_moves_do_too():
    coarse = Case(steps=3, timestep=0.25, kappa=20.0, draws=10_000, walls=WALLS, target=WALLED)
    sample = local_moves(coarse)
    assert sample.largest_z() < THRESHOLD
    assert left_out(sample).largest_z() > 1.3 * THRESHOLD


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_the_potential_energy_of_an_engine_has_the_walls_in_it(library):
    for x in (dumbbell if library is not LIBRARIES["LAMMPS"] else triangle).exact_draws(6, np.random.default_rng(2)):
        frame = Frame(x, None)
        bare, held = library().build(), library(walls=WALLS).build()
        u = held.potential_energy(frame) - bare.potential_energy(frame)
        assert u == pytest.approx(energy(x[None])[0], abs=1e-6)


def test_openmm_s_forces_have_them_too():
    """Of any CV, against central differences."""
    cv = combination("r", {distance("a", 0, 1): 1.0, distance("b", 1, 2): 0.5})
    xml = openmm.XmlSerializer.serialize(dumbbell.system())
    bare, held = (
        OpenMMSpec(xml, (cv,), 1.0, 0.05, platform="Reference", walls=walls).build()
        for walls in ((), (wall("r", upper=2.0, kappa=7.0, exponent=3),))
    )
    x = dumbbell.exact_draws(1, np.random.default_rng(3))[0]
    forces = held.forces(Frame(x, None)) - bare.forces(Frame(x, None))
    beyond = cv.evaluate(Frame(x, None)) - 2.0
    assert beyond > 0.3
    gradient = cv.value_and_gradient(Frame(x, None))[1]
    np.testing.assert_allclose(forces, -21.0 * beyond**2 * gradient, atol=1e-6)


def test_a_wall_stands_on_a_cv_of_the_engine():
    with pytest.raises(ValueError, match="wall: no CV is called 's'; the CVs are r"):
        replace(case("OpenMM").build()._spec, walls=(wall("s", upper=1.0, kappa=1.0),)).build()


def double(points):
    return (points**4 - points**2).sum(dim=(1, 2))


def double_slope(points):
    return 4 * points**3 - 2 * points


@pytest.mark.parametrize("derivative", [None, double_slope])
def test_a_batch_s_potential_has_them(derivative):
    """Energy, and gradient by the chain rule, with the potential's own derivative or without."""
    cv = FunctionCV(("s",), lambda x: x[:, 0].norm(dim=1) - x[:, 1, 0], (2, 2))
    each = wall("s", lower=0.2, kappa=3.0)
    bare = Potential(double, (2, 2), derivative)
    held = walled(bare, cv, [each])
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 4)))
    value = cv.value(x)[:, 0]
    assert (value < 0.2).sum() > 5
    torch.testing.assert_close(held.energy(x), bare.energy(x) + 3 * (0.2 - value).clamp(min=0) ** 2)
    y = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(held.energy(y).sum(), y)
    torch.testing.assert_close(held.gradient(x), expected)
    assert walled(bare, cv, []) is bare


def test_a_torch_system_is_sampled_between_them(tmp_path):
    """Against a quadrature of the density; without the walls it would be another mean, by many standard errors."""
    cv = FunctionCV(("s",), lambda x: x[:, 0], (2,))
    system = cvflow.TorchSystem(
        Potential(lambda x: (x**2).sum(dim=1), (2,)), cv, {"left": "s < 0", "right": "s >= 0"},
        lambda state, count, rng: np.tile([-0.5 if state == "left" else 0.5, 0.0], (count, 1)),
    )  # fmt: skip
    result = cvflow.sample(
        system, out=tmp_path / "run", walls=[cvflow.wall("s", upper=0.3, kappa=8.0)], walkers=64, jumps=30,
        adapt_jumps=0, local_steps=5, path={"steps": 4, "timestep": 0.2, "kappa": 4.0},
        proposal={"means": [[-0.4], [0.2]], "sigmas": [[0.6], [0.4]], "weights": [0.6, 0.4]}, quiet=True,
    )  # fmt: skip
    s = np.linspace(-6, 4, 20001)
    weight = np.exp(-(s**2) - 8.0 * np.clip(s - 0.3, 0, None) ** 2)
    right = np.trapezoid(np.where(s >= 0, weight, 0), s) / np.trapezoid(weight, s)
    found = result.delta_f("left", "right")
    assert abs(found.kT - np.log((1 - right) / right)) < 4 * found.kT_stderr
    assert np.log((1 - right) / right) > 8 * found.kT_stderr  # of the mutant without walls it is zero
    assert result.summary.walls == ("wall where s > 0.3: 8 |s - 0.3|^2 kJ/mol",)
    assert "part of the potential" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
