"""Worker processes: what becomes of tasks whose worker dies or hangs, and of workers whose parent does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cvflow.host import pool as pools
from cvflow.host.cores import available_cores
from cvflow.host.pool import Pool, WorkerLostError

ROOT = Path(__file__).parents[2]


def square(x):
    return x * x


def own_process():
    return os.getpid()


def fail(word):
    raise OSError(word)


def cores_and_threads():
    """Of this process: cores, what libraries read, and how many threads one of them has begun."""
    import torch

    return len(os.sched_getaffinity(0)), os.environ["OMP_NUM_THREADS"], torch.get_num_threads()


class AwkwardError(Exception):
    """Cannot be made again from its arguments, so it cannot be sent as it is."""

    def __init__(self, what, where):
        super().__init__(f"{what} in {where}")


def fail_awkwardly():
    raise AwkwardError("fire", "the hold")


def die_at_first(mark, x):
    """Killed like a process that takes too much memory, unless it has been here before."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return square(x)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def hang_at_first(mark, x):
    if not mark.exists():
        mark.touch()
        time.sleep(1000)
    return square(x)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="NO AFFINITY: workers are not pinned here")
@pytest.mark.parametrize("each", [1, 2])
def test_libraries_in_a_worker_have_as_many_threads_as_it_has_cores(each, monkeypatch, tmp_path):
    """Whatever the environment says: more threads than cores wait for each other in busy loops."""
    if len(available_cores()) < each:
        pytest.skip("TOO FEW CORES: workers of two cores are not tested")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with Pool(1, each) as pool:
        assert pool.submit(cores_and_threads).result() == (each, str(each), each)
    assert os.environ["OMP_NUM_THREADS"] == "7"


def alive(pid):
    """Not gone, and no zombie that waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(true, seconds=30.0):
    ends = time.monotonic() + seconds
    while not true() and time.monotonic() < ends:
        time.sleep(0.02)
    assert true()


@pytest.fixture(scope="module")
def pool():
    with Pool(2) as made:
        yield made


def test_results_and_exceptions_come_back(pool):
    assert list(pool.map(square, range(7))) == [x * x for x in range(7)]
    with pytest.raises(OSError, match="no space") as caught:
        pool.submit(fail, "no space").result()
    assert "in fail" in str(caught.value.__cause__), "the worker's traceback"
    with pytest.raises(RuntimeError, match="AwkwardError: fire in the hold"):
        pool.submit(fail_awkwardly).result()
    with pytest.raises(Exception, match="pickle"):
        pool.submit(lambda: 3).result()
    assert pool.submit(square, 3).result() == 9


def test_the_tasks_of_a_dead_worker_are_run_again(pool, tmp_path, caplog):
    futures = [pool.submit(die_at_first, tmp_path / str(x % 2), x) for x in range(5)]
    assert [future.result() for future in futures] == [0, 1, 4, 9, 16]
    assert "a worker process died" in caplog.text


def test_a_worker_that_died_idle_is_replaced(pool, caplog):
    victim = pool.submit(own_process).result()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not alive(victim))
    assert [pool.submit(square, x).result() for x in range(4)] == [0, 1, 4, 9]
    assert "a worker process died" in caplog.text


def test_a_task_that_kills_every_worker_ends_in_words(pool):
    with pytest.raises(WorkerLostError, match="died 3 times"):
        pool.submit(die).result()
    assert pool.submit(square, 2).result() == 4


def test_a_hung_worker_is_noticed_by_the_tasks_before(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(pools, "SHORTEST_PATIENCE", 0.5)
    monkeypatch.setattr(pools, "SLOWEST", 2.0)
    monkeypatch.setattr(pools, "TICK", 0.1)
    with Pool(1) as pool:
        (tmp_path / "been here").touch()
        assert pool.submit(hang_at_first, tmp_path / "been here", 2).result() == 4
        assert pool.submit(hang_at_first, tmp_path / "new", 3).result(timeout=60) == 9
    assert "a worker process hung" in caplog.text


class Long:
    effort = 1e9


def pause(seconds, long=None):
    time.sleep(seconds)
    return os.getpid()


def test_long_tasks_may_take_long(monkeypatch, caplog):
    """The limit grows with the effort, and the first task of a kind has all the time it wants."""
    monkeypatch.setattr(pools, "SHORTEST_PATIENCE", 0.01)
    monkeypatch.setattr(pools, "SLOWEST", 0.01)
    monkeypatch.setattr(pools, "TICK", 0.1)
    with Pool(1) as pool:
        assert pool.submit(square, 1).result() == 1
        assert pool.submit(pause, 0.5).result() == pool.submit(pause, 0.5, Long()).result()
    assert caplog.text == ""


def test_leaving_early_drops_what_is_under_way():
    with pytest.raises(ZeroDivisionError), Pool(2) as pool:  # noqa: PT012
        workers = {pool.submit(own_process).result() for _ in range(8)}
        futures = [pool.submit(pause, 1000.0) for _ in range(3)]
        wait_until(lambda: sum(future.running() for future in futures) == 2)
        raise ZeroDivisionError
    assert all(future.cancelled() or isinstance(future.exception(), WorkerLostError) for future in futures)
    assert not any(map(alive, workers))


ORPHANS = """
import sys
from pathlib import Path
from cvflow.host.pool import Pool
from tests.host.test_pool import program
pool = Pool(2)
for name in "ab":
    pool.submit(program, Path(sys.argv[1]) / name)
