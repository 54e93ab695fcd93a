"""Walls by themselves: numbers, words, what is refused."""

import numpy as np
import openmm
import pytest
import torch

from cvflow.core.walls import Wall, check_walls, wall

UPPER, LOWER = wall("d", upper=1.2, kappa=2000), wall("d", lower=-0.3, kappa=5.0, exponent=4)


def test_energies_are_zero_up_to_the_wall_and_a_power_beyond():
    assert UPPER.energy(1.3) == pytest.approx(20.0)
    assert LOWER.energy(-1.3) == pytest.approx(5.0)
    for each, value in ((UPPER, 1.2), (UPPER, -7.0), (LOWER, -0.3), (LOWER, 9.0)):
        assert each.energy(value) == each.slope(value) == 0


@pytest.mark.parametrize("each", [UPPER, LOWER])
def test_the_slope_is_that_of_the_energy(each):
    for value in np.linspace(-2, 2, 41):
        ahead, back = each.energy(value + 1e-6), each.energy(value - 1e-6)
        assert each.slope(value) == pytest.approx((ahead - back) / 2e-6, rel=1e-5, abs=5e-3)


@pytest.mark.parametrize("each", [UPPER, LOWER])
def test_numpy_torch_and_openmm_agree(each):
    values = np.linspace(0.01, 2, 30) - (1.0 if each is LOWER else 0.0)
    x = torch.from_numpy(values).requires_grad_()
    (slope,) = torch.autograd.grad(each.energy(x).sum(), x)
    np.testing.assert_allclose(slope, each.slope(values), rtol=1e-12)
    system, force = openmm.System(), openmm.CustomExternalForce(each.expression("x"))
    system.addParticle(1.0)
    force.addParticle(0, [])
    system.addForce(force)
    context = openmm.Context(system, openmm.VerletIntegrator(0.1), openmm.Platform.getPlatform("Reference"))
    for value in values:
        context.setPositions([[value, 0, 0]])
        state = context.getState(getEnergy=True, getForces=True)
        assert state.getPotentialEnergy()._value == pytest.approx(each.energy(value), abs=1e-12)
        assert -state.getForces(asNumpy=True)._value[0, 0] == pytest.approx(each.slope(value), abs=1e-12)


def test_plumed_s_words_and_ours():
    assert UPPER.plumed == "UPPER_WALLS ARG=d AT=1.2 KAPPA=2000.0 EXP=2"
    assert LOWER.plumed == "LOWER_WALLS ARG=d AT=-0.3 KAPPA=5.0 EXP=4"
    assert UPPER.words == "wall where d > 1.2: 2000 |d - 1.2|^2 kJ/mol"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kappa": 1.0}, "the wall on d: give upper = where it begins, or lower"),
        ({"kappa": 1.0, "upper": 1.0, "lower": 0.0}, "a second wall for the other"),
        ({"kappa": -1.0, "upper": 1.0}, "kappa must be positive, got -1.0"),
        ({"kappa": 1.0, "upper": float("nan")}, "stands at nan: give a number"),
        ({"kappa": 1.0, "upper": 1.0, "exponent": 1}, "exponent is a whole number from 2"),
    ],
)
def test_what_is_no_wall(given, words):
    with pytest.raises(ValueError, match=words):
        wall("d", **given)


def test_walls_stand_on_cvs_that_have_ends_and_leave_room():
    check_walls([UPPER, LOWER], {"d": np.inf})
    for walls, words in (
        ([Wall("e", 1.0, 1.0)], "wall: no CV is called 'e'; the CVs are d, phi"),
        ([Wall("phi", 1.0, 1.0)], "the wall on phi is refused: phi lives on a circle"),
        ([UPPER, wall("d", lower=1.5, kappa=1.0)], "the walls on d leave no room: the upper one stands at 1.2"),
    ):
        with pytest.raises(ValueError, match=words):
            check_walls(walls, {"d": np.inf, "phi": 6.28})
