"""Contract of all CVs with OpenMM: the restraint is a spring on `evaluate`, on circles along the shortest arc."""

import pickle
from math import isfinite, pi

import numpy as np
import openmm
import pytest
import torch

from cvflow.core.frames import Frame, Steering
from cvflow.cv import Distance, combination, from_torch, functions, torsion
from cvflow.cv.base import CollectiveVariable
from cvflow.engines.openmm import OpenMMSpec
from cvflow.engines.openmm.restraint import centre_name, kappa_name, restraint_force
from tests.cv.cases import ATOMS, CASES, as_it_lies, draws

KAPPA = 3.7


def bare() -> openmm.System:
    system = openmm.System()
    for _ in range(ATOMS):
        system.addParticle(12.0)
    return system


def context(cv, platform="Reference"):
    system = bare()
    system.addForce(restraint_force(cv, 0))
    made = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform(platform))
    made.setParameter(kappa_name(0), KAPPA)
    return made


def apart(value, centre, period):
    difference = value - centre
    return difference - period * round(difference / period) if isfinite(period) else difference


def energy(made, x):
    made.setPositions(x)
    return made.getState(getEnergy=True).getPotentialEnergy()._value


@pytest.mark.parametrize("name", CASES)
def test_the_restraint_is_a_spring_on_the_cv(name):
    """Energy and ∂u/∂λ; centres far round the circle are images of those on it."""
    cv = CASES[name].cv
    made = context(cv)
    for x in draws(3):
        value = cv.evaluate(Frame(x, None))
        for centre in (value - 1.3, value + 0.4, value + 2.4, 3.1, -9.0):
            made.setParameter(centre_name(0), centre)
            difference = apart(value, centre, cv.period)
            made.setPositions(x)
            state = made.getState(getEnergy=True, getParameterDerivatives=True)
            assert state.getPotentialEnergy()._value == pytest.approx(0.5 * KAPPA * difference**2, rel=1e-6)
            slope = state.getEnergyParameterDerivatives()[centre_name(0)]
            assert slope == pytest.approx(-KAPPA * difference, rel=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_restraint_pulls_along_the_gradient(name):
    """Forces against automatic differentiation of the torch function and against central differences."""
    cv, function = CASES[name]
    made = context(cv)
    for x in draws(3, seed=1):
        centre = cv.evaluate(Frame(x, None)) + 0.8
        made.setParameter(centre_name(0), centre)
        made.setPositions(x)
        forces = made.getState(getForces=True).getForces(asNumpy=True)._value
        batch = torch.from_numpy(x)[None].requires_grad_()
        (gradient,) = torch.autograd.grad(function(batch).sum(), batch)
        np.testing.assert_allclose(forces, KAPPA * 0.8 * gradient[0].numpy(), atol=1e-6 * np.abs(forces).max())
        np.testing.assert_allclose(forces, -slopes(made, x), atol=1e-6 * np.abs(forces).max())


def slopes(made, x, step=1e-5):
    """Central differences of the energy."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        found[place] = (energy(made, x + shift) - energy(made, x - shift)) / (2 * step)
    return found


def trans(offset: float) -> np.ndarray:
    """Four atoms whose torsion is π + offset, and six that do nothing."""
    x = draws(1, seed=2)[0]
    phi = pi + offset
    x[:4] = [[0.1, 0, 0], [0, 0, 0], [0, 0, 0.15], [0.1 * np.cos(phi), 0.1 * np.sin(phi), 0.17]]
    return x


@pytest.mark.parametrize("offset", [-0.02, -1e-4, 1e-4, 0.02])
@pytest.mark.parametrize("centre", [pi - 0.3, -pi + 0.3, pi + 0.3])
def test_across_the_cut_the_restraint_takes_the_short_way(offset, centre):
    cv = torsion("phi", 0, 1, 2, 3)
    made, x = context(cv), trans(offset)
    value = cv.evaluate(Frame(x, None))
    assert -pi <= value < pi
    assert apart(value, pi + offset, 2 * pi) == pytest.approx(0, abs=1e-12)
    made.setParameter(centre_name(0), centre)
    short = apart(pi + offset, centre, 2 * pi)
    assert abs(short) < 0.35
    assert energy(made, x) == pytest.approx(0.5 * KAPPA * short**2, rel=1e-9)
    forces = made.getState(getForces=True).getForces(asNumpy=True)._value
    np.testing.assert_allclose(forces, -slopes(made, x, 1e-6), atol=1e-6 * np.abs(forces).max())


@pytest.mark.parametrize("name", CASES)
def test_the_cpu_platform_agrees(name):
    cv = CASES[name].cv
    x = draws(1, seed=3)[0]
    centre = cv.evaluate(Frame(x, None)) + 0.8
    seen = []
    for platform in ("Reference", "CPU"):
        made = context(cv, platform)
        made.setParameter(centre_name(0), centre)
        made.setPositions(x)
        seen.append(made.getState(getForces=True).getForces(asNumpy=True)._value)
    np.testing.assert_allclose(seen[1], seen[0], atol=1e-5 * np.abs(seen[0]).max())


@pytest.mark.parametrize("name", CASES)
def test_cvs_travel_to_worker_processes(name):
    """Equal after the journey, so that the process finds the engine it has built."""
    cv = CASES[name].cv
    there = pickle.loads(pickle.dumps(cv))
    assert there == cv
    assert hash(there) == hash(cv)


@pytest.mark.parametrize("name", CASES)
def test_no_nearest_image_is_taken_in_a_periodic_box_where_a_cv_is_told_not_to(name):
    """Atoms a box apart are where their coordinates are."""
    cv = as_it_lies(CASES[name].cv)
    system = bare()
    system.setDefaultPeriodicBoxVectors((0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5))
    pairs = openmm.NonbondedForce()
    pairs.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    pairs.setCutoffDistance(0.2)
    for _ in range(ATOMS):
        pairs.addParticle(0.0, 0.1, 0.0)
    system.addForce(pairs)
    x = draws(1, seed=4)[0]
    x[5:] += [0.5, -1.0, 0.5]
    frame = Frame(x, 0.5 * np.eye(3))
    engine = OpenMMSpec(openmm.XmlSerializer.serialize(system), (cv,), 1.0, 0.001).build()
    value = cv.evaluate(frame)
    engine._put(frame, np.array([value + 0.3]), np.array([KAPPA]))
    held = engine._context.context.getState(getEnergy=True).getPotentialEnergy()._value
    assert held == pytest.approx(0.5 * KAPPA * 0.09, rel=1e-4)


@pytest.mark.parametrize("turn", [0.4, -0.4])
def test_a_path_takes_the_short_arc_and_its_reverse(turn):
    """Across ±π: the centres go a little way, and back along it; what comes out is wrapped."""
    cv = torsion("phi", 0, 1, 2, 3)
    spec = OpenMMSpec(openmm.XmlSerializer.serialize(bare()), (cv,), 1e-4, 0.002, platform="Reference")
    engine, start = spec.build(), Frame(trans(-turn / 2), None)
    a, b = (np.array([apart(pi + sign * turn / 2, 0, 2 * pi)]) for sign in (-1, 1))
    path = engine.steer(start, Steering(a, b, np.array([50.0]), 400), np.random.default_rng(0))
    assert -pi <= path.cv[0] < pi
    assert abs(apart(path.cv[0], b[0], 2 * pi)) < 0.3
    # u at the end is that of the wrapped difference: nothing else has an energy here.
    assert path.potential_energy == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(engine._way(Steering(a, b, a, 1)), -engine._way(Steering(b, a, a, 1)), rtol=1e-12)
    assert engine._way(Steering(a, b, a, 1)) == pytest.approx(turn)


def test_what_a_path_in_python_costs_is_not_its_exactness():
    """W of a path steered by a Python function is that of the same path steered natively."""
    works = []
    for cv in (torsion("phi", 6, 2, 0, 5), from_torch("phi", functions.torsion, [6, 2, 0, 5], period=2 * pi)):
        spec = OpenMMSpec(openmm.XmlSerializer.serialize(bare()), (cv,), 1.0, 0.002, platform="Reference")
        order = Steering(np.array([2.5]), np.array([-2.5]), np.array([50.0]), 30)
        path = spec.build().steer(Frame(draws(1)[0], None), order, np.random.default_rng(1))
        works.append((path.work, path.protocol_work, path.cv[0]))
    np.testing.assert_allclose(works[1], works[0], rtol=1e-8)


class Height(CollectiveVariable):
    """Of the highest atom of all; no native force."""

    name, unit, highest_atom = "h", "nm", 0

    def value_and_gradient(self, frame):
        top = frame.positions[:, 2].argmax()
        gradient = np.zeros_like(frame.positions)
        gradient[top, 2] = 1.0
        return float(frame.positions[top, 2]), gradient


def test_a_cv_without_a_native_force_is_pulled_by_its_gradient():
    cv, x = Height(), draws(1)[0]
    made = context(cv)
    made.setParameter(centre_name(0), cv.evaluate(Frame(x, None)) + 0.8)
    assert energy(made, x) == pytest.approx(0.5 * KAPPA * 0.8**2, rel=1e-12)
    forces = made.getState(getForces=True).getForces(asNumpy=True)._value
    np.testing.assert_allclose(forces, -slopes(made, x), atol=1e-6 * np.abs(forces).max())


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith(("PLUMED", "torch"))])
def test_native_forces_are_those_of_the_callback(name):
    """What a CV's class says of OpenMM is what it would be without."""
    cv, x = CASES[name].cv, draws(1, seed=6)[0]
    _, gradient = cv.value_and_gradient(Frame(x, None))
    made = context(cv)
    made.setParameter(centre_name(0), cv.evaluate(Frame(x, None)) + 0.3)
    made.setPositions(x)
    forces = made.getState(getForces=True).getForces(asNumpy=True)._value
    np.testing.assert_allclose(forces, KAPPA * 0.3 * gradient, atol=1e-6 * np.abs(forces).max())


def test_selections_have_to_be_looked_up_first():
    with pytest.raises(ValueError, match=r"CV r: \('name CA', 3\) holds selection strings"):
        restraint_force(Distance("r", ("name CA", 3)), 0)


def test_more_terms_than_openmm_takes_are_refused():
    """A CustomCVForce has 32 variables at most; combinations of combinations have more."""
    terms = {Distance(f"d{i}", (0, i + 1)): 1.0 for i in range(33)}
    with pytest.raises(ValueError, match="CV s: OpenMM takes at most 32 terms in one combination, got 33"):
        restraint_force(combination("s", terms), 0)
    halves = {combination(f"s{i}", dict(list(terms.items())[i::2])): 1.0 for i in range(2)}
    assert restraint_force(combination("s", halves), 0).getNumCollectiveVariables() == 2
