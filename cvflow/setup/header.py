"""What is fixed before the first jump, for the store."""

from pathlib import Path

import numpy as np

from cvflow import __version__
from cvflow.core.frames import Point
from cvflow.setup.fingerprints import fingerprints
from cvflow.setup.molecules.surrogate import surrogate_of
from cvflow.setup.specification import Setup
from cvflow.setup.versions import versions
from cvflow.store import Header


def header(setup: Setup, kappa: Point, workers: int, folder: Path | None = None) -> Header:
    """What is fixed before the first jump; with a run's folder, what that holds of the run's files too."""
    run, path, exact = setup.settings.run, setup.settings.path, setup.exactness
    return Header(
        seed=run.seed,
        system=setup.name,
        engine=setup.config.engine.name,
        cvs=list(setup.space.names),
        units=list(setup.space.units),
        states=dict(setup.states.expressions),
        kT=setup.kT,
        kappa=[float(k) for k in kappa],
        timestep=path.timestep,
        local_steps=run.local_steps,
        walkers=run.walkers,
        workers=workers,
        adapt_jumps=run.adapt_jumps,
        exact=exact.value,
        exact_reason=exact.reason,
        notes=[*setup.opening_words, *setup.notes],
        walls=list(setup.wall_words),
        equilibration_steps=setup.equilibration_steps,
        pilot_steps=setup.pilot_steps,
        exploration=setup.exploration.model_dump(mode="json") if setup.exploration else None,
        surrogate=surrogate_of(setup.config) or "",
        config=setup.config.to_toml(),
        version=__version__,
        kernel=path.kernel,
        inputs=fingerprints(setup.config, folder) if folder is not None else {},
        versions=versions(setup.config),
        periods=[float(period) if np.isfinite(period) else None for period in setup.space.periods],
    )
