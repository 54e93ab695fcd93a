"""Where a run stands, from its folder alone: nothing in it is locked, written or run, and the run notices nothing."""

import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cvflow.config.section import ConfigError
from cvflow.core.frames import Outcome
from cvflow.core.states import States
from cvflow.estimate.cautions import comparisons
from cvflow.estimate.modes import between_states, crossings
from cvflow.estimate.schema import Summary
from cvflow.estimate.summary import summarise
from cvflow.report.tables import duration
from cvflow.run.folder_lock import seen_holder
from cvflow.run.run_folder import CONFIG, STORE, way_on
from cvflow.store import Record, Storing, previous, read_storing

RECENT = 600.0
"""Seconds of the run, the last ones, by which its rate is reckoned."""

MANY = 20
"""Jumps of which none got anywhere, from which something is lacking."""

STILL = 10.0
"""Times the slowest turn so far, without the end of any, from which something is wrong with the workers."""


class SeenRun(NamedTuple):
    """What was found in a folder."""

    folder: Path
    record: Record
    commits: Storing
    age: float
    """Seconds since the last commit."""
    holder: str
    """Who writes there, in words; empty if nobody does."""
    jumps: int
    """Of production, that each walker is to make."""

    @property
    def done(self) -> np.ndarray:
        """Turns of production, one number a walker."""
        made = self.record.turns["walker"][self.record.turns["production"]]
        return np.bincount(made, minlength=self.record.header.walkers)

    @property
    def finished(self) -> bool:
        """Whether all jumps are made."""
        return bool((self.done >= self.jumps).all())

    @property
    def stage(self) -> np.ndarray:
        """Turns of production, or of adaptation where there are none of it yet."""
        turns = self.record.turns
        return turns[turns["production"]] if turns["production"].any() else turns

    @property
    def states(self) -> States:
        """The named ones."""
        return States(self.record.header.states, self.record.header.cvs)


def status(folder: Path) -> Iterator[str]:
    """Say where a run stands, line by line; also while it runs.

    Raises:
        ConfigError: the folder holds no run, or its store cannot be read.
    """
    if not stored(folder):
        yield _before_the_first_commit(folder)
        return
    looked = look(folder)
    yield _standing(looked)
    header, turns = looked.record.header, np.array(looked.record.turns_done)
    asked = f"{looked.jumps:,} of production after at least {header.adapt_jumps:,} of adaptation"
    name = ", ".join(dict.fromkeys((header.system, header.engine)))
    yield f"{name}, seed {header.seed}: jumps {_range(turns)} a walker; asked for: {asked}"
    yield f"walkers: {header.walkers:,}; {_where(looked)}"
    yield from _rates(looked)
    if len(looked.stage):
        yield _accepted(looked)
    summary = summarise(looked.record) if looked.done.all() else None
    yield from _free_energies(summary, looked)
    yield from (f"warning: {text}" for text in (summary.warnings if summary else ()))
    yield from (f"lacking: {text}" for text in _lacking(looked))


def stored(folder: Path) -> bool:
    """Whether something is committed there."""
    return (folder / STORE).is_file() or previous(folder / STORE).is_file()


def _before_the_first_commit(folder: Path) -> str:
    """Raises ConfigError: nothing of a run is there."""
    holder = seen_holder(folder)
    if holder is not None and holder.alive:
        return f"running: {holder.words}; nothing is committed yet: it equilibrates, or tries settings"
    if (folder / CONFIG).is_file():
        raise ConfigError(f"{folder}: {way_on(folder)}")
    raise ConfigError(f"{folder}: no run here ({STORE} is missing); give the --out folder of a run")


def look(folder: Path) -> SeenRun:
    """Read a folder as it is, also while its run goes on.

    Raises:
        ConfigError: the store cannot be read.
    """
    path = folder / STORE
    if not path.is_file():  # where files have no links, for a moment in each commit
        path = previous(path)
    holder = seen_holder(folder)
    try:
        age = time.time() - path.stat().st_mtime
        record, commits = read_storing(path)
    except (OSError, ValueError) as error:
        raise ConfigError(str(error)) from error
    jumps = tomllib.loads(record.header.config)["run"]["jumps"]
    words = holder.words if holder is not None and holder.alive else ""
    return SeenRun(folder, record, commits, max(age, 0.0), words, jumps)


def _standing(looked: SeenRun) -> str:
    last = f"last commit {duration(looked.age)} ago"
    if looked.holder:
        return f"running: {looked.holder}; {last}"
    if looked.finished:
        return f"finished: all jumps are made; {last}"
    return f"stopped before its end: {way_on(looked.folder)}; {last}"


