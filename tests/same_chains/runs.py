"""Short seeded runs that together pass through every engine, kernel, local move, schedule and kind of proposal."""

from tests.same_chains.batch_runs import BATCH
from tests.same_chains.molecular_runs import MOLECULES
from tests.same_chains.short_run import ShortRun

RUNS: dict[str, ShortRun] = BATCH | MOLECULES
"""By name."""
