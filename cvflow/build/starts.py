"""Where the walkers start, and what to say about it before anything is computed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.state import Frame
from cvflow.states import States


class Starts(NamedTuple):
    """A structure a walker, and the name of the state each one is given for; both empty when a run is continued."""

    frames: tuple[Frame, ...] = ()
    names: tuple[str, ...] = ()


def in_turn(structures: Sequence[Frame], names: Sequence[str], walkers: int) -> Starts:
    """Give the structures to the walkers in turn."""
    order = [walker % len(structures) for walker in range(walkers)]
    return Starts(tuple(structures[i] for i in order), tuple(names[i] for i in order))


def start_notes(states: States, names: Sequence[str], points: Float[np.ndarray, "walkers cvs"]) -> tuple[str, ...]:
    """Warnings about starts that lie in no named state or elsewhere than they should, and states without a start.

    Args:
        states: the named states.
        names: of the state that each walker's start is given for.
        points: CVs of the walkers' starts.
    """
    inside = {
        name: [int(i) for i in sorted(set(states.assign(points[np.array(names) == name])))]
        for name in dict.fromkeys(names)
    }
    where = {name: _text(states.cv_names, points[list(names).index(name)]) for name in inside}
    notes = [
        f"warning: the start of {name} ({where[name]}) lies in no named state: what its walker does counts for no ΔF "
        "and no mode change until it gets into one; check [states] and the structure"
        for name, found in inside.items()
        if found == [-1]
    ]
    for index, state in enumerate(states.names):
        here = [name for name, found in inside.items() if found == [index]]
        if len(here) > 1:
            listed = " and ".join(f"{name} ({where[name]})" for name in here)
            notes.append(
                f"warning: the starts of {listed} lie in the same state, {state}: the flow learns one state from both, "
                "and one that no walker has visited is hardly ever proposed; give each state its own structure"
            )
        elif here and here != [state] and here[0] in states.names:
            notes.append(f"warning: the start of {here[0]} ({where[here[0]]}) lies in {state}; check [states]")
    started = {i for found in inside.values() for i in found}
    lonely = [state for i, state in enumerate(states.names) if i not in started]
    if lonely:
        notes.append(
            f"warning: no walker starts in {', '.join(lonely)}: modes that no walker has visited are not sampled, "
            "except by the proposal's broad component; give one structure, and a walker, per state"
        )
    return tuple(notes)


def _text(cvs: Sequence[str], point: Float[np.ndarray, " cvs"]) -> str:
    return ", ".join(f"{cv} = {value:.3g}" for cv, value in zip(cvs, point, strict=True))
