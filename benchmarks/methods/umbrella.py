"""Umbrella sampling along one CV, put together by MBAR: windows from each start, as benchmarks/umbrella.py has them."""

from collections.abc import Iterator, Sequence

import numpy as np
from umbrella import Lengths, Umbrella, analyse, grid, sample_all

from cvflow.setup import Setup
from cvflow.setup.engine_walkers import EngineWalkers
from methods.work import Work

INTERVAL = 25
"""Time steps between samples."""


def differences(work: Work, setup: Setup, checkpoints: Sequence[int]) -> Iterator[float]:
    """ΔF [kT] after so many force evaluations each, of all windows as far as they had come."""
    assert isinstance(setup.walkers, EngineWalkers)
    assert setup.opening is not None
    starts = dict(zip(setup.opening.names, setup.walkers.starts, strict=True))
    umbrella = Umbrella(setup, setup.settings.run.seed)
    windows = grid(work.windows, setup.space.names, umbrella.periods)
    before, parts = work.drag + work.hold, len(windows.centres) * len(starts)
    longest = checkpoints[-1] // parts - before
    series = sample_all(umbrella, starts, windows, Lengths(work.drag, work.hold, longest, INTERVAL))
    for checkpoint in checkpoints:
        samples = (checkpoint // parts - before) // INTERVAL
        if samples < 2:
            yield float("nan")
            continue
        together = [
            np.concatenate([values[:samples] for values in each]) for each in zip(*series.values(), strict=True)
        ]
        yield analyse(together, windows, setup.states, umbrella.periods, umbrella.kT, bootstraps=0)["delta_f"]
