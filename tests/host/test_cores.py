"""Which cores workers are pinned to."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cvflow.config.settings import ConfigError
from cvflow.host import cores
from cvflow.host.cores import Claim, available_cores, usable_cores
from cvflow.setup.engine_walkers import workers

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_locks(tmp_path, monkeypatch):
    """Apart from whatever else runs on this machine."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(cores, "available_cores", lambda: {2, 3, 6, 7})


def test_two_runs_take_different_cores(four_cores):
    with closing(Claim(2)) as first, closing(Claim(2)) as second:
        assert (first.cores, second.cores, second.taken) == ([2, 3], [6, 7], 2)
        first.close()
        with closing(Claim(3)) as third:
            assert third.cores == [2, 3, 2], "those that are free, and shared among its own"


def test_where_all_are_taken_they_are_shared(four_cores):
    with closing(Claim(4)), closing(Claim(5)) as second:
        assert (second.cores, second.taken) == ([2, 3, 6, 7, 2], 4)


def test_a_claim_ends_with_its_process(tmp_path):
    core = min(available_cores())
    script = "from cvflow.host.cores import Claim; import os, sys; c = Claim(1); print(c.cores, flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline().strip() == f"[{core}]"
    with closing(Claim(1)) as mine:
        assert mine.taken == 1
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    with closing(Claim(1)) as again:
        assert (again.cores, again.taken) == ([core], 0)


def test_a_folder_of_somebody_else_is_not_used(tmp_path, four_cores):
    (tmp_path / "cvflow").symlink_to("/")
    with closing(Claim(2)) as claim:
        assert claim.cores == [2, 3]
    assert not Path("/core-2").exists()


QUOTAS = {
    "version 2": ("0::/job\n", {"job/cpu.max": "150000 50000\n"}, 3),
    "version 2, of an outer group": ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, 2),
    "version 2, a container's own": ("0::/docker/1f\n", {"cpu.max": "100000 100000\n"}, 1),
    "version 1": (
        "3:memory:/m\n2:cpu,cpuacct:/job\n",
        {"cpu/job/cpu.cfs_quota_us": "250000\n", "cpu/job/cpu.cfs_period_us": "100000\n"},
        2,
    ),
    "version 1, no limit": (
        "2:cpu,cpuacct:/\n",
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
        4,
    ),
    "less than one": ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
    "none": ("0::/\n", {}, 4),
}


@pytest.mark.parametrize("what", QUOTAS)
def test_a_quota_is_respected(what, tmp_path, monkeypatch, four_cores):
    own, files, expected = QUOTAS[what]
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(cores, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(cores, "GROUPS", tmp_path / "groups")
    assert usable_cores() == expected


def test_what_may_be_used_is_what_the_system_says():
    assert available_cores() == os.sched_getaffinity(0)
    assert 1 <= usable_cores() <= len(available_cores())


def test_absurd_numbers_of_workers_are_refused(caplog, monkeypatch):
    monkeypatch.setattr("cvflow.setup.engine_walkers.available_cores", lambda: {0, 1})
    monkeypatch.setattr("cvflow.setup.engine_walkers.usable_cores", lambda: 1)
    assert [workers(4, wanted) for wanted in (None, 1, 4)] == [1, 1, 4]
    assert caplog.text == ""
    assert workers(4, 8) == 4
    assert "there are 4 walkers, so 4 workers" in caplog.text
    with pytest.raises(ConfigError, match="--workers 5000: this machine lends 2 cores"):
        workers(4, 5000)


def test_workers_of_several_threads_are_fewer(caplog, monkeypatch):
    monkeypatch.setattr("cvflow.setup.engine_walkers.usable_cores", lambda: 5)
    assert [workers(4, None, threads) for threads in (1, 2, 5)] == [4, 2, 1]
    assert caplog.text == ""
    assert workers(4, None, 8) == 1
    assert "engine.threads = 8: this machine lends 5 cores, which they share" in caplog.text
