"""Reports of runs without figures, which take longer than short runs do; what the figures are is for tests/report."""

from contextlib import contextmanager

import pytest

from cvflow import report

DRAWN = report.run_illustrations


@contextmanager
def undrawn():
    """Reports have no figures meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "run_illustrations", lambda *of_run: [])
        yield


@contextmanager
def drawn():
    """They have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "run_illustrations", DRAWN)
        yield
