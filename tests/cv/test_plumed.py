"""CVs given as PLUMED's text: the native ones' values and gradients, its circles, boxes and masses, and misuse."""

import copy
import os
import pickle
import sys
from dataclasses import replace
from math import inf, pi
from types import ModuleType

import numpy as np
import pytest
import torch

from cvflow.core.frames import Frame
from cvflow.cv import (
    Particles,
    angle,
    anisotropy,
    centre_distance,
    combination,
    coordination,
    distance,
    from_plumed,
    functions,
    gyration,
    path_distance,
    path_progress,
    torsion,
)
from cvflow.cv.plumed import FARTHEST
from tests.cv.cases import ATOMS, CASES, draws
from tests.cv.with_plumed import needs_plumed

MASSES = tuple(1.0 + i for i in range(ATOMS))


def centres(x):
    weights = torch.tensor(MASSES, dtype=x.dtype)
    first, second = ((weights[g, None] * x[:, g]).sum(dim=1) / weights[g].sum() for g in ([1, 0], [5, 3, 8]))
    return torch.linalg.vector_norm(second - first, dim=1)


_RING = "p: PUCKERING ATOMS=1,4,8,9,6,3"


def _of(case):
    """A case's CV by the name c, and its function."""
    return replace(CASES[case].cv, name="c"), CASES[case].function


def _contact_map():
    """Native contacts: the same by PLUMED, whose switch Q asks for an R_0 that it does not use."""
    q = CASES["native contacts"].cv
    place = {atom: np.array(x) for atom, x in zip(q.indices, q.reference, strict=True)}
    lines = [
        f" ATOMS{k}={i + 1},{j + 1} WEIGHT{k}={1 / len(q.pairs)!r} SWITCH{k}="
        f"{{Q R_0=0.01 BETA={q.beta} LAMBDA={q.lambda_constant} REF={np.linalg.norm(place[i] - place[j]):.15f} }}"
        for k, (i, j) in enumerate(q.pairs, start=1)
    ]
    return "\n".join(["c: CONTACTMAP ...", *lines, " SUM NOPBC", "..."])


PAIRS = {
    "distance": ("c: DISTANCE ATOMS=8,3", distance("c", 7, 2), lambda x: functions.distance(x[:, [7, 2]])),
    "angle": ("c: ANGLE ATOMS=4,10,2", angle("c", 3, 9, 1), lambda x: functions.angle(x[:, [3, 9, 1]])),
    "torsion": ("c: TORSION ATOMS=7,3,1,6", torsion("c", 6, 2, 0, 5), lambda x: functions.torsion(x[:, [6, 2, 0, 5]])),
    "gyration": (
        "c: GYRATION ATOMS=9,2,3,5",
        gyration("c", [8, 1, 2, 4]),
        lambda x: functions.gyration(x[:, [8, 1, 2, 4]]),
    ),
    "anisotropy": (
        "k: GYRATION TYPE=KAPPA2 ATOMS=9,2,3,5\nc: CUSTOM ARG=k FUNC=sqrt(x) PERIODIC=NO",
        anisotropy("c", [8, 1, 2, 4]),
        CASES["anisotropy"].function,
    ),
    "coordination": (
        "c: COORDINATION ...\n GROUPA=1,4 GROUPB=10,5,6 # groups\n SWITCH={RATIONAL R_0=0.4 NN=6 MM=12 D_MAX=100}\n...",
        coordination("c", [0, 3], [9, 4, 5], r0=0.4),
        lambda x: functions.coordination(x[:, [0, 3]], x[:, [9, 4, 5]], 0.4),
    ),
    "native contacts": (
        _contact_map(),
        replace(CASES["native contacts"].cv, name="c"),
        CASES["native contacts"].function,
    ),
    "alpha beta": (
        "c: ALPHABETA ...\n NOPBC\n" + "".join(
            f" ATOMS{k}={','.join(str(i + 1) for i in four)} REFERENCE{k}={reference} COEFFICIENT{k}={coefficient}\n"
            for k, (four, reference, coefficient) in enumerate(
                zip(*(getattr(CASES["alpha beta"].cv, word) for word in ("torsions", "references", "coefficients")),
                    strict=True), start=1)
        ) + "...",
        replace(CASES["alpha beta"].cv, name="c"),
        CASES["alpha beta"].function,
    ),
    "amplitude": (f"{_RING}\nc: COMBINE ARG=p.amplitude PERIODIC=NO", *_of("amplitude of six")),
    "theta": (f"{_RING}\nc: COMBINE ARG=p.theta PERIODIC=NO", *_of("theta")),
    "phase": (f"{_RING}\nc: COMBINE ARG=p.phi PERIODIC=0,2*pi", *_of("phase of six")),
    "puckering z": (f"{_RING}\nc: COMBINE ARG=p.qz PERIODIC=NO", *_of("puckering z")),
    "plane angle": (
        "a: PLANE ATOMS=1,8,4\nb: PLANE ATOMS=10,2,5\n"
        "c: CUSTOM ARG=a.x,a.y,a.z,b.x,b.y,b.z VAR=p,q,r,s,t,u PERIODIC=NO "
        "FUNC=acos((p*s+q*t+r*u)/sqrt((p^2+q^2+r^2)*(s^2+t^2+u^2)))",
        *_of("plane angle"),
    ),
    "centres of mass": (
        "a: COM ATOMS=2,1\nb: COM ATOMS=6,4,9\nc: DISTANCE ATOMS=a,b",
        centre_distance("c", [1, 0], [5, 3, 8], weights=(2.0, 1.0), weights2=(6.0, 4.0, 9.0)),
        centres,
    ),
}


