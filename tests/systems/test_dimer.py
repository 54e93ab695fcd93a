"""The dimer against an evaluation pair by pair, at the box's edges, and its closed-form constraint."""

from math import sqrt

import numpy as np
import pytest
import torch

from cvflow.systems import Dimer
from tests.systems import dimer_umbrella
from tests.systems.exact.tabulated import Tabulated

BOX, R0 = 15.0, 2 ** (1 / 6)


def image_distance(a, b):
    """From a to each of the points b, over all images and not by rounding."""
    shifts = BOX * np.stack(np.meshgrid([-2, -1, 0, 1, 2], [-2, -1, 0, 1, 2]), axis=-1).reshape(-1, 2)
    return np.linalg.norm(a - b[:, None] - shifts, axis=2).min(axis=1)


def energy(x):
    total = 2.0 * (1 - ((image_distance(x[0], x[1:2])[0] - R0 - 2.0) / 2.0) ** 2) ** 2
    for i in range(len(x) - 1):
        r = image_distance(x[i], x[max(i + 1, 2) :])
        total += sum(4 * (close**-12 - close**-6) + 1 for close in r[r < R0])
    return total


@pytest.fixture(scope="module")
def configurations():
    """Shaken starts, some of whose pairs touch; moved so that the dimer and others lie across the box's edges."""
    rng = np.random.default_rng(0)
    system = Dimer().system()
    x = np.concatenate([system.starts(state, 2, rng) for state in system.states])
    x = x + rng.normal(0, 0.15, x.shape)
    x[1] -= x[1, :1] - np.array([0.1, 14.9])
    x[3] += np.array([31.0, -47.0])
    return x


def test_energy_pair_by_pair(configurations):
    expected = np.array([energy(x) for x in configurations])
    value = Dimer().system().potential.energy(torch.tensor(configurations).flatten(1)).numpy()
    assert (expected > 1).all()
    assert np.abs(value / expected - 1).max() < 1e-10


def test_energy_and_gradient_against_the_umbrellas(configurations):
    x, flat = configurations, torch.tensor(configurations).flatten(1)
    pairs, at_rest = dimer_umbrella.pairs_within(x, 1.5), dimer_umbrella.xi(x)
    energies, forces = dimer_umbrella.energy_and_force(x, pairs, at_rest)
    potential, cv = Dimer().system().potential, Dimer().system().cv
    assert np.abs(potential.energy(flat).numpy() / energies - 1).max() < 1e-12
    assert np.abs(potential.gradient(flat).numpy() + forces.reshape(len(x), -1)).max() < 1e-10 * np.abs(forces).max()
    assert np.abs(cv.value(flat)[:, 0].numpy() - at_rest).max() < 1e-13


def test_whole_boxes_change_nothing(configurations):
    system, x = Dimer().system(), torch.tensor(configurations).flatten(1)
    boxes = BOX * torch.randint(-3, 4, x.shape, generator=torch.manual_seed(0))
    for function in (system.potential.energy, system.potential.gradient, system.cv.value, system.cv.jacobian):
        assert (function(x + boxes) - function(x)).abs().max() < 1e-10


@pytest.mark.parametrize("direction", [0.0, 0.3, np.pi / 4, np.pi / 2, 2.0, -np.pi])
@pytest.mark.parametrize("xi", [-0.2, 0.0, 0.5, 1.0, 1.59])
def test_the_cv_is_smooth_below_half_the_box(xi, direction):
    """In every direction; 1.59 is just below the range's upper bound."""
    system = Dimer().system()
    length = R0 + 4 * xi
    x = torch.zeros(1, 100, 2, dtype=torch.float64)
    x[0, 1] = length * torch.tensor([np.cos(direction), np.sin(direction)])
    x = x.flatten(1)
    assert abs(float(system.cv.value(x)) - xi) < 1e-14
    steps = 1e-5 * torch.eye(200, dtype=x.dtype)
    slope = (system.cv.value(x + steps) - system.cv.value(x - steps))[:, 0] / 2e-5
    assert (system.cv.jacobian(x)[0, 0] - slope).abs().max() < 1e-9


def test_the_range_ends_where_the_nearest_image_changes():
    system = Dimer().system()
    low, high = system.cv.ranges[0]
    assert abs(low + R0 / 4) < 1e-15
    assert abs(R0 + 4 * high - BOX / 2) < 1e-12
    x = torch.zeros(2, 100, 2, dtype=torch.float64)
    x[0, 1, 0], x[1, 1, 0] = BOX / 2 - 1e-6, BOX / 2 + 1e-6
    towards = system.cv.jacobian(x.flatten(1))[:, 0, 2]
    assert towards[0] * towards[1] < 0


