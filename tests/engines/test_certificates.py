"""Certificates: what lets `exact` be true on a platform, and all that does not."""

import json

import pytest

from cvflow.engines.openmm import certificates
from cvflow.engines.openmm.certificates import (
    Certificate,
    Judged,
    Subject,
    certified,
    keep,
    path_of,
    read,
    versions_here,
    written,
)
from cvflow.engines.openmm.platforms import PlatformInUse

HERE = PlatformInUse("CUDA", "mixed", "NVIDIA H200")
FREE, RIGID = frozenset({Subject.PARTICLES}), frozenset({Subject.PARTICLES, Subject.BONDS})


def judged(z, subject=Subject.PARTICLES, **mutants):
    return Judged("one jump", subject, z, mutants)


PASSED = (judged(1.5, sign=30.0, ratio=8.0), Judged("local moves", Subject.PARTICLES, 2.0, {}))


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "cvflow" / "certificates"


def certificate(**changes):
    made = Certificate(HERE, versions_here() | {"driver": "580.1"}, "2026-11-28T12:00:00+00:00", PASSED, True, 1e-4)
    return made._replace(**changes)


def test_a_certificate_lets_exact_be_true(data):
    path = keep(certificate())
    assert path == data / "CUDA-mixed-NVIDIA-H200.json"
    assert read(path) == certificate()
    found = certified(HERE, FREE)
    assert found.value
    assert str(path) in found.reason
    assert "largest |z| 2.0, 2 of 2 mutants caught" in found.reason


def test_without_one_the_command_that_makes_it_is_said():
    found = certified(HERE, FREE)
    assert not found.value
    assert "run `cvflow verify --platform CUDA --precision mixed`" in found.reason


FAILURES = {
    "a right engine that moved the distribution": (judged(5.1, sign=30.0),),
    "a mutant that was not caught": (judged(1.0, sign=30.0, ratio=4.9),),
    "no number": (judged(float("nan"), sign=30.0),),
    "a mutant without a number": (judged(1.0, sign=float("nan")),),
    "no test at all": (),
}


@pytest.mark.parametrize("why", FAILURES)
def test_tests_that_failed_verify_nothing(why):
    failed = certificate(tests=FAILURES[why])
    assert not failed.verified
    if failed.tests:
        keep(failed)
        assert "has failed" in certified(HERE, FREE).reason
    assert not certified(HERE, FREE).value


@pytest.mark.parametrize("name", ["cvflow", "OpenMM"])
def test_another_version_s_does_not_count(name):
    keep(certificate(versions=versions_here() | {name: "0.0.1"}))
    found = certified(HERE, FREE)
    assert not found.value
    assert f"it is of {name} 0.0.1, this is" in found.reason
    assert "cvflow verify --platform CUDA" in found.reason


@pytest.mark.parametrize(
    "other", [HERE._replace(precision="single"), HERE._replace(device="NVIDIA A100"), HERE._replace(platform="OpenCL")]
)
def test_another_place_s_does_not_count(other):
    path = keep(certificate())
    assert not certified(other, FREE).value
    path.rename(path_of(other))
    found = certified(other, FREE)
    assert not found.value
    assert "it is of OpenMM's CUDA platform in mixed precision on NVIDIA H200" in found.reason


def edited(text):
    content = json.loads(text)
    content["tests"][0]["z"] = 0.1
    return json.dumps(content)


DAMAGES = {
    "cut": (lambda text: text[: len(text) // 2], "is no certificate"),
    "another file": (lambda text: "[1, 2]", "is no certificate"),
    "edited": (edited, "is damaged or was edited"),
    "another digest": (lambda text: text.replace('"digest": "', '"digest": "0'), "is damaged or was edited"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_edited_one_is_refused_in_words(damage):
    path, (harm, words) = keep(certificate()), DAMAGES[damage]
    path.write_text(harm(path.read_text()))
    found = certified(HERE, FREE)
    assert not found.value
    assert words in found.reason
    ((platform, line),) = certificates.held()
    assert platform == ""
    assert str(path) in line


def test_it_counts_for_what_it_has_tests_of_and_no_more():
    keep(certificate())
    found = certified(HERE, RIGID)
    assert not found.value
    assert "has no test of rigid bonds: run `cvflow verify --platform CUDA" in found.reason


def test_a_test_that_failed_leaves_what_others_have_shown():
    path = keep(certificate(tests=(*PASSED, judged(9.0, Subject.BONDS, metric=20.0), judged(3.0, Subject.SITES))))
    assert read(path).covers == (Subject.PARTICLES, Subject.SITES)
    assert not read(path).verified
    assert certified(HERE, FREE).value
    assert "of rigid bonds has failed" in certified(HERE, RIGID).reason
    found = certified(HERE, FREE | {Subject.SITES})
    assert found.value
    assert "test of free particles, virtual sites passed" in found.reason
    assert "largest |z| 3.0, 2 of 2 mutants caught" in found.reason, "the figures of these alone"
    ((_, line),) = certificates.held()
    assert "verified for free particles, virtual sites" in line


def test_one_subject_s_failure_is_not_another_s_success():
    """Of two tests of rigid bonds both must pass."""
    keep(certificate(tests=(*PASSED, judged(2.0, Subject.BONDS), judged(9.0, Subject.BONDS))))
    assert not certified(HERE, RIGID).value


def test_one_of_an_older_format_is_said_to_be():
    path = keep(certificate())
    path.write_text(path.read_text().replace(certificates.FORMAT, "cvflow-certificate-1"))
    found = certified(HERE, FREE)
    assert not found.value
    assert "its format is cvflow-certificate-1, here it is" in found.reason
    assert "run `cvflow verify" in found.reason


def test_what_is_written_has_what_people_ask_for():
    content = json.loads(written(certificate()))
    assert (content["platform"], content["precision"], content["device"]) == HERE
    assert content["covers"] == ["free particles"]
    assert (content["largest_z"], content["mutants_caught"], content["verified"]) == (2.0, "2 of 2", True)
    assert set(content["versions"]) == {"cvflow", "OpenMM", "driver"}
