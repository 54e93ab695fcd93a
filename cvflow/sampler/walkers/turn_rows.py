"""What a turn was, as rows of the store."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cvflow.core.frames import PathResult
from cvflow.sampler.jump import JumpInfo
from cvflow.sampler.local import LocalInfo
from cvflow.store import turn_type


class CVsOfATurn(NamedTuple):
    """ξ before the jump, after the decision on it, and after the local move; one row a walker, or one walker's."""

    old: ArrayLike
    kept: ArrayLike
    after: ArrayLike


class Seconds(NamedTuple):
    """Time that a turn's jumps and its local moves took."""

    path: float
    local: float


def turn_rows(
    walkers: tuple[int, ...],
    number: int,
    jump: JumpInfo,
    local: LocalInfo | None,
    cvs: CVsOfATurn,
    seconds: Seconds,
) -> np.ndarray:
    """One row a walker; the run says whether they are production.

    Args:
        walkers: their numbers.
        number: of the turn.
        jump: what the jumps did.
        local: what the local moves did, if there are any.
        cvs: where the walkers were.
        seconds: shared out among the walkers, so that the sum over rows is the time that passed.
    """
    orders, path = jump.orders, jump.path
    rows = np.zeros(len(walkers), dtype=turn_type(orders.centre_old.shape[1]))
    columns = {
        "walker": walkers, "jump": number, "flow_version": orders.flow_version,
        "accepted": jump.accepted, "outcome": path.outcome, "steps": path.steps,
        "centre_old": orders.centre_old, "centre_new": orders.centre_new,
        "cv_old": cvs.old, "cv_end": path.cv, "cv_kept": cvs.kept, "cv": cvs.after,
        "log_q_old": orders.log_q_old, "log_q_new": orders.log_q_new,
        "work": path.work, "protocol_work": path.protocol_work, "heat": path.heat,
        "log_acceptance": jump.log_acceptance, "log_survival": path.log_survival,
        "interim": np.nan if path.interim is None else path.interim,
        "path_seconds": seconds.path / len(walkers), "local_seconds": seconds.local / len(walkers),
    }  # fmt: skip
    if local is not None:
        columns |= {
            "local_accepted": local.accepted, "local_outcome": local.path.outcome,
            "local_steps": local.path.steps, "local_work": local.path.work,
        }  # fmt: skip
    for name, column in columns.items():
        rows[name] = column
    if isinstance(path, PathResult) and path.looks is not None:
        seen = len(path.looks.fraction)
        for name, column in path.looks._asdict().items():
            rows[f"look_{name}"][:, :seen] = column
    return rows
