"""The fake chain must be what it claims, or the other tests show nothing."""

import numpy as np
import pytest

from cvflow.estimate.summary import summarise
from tests.report.synthetic import POLYMER, THREE


@pytest.mark.parametrize(("target", "name"), [(POLYMER, "record"), (THREE, "three")])
def test_all_estimates_find_the_exact_difference(target, name, request):
    summary = summarise(request.getfixturevalue(name))
    for estimate in ("delta_f", "delta_f_chain", "delta_f_bar"):
        found = summary[estimate]
        exact = [target.difference(state) for state in range(1, len(target.names))]
        z = [(f["value_kT"] - e) / f["stderr_kT"] for f, e in zip(found, exact, strict=True)]
        assert np.abs(z).max() < 4


def test_acceptance_is_that_of_the_record(record):
    turns = record.turns
    assert np.allclose(turns["log_acceptance"], turns["log_q_old"] - turns["log_q_new"] - turns["work"])
