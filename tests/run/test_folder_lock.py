"""Who has a folder: live holders, holders that are gone, and those that nobody can see from here."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict

import pytest

from cvflow.run import folder_lock as module
from cvflow.run.folder_lock import NAME, FolderTakenError, LockLostError, folder_lock

HOLDING = """
import sys, time
from pathlib import Path
from cvflow.run.folder_lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the folder; it gives it back when its standard input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def left_by(folder, **changes):
    """A lock of a holder that is like this process but for the changes."""
    holder = asdict(module._myself()) | {"token": "another's"} | changes
    (folder / NAME).write_text(json.dumps(holder))
    return folder / NAME


def old(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_a_folder_is_held_and_given_back(tmp_path):
    with folder_lock(tmp_path) as lock:
        lock.check()
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
    assert content(tmp_path) == {}
    with pytest.raises(ZeroDivisionError), folder_lock(tmp_path):
        raise ZeroDivisionError
    assert content(tmp_path) == {}


def test_a_second_process_is_told_who_holds_it(tmp_path, other):
    before = content(tmp_path)
    with pytest.raises(FolderTakenError) as refused, folder_lock(tmp_path):
        pass
    assert f"process {other.pid} on {socket.gethostname()}, since 2" in str(refused.value)
    assert content(tmp_path) == before
    other.communicate()
    with folder_lock(tmp_path):
        pass


def test_so_is_this_process_itself(tmp_path):
    """Two threads, or a call within a call."""
    with (
        folder_lock(tmp_path) as lock,
        pytest.raises(FolderTakenError, match=f"process {os.getpid()}"),
        folder_lock(tmp_path),
    ):
        pass
    with folder_lock(tmp_path) as lock:
        lock.check()


def test_a_killed_process_loses_it_at_once(tmp_path, other, caplog):
    """Also before its parent has taken notice of its end."""
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    with caplog.at_level(logging.WARNING), folder_lock(tmp_path) as lock:
        lock.check()
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"process {other.pid} on {socket.gethostname()}" in line
    assert "is gone" in line
    assert content(tmp_path) == {}


def test_a_process_with_the_number_of_one_that_is_gone_is_not_it(tmp_path, other):
    left_by(tmp_path, pid=other.pid, started="1")
    with folder_lock(tmp_path) as lock:
        lock.check()


@pytest.mark.parametrize("place", ["another boot pid:[4026531836]", "this boot, another container"])
def test_a_holder_elsewhere_is_judged_by_its_signs_of_life(tmp_path, place):
    """A process of that number may live here, or not: it says nothing."""
    path = left_by(tmp_path, place=place, host="node17", pid=2**22 + 1)
    before = content(tmp_path)
    old(path, module.SILENCE - 60)
    with pytest.raises(FolderTakenError, match=r"on node17.* remove .*run.lock"), folder_lock(tmp_path):
        pass
    assert content(tmp_path) == before
    old(path, module.SILENCE + 60)
    with folder_lock(tmp_path) as lock:
        lock.check()
    assert content(tmp_path) == {}


def test_the_age_of_a_sign_of_life_is_by_the_clock_of_the_file_system(tmp_path, monkeypatch):
    left_by(tmp_path, place="elsewhere")
    monkeypatch.setattr(module.time, "time", lambda: 1e10)
    with pytest.raises(FolderTakenError, match="sign of life 0 s ago"), folder_lock(tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "1"}', '{"host": 1, "pid": {}}'])
def test_a_lock_that_says_nothing_is_one_that_is_being_written(tmp_path, text):
    (tmp_path / NAME).write_text(text)
    with pytest.raises(FolderTakenError, match="not said who"), folder_lock(tmp_path):
        pass
    old(tmp_path / NAME, module.SILENCE + 60)
    with folder_lock(tmp_path):
        pass


def test_the_holder_shows_that_it_lives(tmp_path, monkeypatch):
    beaten = threading.Event()
    touch = os.utime
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    monkeypatch.setattr(module.os, "utime", lambda path: (touch(path), beaten.set()))
    with folder_lock(tmp_path):
        touch(tmp_path / NAME, (0, 0))
        beaten.clear()
        assert beaten.wait(60)
        assert (tmp_path / NAME).stat().st_mtime > 0


def test_a_holder_that_was_taken_for_gone_stops(tmp_path):
    """And leaves the lock to whoever has it now."""
    with folder_lock(tmp_path) as lock:
        left_by(tmp_path, host="node18", pid=7)
        with pytest.raises(LockLostError, match=r"process 7 on node18, since .* has taken it over"):
            lock.check()
    assert json.loads((tmp_path / NAME).read_text())["host"] == "node18"
    (tmp_path / NAME).unlink()
    with folder_lock(tmp_path) as lock:
        (tmp_path / NAME).unlink()
        with pytest.raises(LockLostError, match="is gone"):
            lock.check()


def test_of_many_that_find_a_holder_gone_one_takes_over(tmp_path):
    left_by(tmp_path, pid=2**22 + 1)
    ready, held, refused = threading.Barrier(8), [], []
    done = threading.Event()

    def take():
        ready.wait()
        try:
            with folder_lock(tmp_path) as lock:
                held.append(lock)
                done.wait()
                lock.check()
        except FolderTakenError as error:
            refused.append(error)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(held) + len(refused) < 8:
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 7)
    assert content(tmp_path) == {}


def test_a_claim_in_the_way_is_named(tmp_path):
    left_by(tmp_path, pid=2**22 + 1)
    (tmp_path / f"{NAME}.claim").touch()
    with pytest.raises(FolderTakenError, match=r"remove .*claim"), folder_lock(tmp_path):
        pass


def test_a_full_disk_leaves_no_lock(tmp_path, monkeypatch):
    def full(values, file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.json, "dump", full)
    with pytest.raises(OSError, match="No space"), folder_lock(tmp_path):
        pass
    assert content(tmp_path) == {}