@needs_plumed
@pytest.mark.parametrize("name", PAIRS)
def test_values_and_gradients_are_those_of_the_native_cv(name):
    text, native, function = PAIRS[name]
    cv = from_plumed("c", text).among(Particles(MASSES))
    for x in draws(5):
        frame = Frame(x, None)
        value, gradient = cv.value_and_gradient(frame)
        batch = torch.from_numpy(x)[None].requires_grad_()
        (expected,) = torch.autograd.grad(function(batch).sum(), batch)
        assert value == pytest.approx(native.evaluate(frame), abs=1e-6)
        assert value == cv.evaluate(frame)
        np.testing.assert_allclose(gradient, expected[0].numpy(), atol=1e-6 * np.abs(gradient).max())


@needs_plumed
@pytest.mark.parametrize(("make", "component"), [(path_progress, "sss"), (path_distance, "zzz")])
def test_path_variables_are_those_of_pathmsd(make, component, tmp_path):
    """Its file has three digits of an Å, so our frames have no more."""
    group, frames = [8, 1, 2, 4, 9], np.round(draws(4, seed=11)[:, [8, 1, 2, 4, 9]], 4)
    lines = []
    for number, frame in enumerate(frames, start=1):
        lines += [f"MODEL {number:8d}"]
        order = np.argsort(group)
        for i in order:
            x, y, z = 10 * frame[i]
            lines += [f"ATOM  {group[i] + 1:5d}  C   MOL A   1    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  1.00"]
        lines += ["END"]
    (tmp_path / "frames.pdb").write_text("\n".join([*lines, ""]))
    text = f"p: PATHMSD REFERENCE={tmp_path}/frames.pdb LAMBDA=60\nc: COMBINE ARG=p.{component} PERIODIC=NO"
    cv, native = from_plumed("c", text).among(Particles(MASSES)), make("c", group, frames, 60.0)
    for x in draws(3, seed=12):
        value, gradient = cv.value_and_gradient(Frame(x, None))
        expected, slopes = native.value_and_gradient(Frame(x, None))
        assert value == pytest.approx(expected, abs=1e-6)
        np.testing.assert_allclose(gradient, slopes, atol=1e-5 * np.abs(slopes).max())


@needs_plumed
@pytest.mark.parametrize("offset", [-0.02, -1e-9, 1e-9, 0.02])
def test_torsions_across_the_cut(offset):
    x, phi = draws(1)[0], pi + offset
    x[:4] = [[0.1, 0, 0], [0, 0, 0], [0, 0, 0.15], [0.1 * np.cos(phi), 0.1 * np.sin(phi), 0.17]]
    cv, native = from_plumed("phi", "phi: TORSION ATOMS=1,2,3,4"), torsion("phi", 0, 1, 2, 3)
    assert cv.period == pytest.approx(2 * pi, rel=1e-15)
    assert -pi <= cv.evaluate(Frame(x, None)) < pi
    assert cv.evaluate(Frame(x, None)) == pytest.approx(native.evaluate(Frame(x, None)), abs=1e-12)


