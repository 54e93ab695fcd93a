"""A learned flow as a static bias: `plumed pesmd` samples with it, `plumed driver` gives the weights back."""

import subprocess

import numpy as np
import pytest

from cvflow.proposals.export import to_cvf
from cvflow.proposals.mixture import GaussianMixture

FLOW = GaussianMixture(((-1.0,), (1.0,)), ((0.35,), (0.35,)), (0.75, 0.25))
"""Roughly the two wells."""
BIASED = """
UNITS NATURAL
LOAD FILE={library}
d: DISTANCE ATOMS=1,2 COMPONENTS NOPBC
u: CUSTOM ARG=d.x,d.y FUNC=5*(x^2-1)^2+0.6*x+4*(y-0.5*x)^2 PERIODIC=NO
BIASVALUE ARG=u
CVFLOW ARG=d.x MODEL=flow.cvf MODE=BIAS BIASFACTOR=inf TEMP=1
DUMPATOMS ATOMS=1,2 FILE=traj.xyz STRIDE=20 PRECISION=9
"""
WEIGHTS = """
UNITS NATURAL
LOAD FILE={library}
d: DISTANCE ATOMS=1,2 COMPONENTS NOPBC
flat: CVFLOW ARG=d.x MODEL=flow.cvf MODE=BIAS BIASFACTOR=inf TEMP=1
weights: REWEIGHT_BIAS ARG=flat.bias TEMP=1
PRINT ARG=d.x,weights FILE=WEIGHTS FMT=%.9f
"""
PESMD = """temperature 1
friction 0.5
tstep 0.025
dimension 2
nstep 160000
ipos -1,-0.5
periodic false
idum 1
plumed biased.dat
"""
BLOCKS = 16


def exact():
    """The share of x > 0, by quadrature; y integrates to a constant."""
    x = np.linspace(-3, 3, 6001)
    density = np.exp(-5 * (x**2 - 1) ** 2 - 0.6 * x)
    return density[x > 0].sum() / density.sum()


def share(right, weight):
    """Of the right well, and its standard error from blocks."""
    blocks = zip(np.split(right, BLOCKS), np.split(weight, BLOCKS), strict=True)
    parts = [np.average(inside, weights=each) for inside, each in blocks]
    return np.average(right, weights=weight), np.std(parts, ddof=1) / np.sqrt(BLOCKS)


@pytest.fixture(scope="module")
def sampled(plumed, library, tmp_path_factory):
    """x and log weights of a run's frames."""
    folder = tmp_path_factory.mktemp("biased")

    def run(*words, sent=None):
        command = [plumed.program, *words]
        done = subprocess.run(command, cwd=folder, input=sent, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr

    (folder / "flow.cvf").write_bytes(to_cvf(FLOW, ["x"], [""]))
    (folder / "biased.dat").write_text(BIASED.format(library=library))
    (folder / "weights.dat").write_text(WEIGHTS.format(library=library))
    run("pesmd", sent=PESMD)
    run("driver", "--plumed", "weights.dat", "--ixyz", "traj.xyz")
    return np.loadtxt(folder / "WEIGHTS")[1:, 1:].T


def test_weights_of_the_driver_take_the_bias_out(sampled):
    x, log_weight = sampled
    np.testing.assert_allclose(log_weight, FLOW.log_density(x[:, None]), atol=1e-6)
    assert np.abs(np.diff(np.sign(x))).sum() / 2 > 100
    found, error = share(x > 0, np.exp(log_weight))
    assert error < 0.04
    assert abs(found - exact()) < 4 * error
    assert abs(np.mean(x > 0) - exact()) > 5 * error


def test_without_weights_the_barrier_is_gone(sampled):
    """What the bias is for: its top, rare without it, is visited often."""
    x, log_weight = sampled
    top = np.abs(x) < 0.1
    assert top.mean() > 5 * np.average(top, weights=np.exp(log_weight))
