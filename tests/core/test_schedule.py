import numpy as np
import openmm
import pytest

from cvflow.core.schedule import Cosine, Linear
from tests.engines.mutants import Quadratic

SCHEDULES = [Linear(), Cosine()]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
def test_backwards_it_is_the_schedule_of_the_way_back(schedule, steps):
    a, b = np.array([1.3, -2.0]), np.array([0.2, 5.0])
    there, back = schedule.centres(a, b, steps), schedule.centres(b, a, steps)
    np.testing.assert_allclose(there, back[::-1], atol=1e-14)
    np.testing.assert_allclose(there[[0, -1]], [a, b], atol=1e-14)


@pytest.mark.parametrize("schedule", [*SCHEDULES, Quadratic()])
def test_the_expression_is_the_function(schedule):
    """OpenMM evaluates the expression; Python the function."""
    integrator = openmm.CustomIntegrator(0.001)
    integrator.addGlobalVariable("t", 0.0)
    integrator.addGlobalVariable("s", 0.0)
    integrator.addComputeGlobal("s", schedule.expression)
    system = openmm.System()
    system.addParticle(1.0)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatform("Reference"))
    context.setPositions(np.zeros((1, 3)))
    for t in np.linspace(0, 1, 11):
        integrator.setGlobalVariableByName("t", t)
        integrator.step(1)
        assert integrator.getGlobalVariableByName("s") == pytest.approx(schedule.fraction(np.array([t]))[0], abs=1e-14)


def test_a_quadratic_schedule_breaks_the_law():
    a, b = np.array([0.0]), np.array([1.0])
    assert not np.allclose(Quadratic().centres(a, b, 4), Quadratic().centres(b, a, 4)[::-1])
