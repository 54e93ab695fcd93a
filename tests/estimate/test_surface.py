import numpy as np
import pytest

from cvflow.estimate.convergence import cv_chains
from cvflow.estimate.free_energy import profile
from cvflow.estimate.surface import surface
from tests.report.synthetic import THREE, Lengths, fake_record


@pytest.fixture(scope="module")
def record():
    return fake_record(THREE, Lengths(4, 10, 400))


def test_it_is_the_density_of_the_chain(record):
    """As the profile is along the first CV; and it knows the target within its errors."""
    found = surface(record, ("phi", "psi"), 20)
    along = profile(record, "phi", 20)
    visits, _, _ = np.histogram2d(*cv_chains(record).reshape(-1, 2).T, [found.first.edges, found.second.edges])
    for free_energy, counts in ((found.free_energy, visits), (along.free_energy, visits.sum(axis=1))):
        known = np.isfinite(free_energy)
        assert np.allclose(np.exp(-free_energy[known]), counts[known] / counts.max())
        assert counts[~known].sum() < 0.05 * counts.sum()
    middles = np.stack(np.meshgrid(found.first.centres, found.second.centres, indexing="ij"), axis=-1)
    exact = -THREE.density.log_density(middles.reshape(-1, 2)).reshape(20, 20)
    well = np.isfinite(found.free_energy) & (found.stderr < 0.3) & (found.stderr > 0)
    lowest = np.unravel_index(np.nanargmin(found.free_energy), found.free_energy.shape)
    apart = (found.free_energy - (exact - exact[lowest]))[well]
    assert well.sum() > 20
    assert np.sqrt(np.mean((apart / np.hypot(found.stderr[well], 0.1)) ** 2)) < 2


def test_the_unvisited_is_nan(record):
    found = surface(record, ("psi", "phi"), 40)
    assert np.nanmin(found.free_energy) == 0
    assert np.isnan(found.free_energy).sum() > 400
    assert np.isnan(found.stderr[np.isnan(found.free_energy)]).all()
    assert np.isfinite(found.stderr[found.free_energy < 1]).all()


def test_the_order_of_the_cvs_is_that_of_the_axes(record):
    first, second = surface(record, ("phi", "psi"), 16), surface(record, ("psi", "phi"), 16)
    assert np.array_equal(first.free_energy, second.free_energy.T, equal_nan=True)
    assert first.first.cv == "phi"


def test_errors_shrink_with_the_length(record):
    short = fake_record(THREE, Lengths(4, 10, 100))
    errors = [np.nanmedian(surface(each, ("phi", "psi"), 6).stderr) for each in (short, record)]
    assert errors[1] < 0.75 * errors[0]


def test_chains_too_short_for_blocks_have_no_error():
    found = surface(fake_record(THREE, Lengths(1, 0, 2)), ("phi", "psi"), 4)
    assert np.isnan(found.stderr).all()
    assert np.isnan(found.free_energy).all()


def test_one_cv_twice_is_refused(record):
    with pytest.raises(ValueError, match="phi twice"):
        surface(record, ("phi", "phi"), 10)
