"""`cvflow verify`: 0 where all is right and what is wrong is caught, 1 where not, 2 for misuse."""

import json
from dataclasses import replace

import pytest

from cvflow.cli import execute
from cvflow.doctor.engines import gpus
from cvflow.doctor.verify import repetition, verification
from cvflow.doctor.verify.laws import LAWS, WORSE_FLOW, Law
from cvflow.doctor.verify.one_jump import ACCEPTANCE_MUTANTS, Case
from cvflow.doctor.verify.wrong_motion import LateOpenMM
from cvflow.engines.openmm.certificates import Subject, read
from tests.engines.opencl import needs_opencl

SETTINGS = {"steps": 1, "timestep": 0.32, "kappa": 20.0}
SIGN = {"sign of W": ACCEPTANCE_MUTANTS["sign of W"]}
RIGHT = Law("one coarse step", Subject.PARTICLES, Case(**SETTINGS, draws=4_000, target=WORSE_FLOW), decisions=SIGN)
WRONG = Law("one coarse step", Subject.PARTICLES, Case(**SETTINGS, draws=16_000, engine=LateOpenMM), decisions=SIGN)
TOO_FEW = Law("one coarse step", Subject.PARTICLES, Case(**SETTINGS, draws=160), decisions=SIGN)


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(repetition, "of_paths", lambda *where: repetition.Repetition(True, 0.0))
    return tmp_path / "cvflow" / "certificates"


def test_what_is_right_is_verified_and_certified(data, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(verification, "LAWS", (RIGHT,))
    assert execute(["verify", "--platform", "Reference", "--out", str(tmp_path / "here.json")]) == 0
    said = capsys.readouterr().out
    assert "verified: runs on OpenMM's Reference platform" in said
    assert "caught" in said
    (kept,) = data.iterdir()
    assert read(kept).verified
    assert json.loads((tmp_path / "here.json").read_text()) == json.loads(kept.read_text())


def test_a_wrong_engine_is_not_verified(data, monkeypatch, capsys):
    monkeypatch.setattr(verification, "LAWS", (WRONG,))
    assert execute(["verify", "--platform", "Reference"]) == 1
    said = capsys.readouterr()
    assert "not verified" in said.err
    assert "WRONG" in said.out
    assert not read(next(data.iterdir())).verified


def test_a_mutant_that_is_not_caught_verifies_nothing(monkeypatch, capsys):
    monkeypatch.setattr(verification, "LAWS", (TOO_FEW,))
    assert execute(["verify", "--platform", "Reference"]) == 1
    assert "NOT CAUGHT" in capsys.readouterr().out


MISUSE = {
    "no such platform": (["--platform", "TPU"], "no platform 'TPU' here; installed: Reference, CPU"),
    "a near miss": (["--platform", "reference"], "did you mean 'Reference'?"),
    "a precision that it has not": (["--platform", "CPU", "--precision", "mixed"], "precision is for CUDA, HIP and"),
    "a device that it has not": (["--platform", "Reference", "--device", "0"], "engine.devices is for CUDA, HIP and"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line_and_touches_nothing(what, data, capsys):
    arguments, words = MISUSE[what]
    assert execute(["verify", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not data.exists()


@needs_opencl
def test_an_unknown_precision_is_refused(data, capsys):
    assert execute(["verify", "--platform", "OpenCL", "--precision", "half"]) == 2
    assert "single, mixed or double" in capsys.readouterr().err


def test_a_failure_of_rigid_bonds_is_said_to_be_theirs(monkeypatch, capsys):
    monkeypatch.setattr(verification, "LAWS", (RIGHT, replace(TOO_FEW, subject=Subject.BONDS)))
    assert execute(["verify", "--platform", "Reference"]) == 1
    assert "tests of rigid bonds have failed, so no run with them there is exact" in capsys.readouterr().err


def test_the_laws_as_they_are_run_have_their_mutants():
    named = {name for law in LAWS for name in (*law.decisions, *law.densities, *law.engines)}
    assert named == {
        *ACCEPTANCE_MUTANTS, "velocities half a step early", "heat counted as work", "not Metropolised",
        "kinetic energy of velocities that bonds forbid", "without the metric's determinant", "with its inverse",
        "energy of a site one step late", "density of coordinates",
    }  # fmt: skip
    assert all(law.decisions or law.densities for law in LAWS)
    assert {law.subject for law in LAWS} == set(Subject)


def test_the_doctor_lists_gpu_platforms_without_a_certificate(monkeypatch):
    monkeypatch.setattr("cvflow.engines.openmm.platforms.installed", lambda: ["CPU", "CUDA"])
    (found,) = gpus()
    assert (found.what, found.mend) == ("OpenMM CUDA", "cvflow verify --platform CUDA")
    assert "no run on it is exact" in found.says
