import numpy as np
import pytest

from cvflow.estimate.comparison import compared
from cvflow.estimate.convergence import cv_chains, effective_sample_size, r_hat
from cvflow.estimate.running import first_jumps, running_convergence, running_differences
from tests.report.synthetic import THREE, Lengths, fake_record


@pytest.fixture(scope="module")
def record():
    return fake_record(THREE, Lengths(3, 10, 120))


def test_the_last_point_is_the_run_and_an_earlier_one_the_run_that_ended_there(record):
    found = running_differences(record)
    assert found.names == ["middle", "right"]
    assert found.jumps[-1] == 120
    for place in (-1, len(found.jumps) // 2):
        cut = first_jumps(record, int(found.jumps[place]))
        made = cut.turns[cut.turns["production"]]
        assert np.bincount(made["walker"]).tolist() == [found.jumps[place]] * 3
        best = [one.best.found for one in compared(cut)]
        assert np.array_equal(found.value[place], [one.value for one in best], equal_nan=True)
        assert np.array_equal(found.stderr[place], [one.stderr for one in best], equal_nan=True)


def test_evaluations_are_all_of_them(record):
    found = running_differences(record)
    assert found.evaluations[-1] == record.turns["steps"].sum() + record.turns["local_steps"].sum()
    assert found.evaluations[0] == (found.jumps[0] + 10) * 3 * (700 + 250)
    assert (np.diff(found.evaluations) > 0).all()


def test_the_error_falls_as_the_run_grows(record):
    stderr = running_differences(record).stderr[:, 0]
    known = stderr[np.isfinite(stderr)]
    assert len(known) > 8
    assert known[-1] < 0.7 * known[0]


def test_one_state_has_no_difference():
    found = running_differences(fake_record(lengths=Lengths(2, 5, 30), states={"all": "r > 0"}))
    assert found.value.shape == (len(found.jumps), 0)


def test_r_hat_and_effective_samples_are_those_of_the_run_that_ended_there(record):
    found = running_convergence(record)
    for place in (-1, len(found.jumps) // 2):
        chains = cv_chains(first_jumps(record, int(found.jumps[place])))
        for cv in range(2):
            effective = effective_sample_size(chains[:, :, cv])
            assert found.r_hat[place, cv] == r_hat(chains[:, :, cv])
            assert (found.bulk[place, cv], found.tail[place, cv]) == (effective.bulk, effective.tail)


def test_of_few_jumps_nothing_is_said():
    found = running_convergence(fake_record(lengths=Lengths(2, 2, 3)))
    assert np.isnan(found.r_hat).all()
    assert np.isnan(found.bulk).all()