def test_the_gram_matrix_is_constant(configurations):
    """The reason why a single distance needs no Fixman term."""
    jacobian = Dimer().system().cv.jacobian(torch.tensor(configurations).flatten(1))
    gram = (jacobian * jacobian).sum(dim=(1, 2))
    assert (gram - 2 / 16).abs().max() < 1e-14


def test_the_solver_reaches_the_target(configurations):
    system = Dimer().system()
    x = torch.tensor(configurations).flatten(1)
    target = system.cv.value(x) + torch.tensor([[0.05], [-0.05], [0.1], [-0.1]], dtype=x.dtype)
    directions = system.cv.jacobian(x)
    drifted = x + 0.02 * torch.randn(x.shape, dtype=x.dtype, generator=torch.manual_seed(0))
    reached = system.solver.project(system.cv, drifted, directions, target)
    assert reached.converged.all()
    assert (system.cv.value(reached.x) - target).abs().max() < 1e-12


def test_starts_have_no_overlap():
    system = Dimer().system()
    for state in system.states:
        x = torch.tensor(system.starts(state, 20, np.random.default_rng(4))).flatten(1)
        assert system.potential.energy(x).max() < 1e-12


def test_a_crowded_box_is_refused():
    with pytest.raises(ValueError, match="no room"):
        Dimer(n_particles=200).system().starts("compact", 1, np.random.default_rng(0))


def test_two_particles_alone_repel_and_are_excluded():
    """The dimer's own pair has the double well and nothing else, a third particle the repulsion."""
    pair = Dimer(n_particles=2).system().potential
    x = torch.tensor([[0.0, 0.0, 0.7, 0.0]], dtype=torch.float64)
    assert abs(float(pair.energy(x)) - 2 * (1 - ((0.7 - R0 - 2) / 2) ** 2) ** 2) < 1e-14
    three = Dimer(n_particles=3).system().potential
    third = torch.tensor([[0.0, 0.0, 0.7, 0.0, 0.0, 0.9]], dtype=torch.float64)
    repulsion = sum(4 * (r**-12 - r**-6) + 1 for r in (0.9, sqrt(0.7**2 + 0.9**2)) if r < R0)
    assert abs(float(three.energy(third) - pair.energy(x)) - repulsion) < 1e-12


def test_the_umbrella_moves_are_reversible():
    """A trajectory, its momenta turned round, comes back: the pair list of its end is as good as that of its start."""
    rng = np.random.default_rng(0)
    centres = np.array([0.0, 1.0])
    x = dimer_umbrella.starts(centres, rng)
    p = rng.normal(size=x.shape)

    def run(x, p):
        pairs = dimer_umbrella.pairs_within(x, R0 + dimer_umbrella.SKIN)
        _, force = dimer_umbrella.energy_and_force(x, pairs, centres)
        return dimer_umbrella.leapfrog(x, p, force, pairs, centres)

    there = run(x, p)
    back = run(there.x, -there.p)
    assert (there.longest_way < dimer_umbrella.SKIN / 2).all()
    assert np.abs(back.x - x).max() < 1e-11
    assert np.abs(back.longest_way - there.longest_way).max() < 1e-11


@pytest.mark.filterwarnings("ignore:Unknown solver options")  # pymbar's, when MBAR takes its second solver
def test_the_umbrella_analysis_on_a_known_density():
    """A tilted double well in ξ, drawn exactly in every window."""

    def well(xi):
        return np.exp(-2 * (1 - (2 * xi - 1) ** 2) ** 2 + 0.7 * xi)

    rng = np.random.default_rng(0)

    def window(centre):
        restrained = Tabulated(lambda xi: well(xi) * np.exp(-25 * (xi - centre) ** 2), ((-1.0, 2.0),), 5000)
        return restrained.draw(4000, rng)[0].reshape(4, 1000)

    result = dimer_umbrella.analyse(np.array([window(centre) for centre in dimer_umbrella.CENTRES]), seed=0)
    stretched = Tabulated(well, ((-1.0, 2.0),), 5000).probability(lambda xi: xi >= 0.5)
    assert abs(result.delta_f - np.log((1 - stretched) / stretched)) < 4 * result.stderr < 0.5
