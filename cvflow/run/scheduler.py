"""A run on the workers of a Dask scheduler: joined before anything is written, and left when the run ends."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from cvflow.config.section import ConfigError
from cvflow.engines.base import EngineSpec
from cvflow.host.dask_cluster import dask_executor


class Workplace(NamedTuple):
    """Where turns are run: an executor, or workers of the run's own; and how many work there, if that is said."""

    executor: Executor | None
    workers: int | None


@contextmanager
def joined(scheduler: str | None, workers: int | None) -> Iterator[Workplace]:
    """The workers of a scheduler while the context lasts, or no executor where none is named.

    Args:
        scheduler: address of it, or the name of the file that it wrote.
        workers: number asked for.

    Raises:
        ConfigError: Dask is missing, no scheduler answers, or its workers were to be another number.
    """
    if scheduler is None:
        yield Workplace(None, workers)
        return
    if workers is not None:
        raise ConfigError(f"--workers {workers}: the scheduler has workers of its own, as many as it has; leave it out")
    with ExitStack() as held:
        try:
            executor = held.enter_context(dask_executor(scheduler, EngineSpec))
        except ValueError as error:
            raise ConfigError(f"--scheduler: {error}") from error
        yield Workplace(executor, executor.workers or None)