@needs_plumed
@pytest.mark.parametrize(
    ("domain", "period"), [("NO", inf), ("0,2*pi", 2 * pi), ("-pi,pi", 2 * pi), ("1.5,1.5+3*pi", 3 * pi)]
)
def test_a_domain_is_a_circle_whose_values_lie_around_zero(domain, period):
    text = f"phi: TORSION ATOMS=1,2,3,4\nw: CUSTOM ARG=phi FUNC=x+20 PERIODIC={domain}"
    cv, frame = from_plumed("w", text), Frame(draws(1)[0], None)
    assert cv.period == pytest.approx(period)
    raw = torsion("phi", 0, 1, 2, 3).evaluate(frame) + 20
    value, gradient = cv.value_and_gradient(frame)
    if period < inf:
        assert -period / 2 <= value < period / 2
        assert (value - raw) / period == pytest.approx(round((value - raw) / period), abs=1e-9)
    else:
        assert value == pytest.approx(raw)
    np.testing.assert_allclose(gradient, from_plumed("phi", text).value_and_gradient(frame)[1], rtol=1e-9)


@needs_plumed
def test_minimum_images_are_plumed_s_in_a_box_and_nowhere_else():
    x = draws(1)[0]
    x[7] += [0.0, 3.0, 0.0]
    far, near = np.linalg.norm(x[7] - x[2]), np.linalg.norm(x[7] - [0.0, 3.0, 0.0] - x[2])
    cv, plain = from_plumed("d", "d: DISTANCE ATOMS=8,3"), from_plumed("d", "d: DISTANCE NOPBC ATOMS=8,3")
    masses = (1.0,) * ATOMS
    boxed, bare = Frame(x, 3.0 * np.eye(3)), Frame(x, None)
    assert cv.evaluate(boxed) == pytest.approx(near)
    assert cv.evaluate(bare) == pytest.approx(far)  # the same PLUMED, which has to forget the box
    assert plain.evaluate(boxed) == pytest.approx(far)
    assert cv.among(Particles(masses, periodic=True)).evaluate(boxed) == pytest.approx(near)
    assert cv.among(Particles(masses, periodic=False)).evaluate(boxed) == pytest.approx(far)


@needs_plumed
def test_values_depend_on_the_frame_alone():
    """Neighbour lists too, whose stride would let an old list stand."""
    text = "n: COORDINATION GROUPA=1-5 GROUPB=6-10 R_0=0.3 NLIST NL_CUTOFF=0.8 NL_STRIDE=50"
    cv, frames = from_plumed("n", text), [Frame(x, None) for x in 2.0 * draws(4)]
    alone = [from_plumed("n", text).evaluate(frame) for frame in frames]
    assert [cv.evaluate(frame) for frame in frames + frames] == alone + alone


@needs_plumed
def test_charges_are_passed_where_they_are_known():
    text = "a: CENTER ATOMS=1,2 WEIGHTS=2,3\nq: COMBINE ARG=e PERIODIC=NO\ne: ENERGY"
    with pytest.raises(ValueError, match="CV q: PLUMED does not take it"):
        from_plumed("q", text)
    dipole = from_plumed("q", "m: DIPOLE GROUP=1,2,3 COMPONENTS\nq: COMBINE ARG=m.x PERIODIC=NO")
    frame = Frame(draws(1)[0], None)
    charges = (1.0, -0.4, 0.2, *[0.0] * (ATOMS - 3))
    shifted = np.array(charges[:3]) - np.mean(charges[:3])
    assert dipole.among(Particles(MASSES, charges)).evaluate(frame) == pytest.approx(shifted @ frame.positions[:3, 0])
    for unknown in (dipole, dipole.among(Particles(MASSES))):
        with pytest.raises(ValueError, match="does the text need masses or charges"):
            unknown.evaluate(frame)


@needs_plumed
@pytest.mark.parametrize("where", [np.nan, np.inf, -2 * FARTHEST])
def test_what_has_blown_up_has_no_value(where):
    cv, x = (
        from_plumed("n", "n: COORDINATION GROUPA=1-5 GROUPB=6-10 R_0=0.3 NLIST NL_CUTOFF=1 NL_STRIDE=1"),
        draws(1)[0],
    )
    x[3, 1] = where
    value, gradient = cv.value_and_gradient(Frame(x, None))
    assert np.isnan(value)
    assert np.isnan(gradient).all()
    assert np.isfinite(cv.evaluate(Frame(draws(1)[0], None)))


