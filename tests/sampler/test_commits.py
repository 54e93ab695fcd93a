"""When a run commits: often, and never so often that it does little else."""

from types import SimpleNamespace

import pytest

from cvflow.sampler.loop import commit_interval
from cvflow.store import HDF5Store
from tests.run.valley_run import begin

SETTINGS = {"run": {"walkers": 4, "adapt_jumps": 0, "jumps": 100, "local_steps": 1}, "path": {"steps": 1}}


def test_commits_are_two_seconds_apart_where_they_cost_nothing():
    assert commit_interval(0.01) == 2.0
    assert commit_interval(3.0) == 60.0


class _Clock:
    """Time that passes when somebody looks, and when a commit takes it."""

    def __init__(self, cost):
        self.now, self.cost, self.commits = 0.0, cost, []

    def perf_counter(self):
        self.now += TICK
        return self.now

    def commit(self):
        self.commits.append(self.now)
        self.now += self.cost


TICK = 0.25


@pytest.mark.parametrize("cost", [0.0, 0.5])
def test_commits_take_a_twentieth_of_the_time_or_less(tmp_path, monkeypatch, cost):
    """The clock's own tick is all that a commit seems to take at least."""
    clock, gap = _Clock(cost), 20 * (cost + TICK)
    monkeypatch.setattr("cvflow.sampler.loop.time", SimpleNamespace(perf_counter=clock.perf_counter))
    monkeypatch.setattr(HDF5Store, "commit", lambda store, commit: clock.commit())
    with pytest.raises(ValueError, match="nothing was committed"):  # the run is over, its report finds no store
        begin(tmp_path, **SETTINGS)
    gaps = [after - before - cost for before, after in zip(clock.commits[1:-2], clock.commits[2:-1], strict=True)]
    assert all(gap <= each < gap + 2 for each in gaps)
    assert gaps
