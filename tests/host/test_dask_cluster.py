"""Tasks on a Dask scheduler's workers: what comes back, what travels once, and workers that die and join."""

import os
import signal
import time
from dataclasses import dataclass

import pytest

from cvflow.host import dask_cluster
from cvflow.host.dask_cluster import SchedulerLostError, dask_executor
from tests.clusters import cluster, needs_dask
from tests.host.test_pool import AwkwardError, fail, fail_awkwardly, square

needs_dask()


@dataclass(frozen=True)
class Heavy:
    """A constant; each process counts how often one came to it."""

    size: int

    def __reduce__(self):
        return _arrived, (self.size,)


_ARRIVED = []


def _arrived(size):
    _ARRIVED.append(size)
    return Heavy(size)


def weighed(number, heavy, more):
    return os.getpid(), len(_ARRIVED), number * heavy.size + more


def waiting(mark, go):
    """Say where this is done, and do it for as long as nobody says go."""
    (mark / str(os.getpid())).touch()
    while not go.exists():
        time.sleep(0.02)
    return os.getpid()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A scheduler with two workers, and an executor on it."""
    with cluster(tmp_path_factory.mktemp("dask")) as made:
        made.join()
        made.join()
        with dask_executor(str(made.file), Heavy) as executor:
            made.there(executor._client, 2)
            yield executor


def test_results_and_exceptions_come_back(two):
    assert two.workers == 2
    assert list(two.map(square, range(7))) == [x * x for x in range(7)]
    with pytest.raises(OSError, match="no space"):
        two.submit(fail, "no space").result()
    with pytest.raises((RuntimeError, AwkwardError), match="fire in the hold"):
        two.submit(fail_awkwardly).result()
    with pytest.raises(Exception, match="pickle"):
        two.submit(square, lambda: 3).result()


def test_a_constant_goes_to_each_worker_once(two):
    heavy = Heavy(3)
    found = [future.result() for future in [two.submit(weighed, n, heavy, 1) for n in range(20)]]
    assert [value for _, _, value in found] == [3 * n + 1 for n in range(20)]
    assert {times for _, times, _ in found} == {1}
    assert 1 <= len({worker for worker, _, _ in found}) <= 2


def test_workers_of_other_versions_are_refused(two, monkeypatch):
    others = dask_cluster.installed_versions() | {"numpy": "0.1"}
    monkeypatch.setattr(dask_cluster, "installed_versions", lambda: others)
    with pytest.raises(RuntimeError, match=r"Dask worker on .* has numpy .* instead of 0\.1: install the same"):
        two.submit(square, 3).result()


def test_a_late_worker_gets_work_and_does_that_of_a_lost_one(tmp_path, caplog):
    """The one worker is busy when another joins, and is killed at its task."""
    with cluster(tmp_path) as made, dask_executor(str(made.file), Heavy) as executor:
        futures = [executor.submit(waiting, tmp_path, tmp_path / "go") for _ in range(2)]
        assert "no workers yet" in caplog.text
        first = made.join()
        _wait_for(tmp_path / str(first.pid))
        second = made.join()
        _wait_for(tmp_path / str(second.pid))
        first.send_signal(signal.SIGKILL)
        (tmp_path / "go").touch()
        assert {future.result(timeout=120) for future in futures} == {second.pid}


def test_turns_go_where_the_resources_are_that_they_are_annotated_with(tmp_path):
    dask = pytest.importorskip("dask")
    with cluster(tmp_path) as made, dask_executor(str(made.file), Heavy) as executor:
        made.join()
        rich = made.join("--resources", "GPU=1")
        made.there(executor._client, 2)
        with dask.annotate(resources={"GPU": 1}):
            found = [executor.submit(weighed, n, Heavy(2), 0) for n in range(12)]
        assert {future.result(timeout=120)[0] for future in found} == {rich.pid}


def test_a_scheduler_that_is_lost_ends_the_task_in_words(tmp_path):
    with cluster(tmp_path) as made, dask_executor(str(made.file), Heavy) as executor:
        worker = made.join()
        future = executor.submit(waiting, tmp_path, tmp_path / "go")
        _wait_for(tmp_path / str(worker.pid))
        made.close()
        with pytest.raises(SchedulerLostError, match=r"the Dask scheduler at tcp://\S+ is lost"):
            future.result(timeout=120)


def _wait_for(file):
    ends = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.mark.parametrize("what", ["nonsense", "tcp://host", "{file}", "tcp://127.0.0.1:9"])
def test_no_scheduler_is_one_line(what, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "ANSWERS_WITHIN", 0.5)
    (tmp_path / "file").write_text('{"adress": "tcp://127.0.0.1:9"}')
    with pytest.raises(ValueError, match="Dask scheduler"), dask_executor(what.format(file=tmp_path / "file"), Heavy):
        pass