@needs_plumed
def test_copies_start_a_plumed_of_their_own():
    cv, frame = from_plumed("d", "d: DISTANCE ATOMS=1,9", unit="nm"), Frame(draws(1)[0], None)
    value = cv.evaluate(frame)
    for other in (pickle.loads(pickle.dumps(cv)), copy.deepcopy(cv)):
        assert (other, hash(other), other.evaluate(frame)) == (cv, hash(cv), value)
        assert other._instance is not cv._instance


@needs_plumed
def test_a_frame_of_other_atoms_raises():
    cv = from_plumed("d", "d: DISTANCE ATOMS=1,9").among(Particles(MASSES))
    with pytest.raises(ValueError, match="CV d: made for 10 atoms, the frame has 5"):
        cv.evaluate(Frame(draws(1)[0][:5], None))
    with pytest.raises(ValueError, match=r"CV d: PLUMED does not take it: .*atom 9 out of range"):
        combination("s", {from_plumed("d", "d: DISTANCE ATOMS=1,9"): 2.0}).among(Particles((1.0,) * 5))


MISUSE = {
    "no such label": ("d", "e: DISTANCE ATOMS=1,2", "no number with the label d"),
    "components": ("d", "d: DISTANCE ATOMS=1,2 COMPONENTS", "d: COMBINE ARG=d.x PERIODIC=NO"),
    "a vector": ("d", "d: DISTANCE ATOMS1=1,2 ATOMS2=2,3", "no number with the label d"),
    "not PLUMED": ("d", "d: DISTENCE ATOMS=1,2", 'PLUMED does not take it: Action "DISTENCE" is not known'),
    "an unknown word": ("d", "d: DISTANCE ATOMS=1,2 FAST=3", "cannot understand the following words"),
    "atom 0": ("d", "d: DISTANCE ATOMS=0,1", "serial of an atom cannot be zero"),
    "other units": ("d", "UNITS LENGTH=A\nd: DISTANCE ATOMS=1,2", "UNITS is refused: lengths stay in nm"),
    "a file of more": ("d", "INCLUDE FILE=x.dat\nd: DISTANCE ATOMS=1,2", "INCLUDE is refused"),
    "printing": ("d", "d: DISTANCE ATOMS=1,2\nPRINT ARG=d", "PRINT is refused"),
    "a bias": ("d", "d: DISTANCE ATOMS=1,2\nr: RESTRAINT ARG=d AT=0 KAPPA=1", "the PLUMED text holds a bias"),
    "a library that is not there": ("d", "LOAD FILE=none.so\nd: DISTANCE ATOMS=1,2", "Could not load library none.so"),
    "a name": ("d.x", "d: DISTANCE ATOMS=1,2 COMPONENTS", "a CV's name must be a word"),
    "no text": ("d", "", "no number with the label d"),
}


@needs_plumed
@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, text, mend = MISUSE[what]
    with pytest.raises(ValueError) as error:
        from_plumed(name, text)
    assert mend in str(error.value)
    assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == []


def test_without_the_wrapper_the_mend_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "plumed", None)
    with pytest.raises(
        ValueError, match="CV d: PLUMED's Python wrapper is missing: conda install -c conda-forge plumed"
    ):
        from_plumed("d", "d: DISTANCE ATOMS=1,9")


class _Kernelless(ModuleType):
    def Plumed(self, kernel):
        raise RuntimeError("PLUMED not available, check your PLUMED_KERNEL environment variable")


@pytest.mark.parametrize(
    ("kernel", "words"), [("", "no PLUMED kernel is found"), ("/none.so", "/none.so is not a file")]
)
def test_without_a_kernel_the_mend_is_named(monkeypatch, kernel, words):
    monkeypatch.setitem(sys.modules, "plumed", _Kernelless("plumed"))
    monkeypatch.setenv("PLUMED_KERNEL", kernel)
    with pytest.raises(ValueError, match=words) as error:
        from_plumed("d", "d: DISTANCE ATOMS=1,9")
    assert "conda install -c conda-forge plumed py-plumed" in str(error.value)
