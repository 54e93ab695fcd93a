"""The main process's side of worker processes: it hands out tasks, and replaces workers that die or hang.

Each worker is an executor of one process of its own: which task is on which process and core is known exactly, and a
worker that dies takes no other with it. A task that was lost is run again in a fresh process. That is no second chance
for a path: what a task gives follows from its arguments alone, so it gives what it would have given, and whether a
worker dies is nothing that a path's acceptance is asked for.
"""

import multiprocessing
import pickle
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, NamedTuple

from cvflow.host.cores import Claim
from cvflow.host.functions import GUARD
from cvflow.host.journal import LOG
from cvflow.host.main_module import UNGUARDED, UnguardedError, main_module_hidden
from cvflow.host.worker import GRACE, TICK, perform, settle

TRIES = 3
"""Times that a task is begun before the run stops."""

SLOWEST = 20.0
"""A worker hangs if its task takes this many times as long as the slowest of its kind so far, for the same effort."""

SHORTEST_PATIENCE = 60.0
"""Seconds in which no worker hangs."""

UNKNOWN = 86400.0
"""Seconds after which the first task of its kind hangs."""


class WorkerLostError(RuntimeError):
    """A task that no worker brought to its end."""


@dataclass(eq=False)
class _Task:
    """Work to be done, and how often it was begun."""

    future: "Future[Any]"
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    tries: int = 0

    @property
    def effort(self) -> float:
        """What the time it takes grows with: as an argument says, or the same for all of its kind."""
        return float(next((given.effort for given in self.arguments if hasattr(given, "effort")), 1.0))


class _Process(NamedTuple):
    """A worker process. It leaves when its lifeline ends, which the end of this process does too."""

    executor: ProcessPoolExecutor
    lifeline: Connection
    children: list[Any]


@dataclass(eq=False)
class _Worker:
    """A place for one process at a time, on cores of its own; its number is that of each process that it has.

    `seconds` are those of the task, as far as this process was running itself: a machine that slept is no worker that
    hangs.
    """

    number: int
    cores: tuple[int, ...]
    process: _Process | None = None
    task: _Task | None = None
    seconds: float = 0.0


class _Ended(NamedTuple):
    """A process is done with a task, one way or the other."""

    worker: _Worker
    task: _Task
    process: _Process
    outcome: "Future[bytes]"


class _Stop(NamedTuple):
    """No more tasks; `at_once`: those under way are dropped."""

    at_once: bool


