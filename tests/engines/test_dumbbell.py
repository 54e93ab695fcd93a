"""The exact draws are exact: against quadrature, and the engine's energy against the density they are drawn from."""

import numpy as np

from cvflow.core.frames import Frame
from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.one_jump import Case


def test_draws_follow_the_quadrature():
    x = dumbbell.exact_draws(100_000, np.random.default_rng(1))
    observed = dumbbell.observables(x)
    p, r = dumbbell.density(dumbbell.GRID), dumbbell.GRID
    for name, value in (("r", r), ("r²", r**2), ("r > 2.3", r > 2.3)):
        exact = np.trapezoid(p * value, r)
        sample = observed[name]
        assert abs(sample.mean() - exact) < 4 * sample.std() / np.sqrt(len(sample)), name
    for name, exact in (("offset²", 1 / dumbbell.COUPLING), ("a²", 3 / dumbbell.TETHER), ("offset r", 0.0)):
        sample = observed[name]
        assert abs(sample.mean() - exact) < 4 * sample.std() / np.sqrt(len(sample)), name


def test_the_engine_has_the_energy_of_the_density():
    """Differences of U from OpenMM equal those of -ln p written down in this folder."""
    engine = Case(steps=1, timestep=0.1, kappa=1.0).build()
    x = dumbbell.exact_draws(50, np.random.default_rng(2))
    energy = np.array([engine.potential_energy(Frame(positions, None)) for positions in x])
    observed = dumbbell.observables(x)
    r = observed["r"]
    radial = -np.log(np.interp(r, dumbbell.GRID, dumbbell.density(dumbbell.GRID)) / r**2)
    springs = dumbbell.TETHER / 2 * observed["a²"]
    c = x[:, 2]
    springs += dumbbell.COUPLING / 2 * (observed["offset"] ** 2 + c[:, 1] ** 2 + c[:, 2] ** 2)
    difference = energy - radial - springs
    np.testing.assert_allclose(difference, difference.mean(), atol=1e-5)


def test_the_states_have_different_weights():
    p = dumbbell.density(dumbbell.GRID)
    left = np.trapezoid(p[dumbbell.GRID < 2.3], dumbbell.GRID[dumbbell.GRID < 2.3])
    assert 0.4 < left < 0.49
