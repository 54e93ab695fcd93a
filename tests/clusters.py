"""A Dask scheduler and workers as processes of their own, which tests start, kill and let join."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def needs_dask():
    """Skip the module, aloud, where there is no Dask."""
    pytest.importorskip("distributed", reason="NO DASK: pip install 'cvflow[cluster]'; clusters are not tested")


class Cluster:
    """A scheduler; `file` tells its address."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        self.workers = []
        self._processes = [self._begin("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show")]
        _until(lambda: self.file.exists() and self.file.read_text().endswith("}"))

    def _begin(self, what, *words):
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", str(self.file)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        return subprocess.Popen([*command, "--no-dashboard", *words], env=environment, **QUIET)

    def join(self, *words):
        """One more worker of one thread; a killed one is not replaced."""
        worker = self._begin("worker", "--nthreads", "1", "--no-nanny", *words)
        self.workers.append(worker)
        self._processes.append(worker)
        return worker

    def there(self, client, number):
        """Wait until so many workers have joined."""
        client.wait_for_workers(number, timeout=60)

    def close(self):
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()


@contextmanager
def cluster(folder):
    """A scheduler without workers, gone when the context ends."""
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.close()


def _until(true, seconds=60.0):
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)
