"""Rigid water (SETTLE) through GROMACS: stationarity with mutants, in a landscape of PLUMED's."""

from functools import cache, partial

import numpy as np
import pytest

from cvflow.core.frames import Frame
from cvflow.doctor.verify import rigid_water as triangle
from cvflow.engines.external.plumed_files import biases
from cvflow.engines.external.rigid import lengths
from tests.engines.external import butane, gromacs_triangle
from tests.engines.external.one_jump import MUTANTS, Case, passes, shows

COARSE = 0.006
"""Time step [ps]: the shadow work must show, and no hydrogen turn by more than a right angle in a step."""

TRIANGLE = np.array([[0, 1], [0, 2], [1, 2]])


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder with the water's files."""
    folder = tmp_path_factory.mktemp("water")
    gromacs_triangle.write_files(folder)
    return str(folder)


def test_the_measure_of_a_rigid_triangle_is_uniform_in_place_and_rotation():
    """√det(JᵀMJ), J being the derivative by the oxygen's place and by rotations, is the same everywhere."""
    turned = np.einsum("nij,aj->nai", triangle.rotations(6, np.random.default_rng(4))[:, :, :2], triangle.SHAPE)
    masses = np.repeat(triangle.WATER_MASSES, 3)

    def volume(x):
        derivative = np.array([*(np.tile(e, 3) for e in np.eye(3)), *(np.cross(e, x).ravel() for e in np.eye(3))])
        return np.sqrt(np.linalg.det(derivative * masses @ derivative.T))

    volumes = np.array([volume(x) for x in turned])
    assert volumes == pytest.approx(np.full(6, volumes[0]), rel=1e-9)


def test_exact_draws_have_the_moments_of_a_quadrature_over_the_sphere():
    """Heights depend on where the vertical points to in the molecule, and that is uniform on the sphere."""
    cosine, phi = np.meshgrid(np.linspace(-1, 1, 2001), np.linspace(-np.pi, np.pi, 1000, endpoint=False))
    first, second = triangle.SHAPE[1:] / triangle.OH
    sine = np.sqrt(1 - cosine**2)
    a, b = (bond[0] * cosine + bond[1] * sine * np.cos(phi) for bond in (first, second))
    weight = np.exp(-triangle.turning(a, b) / butane.KT)
    drawn = triangle.heights(triangle.exact_draws(20000, np.random.default_rng(8)))
    for moment in (lambda a, b: a > 0, lambda a, b: a, lambda a, b: b, lambda a, b: a * b, lambda a, b: b**2 * a):
        there, wanted = moment(*drawn), np.sum(weight * moment(a, b)) / weight.sum()
        assert abs(there.mean() - wanted) < 4 * there.std() / np.sqrt(len(there))


def test_exact_draws_have_the_bonds_in_single_precision():
    for x in triangle.exact_draws(20, np.random.default_rng(9)):
        held = np.array([triangle.OH, triangle.OH, triangle.HH])
        assert lengths(x, butane.box(), TRIANGLE) == pytest.approx(held, abs=5e-7)


def test_plumed_has_the_landscape_of_the_draws(gromacs, library, files):
    spec = gromacs_triangle.spec(files, str(library), 1e-6)
    assert spec.program.rigid == tuple(map(tuple, TRIANGLE.tolist()))
    for x in triangle.exact_draws(3, np.random.default_rng(5)):
        done = spec.build()._run(Frame(x, butane.box()), 1, None, np.random.default_rng(2))
        assert biases(done.colvar)[0] == pytest.approx(triangle.energy(x[None])[0], abs=2e-3)
        assert done.colvar.values["v"][0] == pytest.approx(triangle.value(x[None])[0], abs=1e-5)


@cache
def case(library, folder):
    return Case(
        partial(gromacs_triangle.spec, folder, str(library), COARSE), triangle.exact_draws, butane.box, triangle.value,
        triangle.observables, triangle.HEIGHT_FLOW, 300.0, 40, 1.2, np.inf, 4800,
    )  # fmt: skip


@pytest.mark.slow
def test_one_jump_leaves_the_target_alone(gromacs, library, files):
    """Accepted were 0.518, the largest |z| was 1.5; of the wrong decisions 10.7 (log q) to 31, shadow work 11.5."""
    passes(case(library, files))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_decisions_show(gromacs, library, files, mutant):
    shows(case(library, files), mutant)
