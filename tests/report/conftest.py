import pytest

from tests.report.synthetic import POLYMER, THREE, Lengths, all_failed, fake_record


def stuck():
    """No jump accepted: one walker that never leaves its state."""
    return all_failed(fake_record(lengths=Lengths(1, 4, 12)))


def frozen():
    """The CV is the same number in every turn."""
    record = stuck()
    for name in ("cv_old", "cv_end", "cv_kept", "cv"):
        record.turns[name] = 3.53
    return record


def strangers():
    """Walkers that never met, in states that the first CV does not tell apart: its curve has no known zero."""
    states = {"low": "psi < 0", "high": "psi >= 0"}
    record = all_failed(fake_record(THREE, Lengths(2, 5, 20), states=states))
    for name in ("cv_old", "cv_end", "cv_kept", "cv"):
        record.turns[name][:, 0] = 0.01 * (record.turns["jump"] % 3)
    return record


THIN = {
    "strangers": strangers,
    "all failed": lambda: all_failed(fake_record(lengths=Lengths(2, 5, 20))),
    "stuck": stuck,
    "frozen": frozen,
    "one turn each": lambda: fake_record(lengths=Lengths(4, 0, 1)),
    "three turns": lambda: fake_record(lengths=Lengths(1, 1, 3)),
    "no adaptation": lambda: fake_record(lengths=Lengths(2, 0, 30)),
    "one state": lambda: fake_record(lengths=Lengths(2, 5, 30), states={"all": "r > 0"}),
    "no states": lambda: fake_record(lengths=Lengths(2, 5, 30), states={}),
    "two CVs, few turns": lambda: fake_record(THREE, Lengths(2, 2, 6)),
    "many walkers": lambda: fake_record(lengths=Lengths(14, 2, 10)),
}


@pytest.fixture(scope="session")
def record():
    return fake_record(POLYMER)


@pytest.fixture(scope="session")
def three():
    return fake_record(THREE)


@pytest.fixture(params=THIN)
def thin(request):
    return THIN[request.param]()
