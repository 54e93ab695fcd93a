"""Disks that fill up while a run lasts, through the command line: one line, exit code 1, and nothing is lost.

A small file system of its own needs root; a limit on the size of files, `ulimit -f`, needs nobody.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w

from cvflow.store import read_record
from tests.run.ended_early import BATCH, OFTEN, POLYMER
from tests.run.valley_run import chain

pytestmark = pytest.mark.slow


def cvflow(*arguments, limit=None):
    """The command, committing often; `limit` in units of 1024 bytes, as bash has it."""
    ulimit = f"ulimit -f {limit}; " if limit else ""
    command = [sys.executable, "-W", "ignore", "-c", f"{OFTEN}; from cvflow.cli.commands import main; main()"]
    return subprocess.run(
        ["bash", "-c", f'{ulimit}exec "$@"', "bash", *command, *map(str, arguments)],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip


@pytest.fixture(scope="module", params=[BATCH, POLYMER], ids=["batch", "polymer"])
def whole(request, tmp_path_factory):
    """A config, and the run of it that nothing went wrong with."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "run.toml").write_text(tomli_w.dumps(request.param))
    assert cvflow("run", folder / "run.toml", "--out", folder / "out", "--quiet").returncode == 0
    return folder


@pytest.fixture
def disk(tmp_path):
    """Mounts a file system of a size, or changes its size."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = []

    def size(kilobytes):
        options = f"{'remount,' if mounted else ''}size={kilobytes}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield size
    if mounted:
        subprocess.run(["umount", place], check=True)


def stopped(done, out):
    """One line, which says how to go on, and a store that is whole or was not begun."""
    assert done.returncode == 1, (done.returncode, done.stderr)
    said = [line for line in done.stderr.splitlines() if line]
    assert len(said) == 1, said
    assert "No space left" in said[0] or "File too large" in said[0] or "disk full" in said[0]
    if not (out / "run.h5").exists():
        assert "start it again" in said[0]
        return 0
    assert "cvflow resume" in said[0]
    return len(read_record(out / "run.h5").turns)


def finished(whole, out, before, limit=None):
    """Gone on with until the end: every row that was committed, and every other as if nothing had happened."""
    if (out / "run.h5").exists():
        done = cvflow("resume", out, "--quiet", limit=limit)
    else:
        done = cvflow("run", whole / "run.toml", "--out", out, "--quiet", limit=limit)
    assert done.returncode == 0, done.stderr
    assert chain(out) == chain(whole / "out")


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.9, 1.5, 2.2, 2.9])
def test_a_disk_that_fills_up(whole, disk, share):
    """By shares of what the whole store takes: a commit needs room for its own file and for two before it."""
    place = disk(int(share * (whole / "out" / "run.h5").stat().st_size / 1024) + 4)
    out = place / "out"
    done = cvflow("run", whole / "run.toml", "--out", out, "--quiet")
    rows = stopped(done, out) if done.returncode != 2 else 0
    if (out / "run.h5").exists():
        assert stopped(cvflow("resume", out, "--quiet"), out) >= rows
        assert cvflow("check", out).returncode in (0, 1)
    print(f"\nfull disk, share {share}: {rows} of {len(read_record(whole / 'out' / 'run.h5').turns)} rows committed")
    disk(64 << 10)
    finished(whole, out, rows)


@pytest.mark.parametrize("share", [0.03, 0.3, 0.7, 0.95])
def test_a_limit_on_the_size_of_files(whole, tmp_path, share):
    out = tmp_path / "out"
    # Enough for what is written before the run: without it the folder is refused, and nothing has begun.
    limit = max(24, int(share * (whole / "out" / "run.h5").stat().st_size / 1024))
    done = cvflow("run", whole / "run.toml", "--out", out, "--quiet", limit=limit)
    rows = stopped(done, out)
    print(f"\nulimit -f {limit}: {rows} of {len(read_record(whole / 'out' / 'run.h5').turns)} rows committed")
    finished(whole, out, rows)


def test_a_report_for_which_there_is_no_room(whole, disk):
    """The store stays; the report is written again once there is room."""
    place = disk(32 << 10)
    out = place / "out"
    assert cvflow("run", whole / "run.toml", "--out", out, "--quiet").returncode == 0
    (out / "report.html").unlink()
    room = os.statvfs(place)
    Path(place / "filler").write_bytes(bytes(room.f_bavail * room.f_frsize - 8192))
    done = cvflow("report", out)
    assert done.returncode in (1, 2), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert chain(out) == chain(whole / "out")
    (place / "filler").unlink()
    assert cvflow("report", out).returncode == 0
