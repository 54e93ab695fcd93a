"""Training: what is learned, kept, stopped and reported."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from cvflow.core.cv_space import Domain
from cvflow.proposals.fit import FitSettings, fit
from cvflow.proposals.flows import ARCHITECTURES
from cvflow.proposals.flows.spline import AutoregressiveSpline
from cvflow.proposals.history import replayed, split
from tests.proposals.cases import PLANE, SHORT, SPACES, chains, learned, line, samples
from tests.proposals.flows.cases import takes

LINE = SPACES["line"]
BLUR = np.array([0.05])


def data(count, rng, walkers=1):
    return chains(count, rng, LINE, walkers)


def test_training_finds_the_modes_and_their_weights():
    rng = np.random.default_rng(3)
    training = fit(data(3000, rng, walkers=3), LINE, BLUR, FitSettings(), None, rng)
    draws = training.proposal.draw(50_000, rng)[:, 0]
    assert np.mean(draws > 4.6) == pytest.approx(0.3, abs=0.04)
    fresh = samples(20_000, rng, LINE)
    exact = np.logaddexp(
        np.log(0.7) + stats.norm(3.5, np.hypot(0.2, 0.05)).logpdf(fresh[:, 0]),
        np.log(0.3) + stats.norm(5.7, np.hypot(0.35, 0.05)).logpdf(fresh[:, 0]),
    )
    lost = exact.mean() - training.proposal.log_density(fresh).mean()
    assert -0.02 < lost < 0.1
    assert training.samples == 3000
    assert training.effective_samples == pytest.approx(3000, rel=0.2), "drawn independently"
    assert training.holdout_nll == pytest.approx(training.training_nll, abs=0.1)
    assert 0 < training.kept_epoch <= training.epochs <= 150


def test_the_likelihoods_are_those_of_the_proposal():
    """Of one walker, without noise: its history alone says which samples are held out."""
    history = samples(500, np.random.default_rng(0), LINE)
    training = fit([history], LINE, np.zeros(1), SHORT, None, np.random.default_rng(1))
    parts = split(replayed([history], SHORT.most_samples), 5, np.random.default_rng(2))
    for nll, part in zip((training.training_nll, training.holdout_nll), parts, strict=True):
        assert nll == pytest.approx(-training.proposal.log_density(part).mean(), abs=1e-12)


def test_training_is_reproducible():
    histories = data(400, np.random.default_rng(4))
    results = [fit(histories, LINE, BLUR, SHORT, None, np.random.default_rng(5)) for _ in range(2)]
    points = np.linspace(2, 7, 50)[:, None]
    np.testing.assert_array_equal(*(result.proposal.log_density(points) for result in results))


def test_a_retraining_begins_with_the_flow_before():
    histories, points = data(400, np.random.default_rng(4)), np.linspace(2, 7, 50)[:, None]
    first = fit(histories, LINE, BLUR, SHORT, None, np.random.default_rng(5)).proposal
    before = first.log_density(points)
    later = fit(histories, LINE, BLUR, replace(SHORT, epochs=1), first, np.random.default_rng(6)).proposal
    assert (first.version, later.version) == (0, 1)
    assert later.standard is first.standard
    np.testing.assert_array_equal(first.log_density(points), before)
    np.testing.assert_allclose(later.log_density(points), before, atol=0.5)


def test_standard_coordinates_that_were_outgrown_are_renewed():
    """First samples from the bottom of one well; the other one would lie at u > 5, where splines do nothing."""
    rng = np.random.default_rng(7)
    bottom = [rng.normal(3.5, 0.1, (200, 1))]
    first = fit(bottom, LINE, np.zeros(1), SHORT, None, rng).proposal
    training = fit([*bottom, *data(2000, rng, walkers=3)], LINE, np.zeros(1), replace(SHORT, epochs=100), first, rng)
    assert training.proposal.version == 1
    assert training.proposal.standard.scale > 5 * first.standard.scale
    assert (training.proposal.draw(5000, rng) > 4.6).mean() == pytest.approx(0.3, abs=0.06)


def test_a_mode_left_long_ago_is_kept():
    """Each walker spent its first tenth in a mode that it never saw again; three trainings since then."""
    rng = np.random.default_rng(8)
    walkers = [np.concatenate([rng.normal(9, 0.3, (100, 1)), rng.normal(3.5, 0.3, (900, 1))]) for _ in range(8)]
    proposal = None
    for length in (150, 500, 1000):
        visited = [walker[:length] for walker in walkers]
        proposal = fit(visited, LINE, BLUR, FitSettings(), proposal, rng).proposal
    share = (replace(proposal, epsilon=1e-9).draw(20_000, rng) > 7).mean()
    assert 0.01 < share < 0.05, "2.5 %, less than a tenth"


def test_the_weight_of_a_mode_follows_the_later_history():
    """Half of the walkers began in a mode of weight 3 % and stayed for a tenth; counted alike it would weigh 8 %."""
    rng, walkers = np.random.default_rng(12), []
    for start in (9.0, 9.0, 3.5, 3.5):
        later = np.where(rng.random(1080) < 0.03, 9.0, 3.5)
        walkers.append(np.concatenate([np.full(120, start), later])[:, None] + 0.3 * rng.normal(size=(1200, 1)))
    proposal = None
    for length in (120, 600, 1200):
        proposal = fit([walker[:length] for walker in walkers], LINE, BLUR, FitSettings(), proposal, rng).proposal
    share = (replace(proposal, epsilon=1e-9).draw(20_000, rng) > 7).mean()
    assert share == pytest.approx(0.5 * 0.025 + 0.975 * 0.03, abs=0.015)


def test_one_long_history_does_not_drown_the_others():
    rng = np.random.default_rng(9)
    long, short = rng.normal(3.5, 0.3, (20_000, 1)), [rng.normal(9, 0.3, (1000, 1)) for _ in range(3)]
    proposal = fit([long, *short], LINE, BLUR, SHORT, None, rng).proposal
    assert (proposal.draw(20_000, rng) > 7).mean() == pytest.approx(2325 / 3575, abs=0.07)


def test_training_stops_on_the_held_out_part():
    """Few samples, many epochs: without the rule the flow learns them by heart."""
    rng, settings = np.random.default_rng(8), FitSettings(epochs=400, patience=20)
    few, fresh = [rng.normal(size=(40, 1))], rng.normal(size=(5000, 1))
    training = fit(few, LINE, np.array([1e-6]), settings, None, np.random.default_rng(1))
    assert training.epochs < 200
    assert training.kept_epoch == training.epochs - 20
    lost = -training.proposal.log_density(fresh).mean() - stats.norm.entropy()
    patient = fit(few, LINE, np.array([1e-6]), replace(settings, patience=400), None, np.random.default_rng(1))
    assert patient.epochs == 400
    assert lost < 0.5
    assert patient.holdout_nll <= training.holdout_nll


def test_noise_is_learned_with_the_samples():
    """All samples at one point: the density is that of the noise, across ±π too, by total variation."""
    rng, blur = np.random.default_rng(10), np.array([0.3])
    training = fit([np.full((600, 1), 3.0)], SPACES["circle"], blur, FitSettings(), None, rng)
    angles = np.linspace(-np.pi, np.pi, 400)[:, None]
    away = np.minimum(np.abs(angles - 3.0), 2 * np.pi - np.abs(angles - 3.0))[:, 0]
    expected = 0.95 * stats.norm(0, 0.3).pdf(away) + 0.05 / (2 * np.pi)
    found = np.exp(training.proposal.log_density(angles))
    assert 0.5 * np.abs(found - expected).mean() * 2 * np.pi < 0.15


def bumps(count, rng, cvs=27):
    """Two Gaussian modes in 27 dimensions with covariances of their own; samples and their exact log density."""
    shapes = np.random.default_rng(0)
    roots = [np.diag(shapes.uniform(0.3, 1, cvs)) + 0.06 * shapes.normal(size=(cvs, cvs)) for _ in range(2)]
    means = shapes.normal(size=(2, cvs)) * 1.5
    second = (rng.random(count) < 0.3).astype(int)
    noise = rng.normal(size=(count, cvs))
    points = np.where(second[:, None], means[1] + noise @ roots[1].T, means[0] + noise @ roots[0].T)
    laws = [stats.multivariate_normal(mean, root @ root.T) for mean, root in zip(means, roots, strict=True)]
    return points, np.logaddexp(np.log(0.7) + laws[0].logpdf(points), np.log(0.3) + laws[1].logpdf(points))


@pytest.mark.parametrize("kind", [each.kind for each in ARCHITECTURES])
def test_every_architecture_learns_two_modes(kind):
    """As well as the default one does, to a tenth of a nat; what it draws has the modes' weights.

    Affine layers, which have to tear the plane, are given three times the epochs.
    """
    where = "mixed" if takes(kind, (Domain.CIRCLE, Domain.LINE)) else "plane"
    fresh = samples(4000, np.random.default_rng(3), (SPACES | PLANE)[where])
    found, usual = learned(where, kind=kind, epochs=150 if kind == "realnvp" else 50), learned(where)
    assert found.log_density(fresh).mean() > usual.log_density(fresh).mean() - 0.1
    draws = found.draw(4000, np.random.default_rng(4))
    assert (draws[:, 1] > 4.6).mean() == pytest.approx((fresh[:, 1] > 4.6).mean(), abs=0.05)
    assert np.isfinite(found.log_density(draws)).all()


def test_twenty_seven_dimensions():
    """Better by nats than one Gaussian, within nats of the truth; draws find both modes."""
    rng = np.random.default_rng(11)
    points, _ = bumps(3000, rng)
    fresh, exact = bumps(2000, rng)
    settings = FitSettings(AutoregressiveSpline(transforms=2), epochs=60)
    training = fit(np.array_split(points, 4), line(27), np.zeros(27), settings, None, rng)
    nll, entropy = -training.proposal.log_density(fresh).mean(), -exact.mean()
    gaussian = -stats.multivariate_normal(points.mean(axis=0), np.cov(points.T)).logpdf(fresh).mean()
    assert entropy < nll < entropy + 4
    assert nll < gaussian - 1.5
    draws = training.proposal.draw(400, rng)
    ratio = bumps_ratio(draws)
    assert ratio == pytest.approx(0.3, abs=0.1)


def bumps_ratio(draws):
    """Share of the draws that are nearer to the second mode's mean."""
    shapes = np.random.default_rng(0)
    for _ in range(2):
        shapes.uniform(0.3, 1, 27), shapes.normal(size=(27, 27))
    means = shapes.normal(size=(2, 27)) * 1.5
    away = np.linalg.norm(draws[:, None] - means, axis=2)
    return (away[:, 1] < away[:, 0]).mean()


def test_training_leaves_torch_s_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    fit(data(100, np.random.default_rng(9)), LINE, BLUR, replace(SHORT, epochs=2), None, np.random.default_rng(9))
    assert torch.equal(torch.rand(1), expected)


def test_too_few_samples_raise():
    with pytest.raises(ValueError, match="at least 10 samples"):
        fit([np.zeros((3, 1))] * 3, LINE, np.ones(1), SHORT, None, np.random.default_rng(0))


@pytest.mark.parametrize(
    "wrong", [{"epsilon": 0.0}, {"epsilon": 1.0}, {"holdout": 0.6}, {"holdout": 0.0}, {"epochs": 0}, {"patience": 0}]
)
def test_settings_out_of_range_raise(wrong):
    with pytest.raises(ValueError, match="flow: "):
        FitSettings(**wrong)
