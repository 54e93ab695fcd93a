"""A store that is gone with the process: for tests and for short runs from Python."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from cvflow.store.base import Commit, FlowEntry, Header, Record, Store, sorted_turns, turn_type


@dataclass
class MemoryStore(Store):
    """Keeps everything in lists."""

    header: Header
    pilot: Float[np.ndarray, "walkers samples cvs"]
    _turns: list[np.ndarray] = field(default_factory=list)
    _flows: list[FlowEntry] = field(default_factory=list)
    _committed: tuple[int, int, Commit] | None = None

    def append_turns(self, turns: np.ndarray) -> None:
        self._turns.extend(turns)

    def append_flow(self, flow: FlowEntry) -> None:
        self._flows.append(flow)

    def commit(self, commit: Commit) -> None:
        self._committed = (len(self._turns), len(self._flows), commit)

    def record(self) -> Record:
        if self._committed is None:
            raise ValueError("store: nothing is committed yet")
        turns, flows, commit = self._committed
        rows = np.array(self._turns[:turns], dtype=turn_type(len(self.header.cvs)))
        return Record(self.header, self.pilot, sorted_turns(rows), self._flows[:flows], commit)