input()
"""


def program(mark):
    """A program of a worker, which starts another."""
    from cvflow.engines.external.process import run

    script = f"import os, subprocess, sys; open({str(mark)!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}} '); "
    run([sys.executable, "-c", script + "subprocess.run(['sleep', '1000'])"], mark.parent, 1000.0, {})


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_and_their_programs_leave_with_the_parent(tmp_path, how):
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE)
    try:
        wait_until(lambda: sum(len(path.read_text().split()) == 2 for path in tmp_path.glob("[ab]")) == 2)
        left = [int(pid) for path in tmp_path.glob("[ab]") for pid in path.read_text().split()]
        left += children_of(left)
        assert all(map(alive, left))
        assert len(left) == 6, "two workers, their two programs, and what those have started"
    finally:
        parent.send_signal(how)
        parent.wait()
        parent.stdin.close()
    wait_until(lambda: not any(map(alive, left)), seconds=20)


def children_of(pids):
    """Of programs: those that are none of the given themselves."""
    wait_until(lambda: len(_children(pids)) == 2)
    return _children(pids)


def _children(pids):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = path.read_text().split(" ", 1)
        except OSError:
            continue
        if int(rest.rsplit(")", 1)[1].split()[1]) in pids and int(pid) not in pids and "(sleep)" in rest:
            found.append(int(pid))
    return found


def test_signals_of_a_scheduler_are_for_the_main_process(pool):
    """SIGTERM to all processes of a job: workers go on until the main process says otherwise."""
    worker = pool.submit(own_process).result()
    future = pool.submit(pause, 0.5)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(worker, number)
    assert future.result() == worker


def test_the_main_module_is_not_run_again():
    """A script without a guard, and one that comes through a pipe."""
    script = "import tests.host.test_pool as t\nwith t.Pool(1) as pool:\n    print(pool.submit(t.square, 5).result())\n"
    done = subprocess.run(
        [sys.executable, "-"], input=script, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "25", "")


def test_numbers_come_out_alike_whoever_computes_them(pool, tmp_path):
    """A walk of random numbers in a worker that is killed on its way is the walk of an undisturbed one."""
    undisturbed = pool.submit(walk, tmp_path / "", 3).result()
    disturbed = pool.submit(walk, tmp_path / "killed", 3).result()
    np.testing.assert_array_equal(disturbed, undisturbed)
    assert (tmp_path / "killed").exists()


def walk(mark, seed):
    rng, x = np.random.default_rng(seed), np.zeros(3)
    for step in range(1000):
        x += rng.standard_normal(3)
        if step == 500 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return x
