"""Runs that commit often, for tests that end them at odd moments."""

from tests import valley

BATCH = {
    "run": {"walkers": 64, "adapt_jumps": 20, "adapt_limit": 1, "jumps": 60, "local_steps": 8, "seed": 5},
    "system": {"python": f"{valley.__file__}:valley"},
    "engine": {"name": "batch"},
    "path": {"kernel": "langevin", "steps": 8, "timestep": 0.3},
    "flow": {"retrain_every": 320},
}
POLYMER = {
    "run": {"walkers": 2, "adapt_jumps": 4, "adapt_limit": 1, "jumps": 60, "local_steps": 20},
    "system": {"name": "polymer"},
    "path": {"steps": 40},
}
OFTEN = "import cvflow.sampler.loop; cvflow.sampler.loop.COMMIT_SECONDS = 0.1; cvflow.sampler.loop.COMMIT_COSTS = 1"