class Pool(Executor):
    """Workers on cores of their own: OpenMM's CPU platform is five times slower on a wandering one.

    Law: tasks are functions of their arguments alone, which are plain data.
    """

    def __init__(self, workers: int, cores_each: int = 1) -> None:
        self._events: SimpleQueue[_Task | _Ended | _Stop] = SimpleQueue()
        foreman = _Foreman(self._events, workers, cores_each)
        self._thread = threading.Thread(target=foreman.work, name="workers", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":  # type: ignore[override]
        """Have a function called in a worker.

        Raises:
            WorkerLostError: (by the future) no worker brought it to its end.
        """
        task = _Task(Future(), function, arguments)
        self._events.put(task)
        return task.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the workers go when all tasks are done, or drop the tasks."""
        self._events.put(_Stop(cancel_futures))
        if wait:
            self._thread.join()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown(cancel_futures=kind is not None)


class _Foreman:
    """Hands tasks out and sees to the workers, all in one thread: nothing here needs a lock."""

    def __init__(self, events: "SimpleQueue[_Task | _Ended | _Stop]", workers: int, cores_each: int) -> None:
        self._events = events
        self._claim = Claim(workers * cores_each)
        cores = tuple(self._claim.cores)
        self._workers = [_Worker(n, cores[n * cores_each : (n + 1) * cores_each]) for n in range(workers)]
        self._waiting: deque[_Task] = deque()
        self._pace: dict[Callable[..., Any], float] = {}
        self._looked = time.monotonic()
        LOG.info("workers: %d, on cores %s", workers, ", ".join(map(str, self._claim.cores)))
        if self._claim.taken and len(set(self._claim.cores)) < workers * cores_each:
            LOG.warning("other runs have taken %d cores: %d workers share the rest", self._claim.taken, workers)

    def work(self) -> None:
        """Until told to stop."""
        try:
            stop: _Stop | None = None
            while stop is None or not (stop.at_once or self._idle()):
                try:
                    event = self._events.get(timeout=TICK)
                except Empty:
                    event = None
                if isinstance(event, _Stop):
                    stop = event
                elif isinstance(event, _Ended):
                    self._take_back(event)
                elif event is not None:
                    self._waiting.append(event)
                self._look()
                if stop is None or not stop.at_once:
                    self._hand_out()
        except Exception as error:  # what waits for a result must not wait for ever
            self._drop(error)
            raise
        finally:
            self._drop(WorkerLostError("the workers were told to leave"))
            _dismiss([worker.process for worker in self._workers if worker.process])
            self._claim.close()

    def _idle(self) -> bool:
        return not self._waiting and not any(worker.task for worker in self._workers)

    def _hand_out(self) -> None:
        for worker in self._workers:
            while worker.task is None and self._waiting:
                task = self._waiting.popleft()
                if task.tries or task.future.set_running_or_notify_cancel():
                    self._give(worker, task)

    def _give(self, worker: _Worker, task: _Task) -> None:
        task.tries += 1
        worker.task, worker.seconds = task, 0.0
        try:
            packed = pickle.dumps((task.function, task.arguments))
        except Exception as error:  # pickle raises what it likes
            worker.task = None
            task.future.set_exception(error)
            return
        try:
            process, outcome = _begun(worker.process, worker, packed)
        except BrokenProcessPool:
            LOG.warning("a worker process died while it had nothing to do; another takes its place")
            process, outcome = _begun(None, worker, packed)
        worker.process = process
        outcome.add_done_callback(lambda done: self._events.put(_Ended(worker, task, process, done)))

    def _take_back(self, ended: _Ended) -> None:
        """A result goes to who waits for it; a lost task is begun again."""
        worker, task = ended.worker, ended.task
        if worker.process is not ended.process or worker.task is not task:
            return  # of a process that was given up
        error = ended.outcome.exception()
        if isinstance(error, BrokenProcessPool):
            self._lose(worker, "died")
            return
        worker.task = None
        self._pace[task.function] = max(self._pace.get(task.function, 0.0), worker.seconds / task.effort)
        if error is not None:
            task.future.set_exception(error)
            return
        try:
            task.future.set_result(pickle.loads(ended.outcome.result()))
        except Exception as failure:  # of unpickling
            task.future.set_exception(failure)

    def _lose(self, worker: _Worker, how: str) -> None:
        task, process = worker.task, worker.process
        worker.task = worker.process = None
        assert task is not None
        assert process is not None
        _dismiss([process])
        if UNGUARDED in (child.exitcode for child in process.children):
            task.future.set_exception(
                UnguardedError(
                    f"{getattr(sys.modules['__main__'], '__file__', 'the script')} defines functions that worker "
                    f"processes need, and they import it for them: put its call of cvflow.sample under {GUARD}"
                )
            )
        elif task.tries < TRIES:
            LOG.warning("a worker process %s; what it was at is run again in a new one", how)
            self._waiting.appendleft(task)
        else:
            mend = (
                "is there memory enough for all workers? fewer need less" if how == "died" else "does the engine hang?"
            )
            task.future.set_exception(WorkerLostError(f"a worker process {how} {TRIES} times at the same turn: {mend}"))

    def _look(self) -> None:
        """At whether a worker hangs."""
        now = time.monotonic()
        passed, self._looked = min(now - self._looked, 2 * TICK), now
        for worker in self._workers:
            if worker.task is None:
                continue
            worker.seconds += passed
            if worker.seconds > self._limit(worker.task):
                self._lose(worker, "hung")

    def _limit(self, task: _Task) -> float:
        pace = self._pace.get(task.function)
        return UNKNOWN if pace is None else max(SHORTEST_PATIENCE, SLOWEST * pace * task.effort)

    def _drop(self, error: Exception) -> None:
        for worker in self._workers:
            if worker.task is not None:
                worker.task.future.set_exception(error)
                worker.task = None
        for task in self._waiting:
            if not task.future.cancel():
                task.future.set_exception(error)
        self._waiting.clear()


def _begun(process: _Process | None, place: _Worker, packed: bytes) -> "tuple[_Process, Future[bytes]]":
    """Give a process a task; a new process if there is none.

    Raises:
        BrokenProcessPool: the process is dead.
    """
    if process is not None:
        return process, process.executor.submit(perform, packed)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    first = (place.number, place.cores, theirs)
    executor = ProcessPoolExecutor(1, mp_context=context, initializer=settle, initargs=first)
    with main_module_hidden(packed):
        outcome = executor.submit(perform, packed)
    theirs.close()
    # Private, but there is no other way to the process; it is there as soon as it has a task.
    return _Process(executor, ours, list(executor._processes.values())), outcome


def _dismiss(processes: list[_Process]) -> None:
    """Have processes leave, by force where they don't."""
    for process in processes:
        process.lifeline.close()
    ends = time.monotonic() + GRACE + TICK
    waiting = {child.sentinel: child for process in processes for child in process.children}
    while waiting and (left := ends - time.monotonic()) > 0:
        for gone in wait(list(waiting), left):
            del waiting[gone]
    for child in waiting.values():
        child.kill()
    for process in processes:
        process.executor.shutdown(cancel_futures=True)
