"""Runs killed at random moments, workers and all: no committed row is lost, none comes out different."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress

import numpy as np
import pytest
import tomli_w

from cvflow.store import read_record
from tests.run.ended_early import BATCH, OFTEN, POLYMER
from tests.run.valley_run import chain

KILLS = 40

pytestmark = pytest.mark.slow


def started(*arguments):
    command = [sys.executable, "-W", "ignore", "-c", f"{OFTEN}; from cvflow.cli.commands import main; main()"]
    return subprocess.Popen(
        [*command, *map(str, arguments), "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def killed(process, after):
    """Whether it was still at work when it was killed, all processes of its session at once."""
    time.sleep(after)
    alive = process.poll() is None
    with suppress(ProcessLookupError):  # it may have ended of itself, and all of its workers with it
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return alive


def going_on(config, out):
    """The command that the folder's state asks for."""
    return ("resume", out) if (out / "run.h5").exists() else ("run", config, "--out", out)


def committed(out):
    """Rows of the store, byte by byte; none before the first commit."""
    if not (out / "run.h5").exists():
        return set()
    return {row.tobytes() for row in read_record(out / "run.h5").turns}


def phase(out):
    if not (out / "run.h5").exists():
        return "before the first commit"
    record = read_record(out / "run.h5")
    if not record.flows:
        return "during the first training"
    return "while turns are taken" if len(record.turns) else "before the first turns were committed"


@pytest.mark.parametrize("config", [BATCH, POLYMER], ids=["batch", "polymer"])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path, config):
    rng = np.random.default_rng(12)
    path = tmp_path / "run.toml"
    path.write_text(tomli_w.dumps(config))
    begun = time.perf_counter()
    process = started("run", path, "--out", tmp_path / "whole")
    errors = process.communicate()[1]
    assert process.returncode == 0, errors
    duration = time.perf_counter() - begun
    kills, trial, found = 0, 0, Counter()
    while kills < KILLS:
        out = tmp_path / f"trial{trial}"
        trial, before, resumed = trial + 1, set(), 0
        while resumed < 3 and killed(started(*going_on(path, out)), rng.uniform(0.1, 1.0) * duration):
            kills, resumed = kills + 1, resumed + 1
            now = committed(out)
            found[phase(out)] += 1
            assert before <= now, "a committed row is gone, or is another"
            before = now
        last = started(*going_on(path, out))
        errors = last.communicate()[1]
        assert last.returncode == 0, errors
        assert before <= committed(out)
        assert chain(out) == chain(tmp_path / "whole")
    print(f"\n{kills} kills in {trial} runs: {dict(found)}; every run ended as the one that nobody killed")