def _range(numbers: np.ndarray) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _where(looked: SeenRun) -> str:
    """How many walkers stand in which state."""
    turns = looked.record.turns
    if not len(turns):
        return "none has jumped yet"
    last = turns[np.append(turns["walker"][1:] != turns["walker"][:-1], True)]
    inside = looked.states.assign(last["cv"])
    names = dict(enumerate(looked.states.names)) | {-1: "no named state"}
    counts = [(name, int((inside == index).sum())) for index, name in names.items()]
    return f"now in {', '.join(f'{name} ({count:,})' for name, count in counts if count)}"


def _rates(looked: SeenRun) -> Iterator[str]:
    """Turns an hour lately, and how long the rest will take at that."""
    seconds, turns = looked.commits.wall_seconds, looked.commits.turns
    first = int(np.searchsorted(seconds, seconds[-1] - RECENT))
    made, took = int(turns[-1] - turns[first]), float(seconds[-1] - seconds[first])
    if not made or not took:
        yield f"rate: not known yet; {duration(float(seconds[-1]))} of wall time"
        return
    rows = looked.record.turns
    steps = float((rows["steps"] + rows["local_steps"]).mean()) * made / took
    rest = looked.jumps * len(looked.done) - int(looked.done.sum())
    left = f"; about {duration(rest * took / made)} of production left" if rest > 0 else ""
    yield (
        f"rate: {3600 * made / took:,.0f} jumps an hour by all walkers, {steps:,.0f} steps/s, in the last "
        f"{duration(took)}; {duration(float(seconds[-1]))} of wall time{left}"
    )


def _accepted(looked: SeenRun) -> str:
    stage, states = looked.stage, looked.states
    between, there = between_states(stage, states)
    walkers = np.split(stage, np.flatnonzero(np.diff(stage["walker"])) + 1)
    changes = sum(int(crossings(chain, states).by_jump.sum()) for chain in walkers)
    what = "production" if stage["production"].any() else "adaptation"
    return (
        f"{what}: {int(stage['accepted'].sum()):,} of {len(stage):,} jumps accepted; {int(there.sum()):,} of "
        f"{int(between.sum()):,} between states; {changes:,} mode changes by jumps"
    )


def _free_energies(summary: Summary | None, looked: SeenRun) -> Iterator[str]:
    if summary is not None:
        yield from (found.headline for found in comparisons(summary))
    elif len(looked.states.names) > 1:
        yield "ΔF: none yet: not all walkers have made a jump of production"


def _lacking(looked: SeenRun) -> Iterator[str]:
    """What keeps a run from getting anywhere."""
    yield from _silence(looked)
    turns, stage, states = looked.record.turns, looked.stage, looked.states
    if not len(turns) or len(states.names) < 2:
        return
    header = looked.record.header
    if not looked.done.any() and min(looked.record.turns_done) >= header.adapt_jumps > 0:
        yield "the populations of the states still move, so adaptation goes on, up to run.adapt_limit times as long"
    seen = np.concatenate([states.assign(turns[name]) for name in ("cv_old", "cv_kept", "cv")])
    missing = [name for index, name in enumerate(states.names) if index not in seen]
    if missing:
        yield f"no walker has been in {', '.join(missing)}"
    between, there = between_states(stage, states)
    if len(stage) >= MANY and not between.any():
        yield f"none of {len(stage):,} jumps was proposed from one state into another: the proposal knows one alone"
    elif between.sum() >= MANY and not there.any():
        yield _unaccepted(stage[between])


def _silence(looked: SeenRun) -> Iterator[str]:
    """Of a run whose turns do not end."""
    seconds, turns, rows = looked.commits.wall_seconds, looked.commits.turns, looked.record.turns
    since = float(seconds[-1] - seconds[np.searchsorted(turns, turns[-1])]) + looked.age
    slowest = float((rows["path_seconds"] + rows["local_seconds"]).max(initial=0.0))
    if looked.holder and len(rows) and since > max(60.0, STILL * slowest):
        yield (
            f"no turn has ended for {duration(since)}, and the slowest so far took {duration(slowest)}: are there "
            "workers? run.log has those that were lost"
        )


def _unaccepted(turns: np.ndarray) -> str:
    """Why jumps between states are not accepted: those whose paths got to their end tell."""
    ended = turns[turns["outcome"] == Outcome.COMPLETED]
    count = f"none of {len(turns):,} jumps between states was accepted"
    if not len(ended):
        return f"{count}, and no path of them got to its end"
    work, log_a = float(np.median(ended["work"])), float(np.median(ended["log_acceptance"]))
    return (
        f"{count}: their paths' work is {work:.1f} kT (median), ln A {log_a:.1f}: longer paths (path.steps), or what "
        "`cvflow scan` finds"
    )
