"""Short runs that leave nothing on disk: what tuning and scans measure."""

from collections.abc import Callable
from concurrent.futures import Executor

from cvflow.core.frames import Point
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.proposals.base import Proposal
from cvflow.sampler.loop import Progress
from cvflow.setup import Equilibrated, Setup, header
from cvflow.store import MemoryStore, Record


def run_in_memory(
    setup: Setup,
    executor: Executor,
    start: Equilibrated,
    kappa: Point,
    fixed: Proposal | None = None,
    state_bias: StateBias = UNBIASED,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Record:
    """Run a setup to its end and give what it recorded.

    Args:
        setup: the run.
        executor: where the turns are made.
        start: the equilibrated starts.
        kappa: spring constants [kJ/mol, or the model's own unit, per CV unit squared]; empty without a restraint.
        fixed: a proposal in the place of the configured one.
        state_bias: that it is used with.
        watch: is told how far it is after each turn.
    """
    store = MemoryStore(header(setup, kappa, 1), start.samples)
    setup.run(start, kappa, store, fixed=fixed, state_bias=state_bias, watch=watch).go(executor)
    return store.record()
