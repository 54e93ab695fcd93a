"""Where the walkers start, and what to say about it before anything is computed."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cvflow.core.frames import Frame
from cvflow.core.states import States

StartPoints = Float[np.ndarray, "walkers cvs"]


class WalkerStarts(NamedTuple):
    """A structure a walker, and the name of the state each one is given for; empty when a run is continued.

    `said` are words about structures, each with the name of its state: what was changed in them. `missing` are states
    whose structures are still to be made; until then their walkers have others'.
    """

    frames: tuple[Frame, ...] = ()
    names: tuple[str, ...] = ()
    said: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()


class Opening(NamedTuple):
    """The walkers' starts as points: the named states, the name that each start is given for, and its CVs."""

    states: States
    names: tuple[str, ...]
    points: StartPoints
    said: tuple[tuple[str, str], ...] = ()


def in_turn(
    structures: Sequence[Frame],
    names: Sequence[str],
    walkers: int,
    said: Sequence[tuple[str, str]] = (),
    states: Iterable[str] = (),
) -> WalkerStarts:
    """Give the structures to the walkers in turn; of the states, those without one are missing while walkers are left.

    Raises:
        ValueError: there are fewer walkers than structures.
    """
    if walkers < len(names):
        raise ValueError(
            f"run.walkers = {walkers}: a walker is needed for each of the {len(names)} states that have a start "
            f"({', '.join(names)})"
        )
    order = [walker % len(structures) for walker in range(walkers)]
    missing = tuple(state for state in states if state not in names)[: walkers - len(names)]
    return WalkerStarts(tuple(structures[i] for i in order), tuple(names[i] for i in order), tuple(said), missing)


def opened(
    states: States,
    names: Sequence[str],
    points: StartPoints,
    said: Sequence[tuple[str, str]] = (),
    missing: Sequence[str] = (),
) -> Opening:
    """The starts, once each was found to lie in the state that it is given for, or in none.

    Args:
        states: the named states.
        names: of the state that each walker's start is given for.
        points: CVs of the walkers' starts.
        said: words about structures, with the names of their states.
        missing: states whose starts are still to be made.

    Raises:
        ValueError: a state's starts lie in another named state more often than in their own, or the walkers start in
            fewer than two states.
    """
    opening = Opening(states, tuple(names), points, tuple(said))
    misplaced = [text for name, mine in _by_name(opening) if (text := _elsewhere(opening, name, mine))]
    if misplaced:
        raise ValueError(
            f"a start lies in another state than its name says: {'; '.join(misplaced)}: give one structure per state, "
            "by the state's own name, or mend [states]"
        )
    if len(set(states.assign(points)) - {-1}) + len(missing) < 2:
        walkers, states_lie = len(points), "the starts of the {} walkers lie in fewer than two of the named states"
        found = "run.walkers = 1: one walker starts in one state" if walkers == 1 else states_lie.format(walkers)
        raise ValueError(
            f"{found}: states that no walker visits are never proposed; give one structure per state, and a walker for "
            "each"
        )
    return opening


def words(opening: Opening) -> tuple[str, ...]:
    """One line for the starts of each state: the CVs, the state that they lie in, and what was done to them."""
    lines = []
    for name, mine in _by_name(opening):
        points = opening.points[mine]
        found = [_state(opening.states, i) for i in dict.fromkeys(opening.states.assign(points).tolist())]
        said = "".join(f"; {text}" for state, text in opening.said if state == name)
        lines.append(f"start {name}: {_span(opening.states.cv_names, points)}: {', '.join(found)}{said}")
    return tuple(lines)


def start_notes(opening: Opening, missing: Sequence[str] = ()) -> tuple[str, ...]:
    """Warnings about starts that lie in no named state or in one state together, and states without a start.

    Nothing is said of states whose starts are still to be made.
    """
    states = opening.states
    inside = {name: sorted(set(states.assign(opening.points[mine]).tolist())) for name, mine in _by_name(opening)}
    where = {name: _span(states.cv_names, opening.points[mine][:1]) for name, mine in _by_name(opening)}
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
    started = {i for found in inside.values() for i in found}
    lonely = [state for i, state in enumerate(states.names) if i not in started and state not in missing]
    if lonely:
        notes.append(
            f"warning: no walker starts in {', '.join(lonely)}: modes that no walker has visited are not sampled, "
            "except by the proposal's broad component; give one structure, and a walker, per state"
        )
    return tuple(notes)


def strayed(opening: Opening, points: StartPoints) -> tuple[str, ...]:
    """One line for walkers that end their equilibration in another state than they started in.

    Args:
        opening: the starts.
        points: CVs of the walkers after equilibration.
    """
    before, after = (opening.states.assign(place) for place in (opening.points, points))
    moved = [(i, j) for i, j in dict.fromkeys(zip(before.tolist(), after.tolist(), strict=True)) if i >= 0 and i != j]
    if not moved:
        return ()
    parts = [
        f"{_walkers(np.flatnonzero((before == i) & (after == j)))} from {_state(opening.states, i)} to "
        f"{_state(opening.states, j)}"
        for i, j in moved
    ]
    left = [_state(opening.states, i) for i in dict.fromkeys(before.tolist()) if i >= 0 and i not in after]
    empty = (
        f"; none is left in {', '.join(left)}, so the flow learns little of it: check the structure, [states] and the "
        "time step"
    )
    return (f"{'warning: ' if left else ''}equilibration took {', '.join(parts)}{empty if left else ''}",)


def _by_name(opening: Opening) -> Iterator[tuple[str, Int[np.ndarray, " mine"]]]:
    """The states' names, and the walkers whose starts are given for each."""
    names = np.array(opening.names)
    for name in dict.fromkeys(opening.names):
        yield name, np.flatnonzero(names == name)


def _elsewhere(opening: Opening, name: str, mine: Int[np.ndarray, " mine"]) -> str | None:
    """Words for the starts of a state, if another named state holds more of them than it does."""
    names, found = opening.states.names, opening.states.assign(opening.points[mine])
    if name not in names:
        return None
    held = np.bincount(found[found >= 0], minlength=len(names))
    most = int(held.argmax())
    if held[most] <= held[names.index(name)]:
        return None
    return f"{name} ({_span(opening.states.cv_names, opening.points[mine][found == most][:1])}) lies in {names[most]}"


def _state(states: States, index: int) -> str:
    return "no named state" if index < 0 else states.names[index]


def _walkers(which: Int[np.ndarray, " walkers"]) -> str:
    """Few by their numbers, many by their count."""
    if len(which) == 1:
        return f"walker {which[0]}"
    return f"walkers {', '.join(map(str, which))}" if len(which) <= 8 else f"{len(which)} walkers"


def _span(cvs: Sequence[str], points: StartPoints) -> str:
    """Each CV's value, or the values that it lies between."""
    ends = ((f"{low:.3g}", f"{high:.3g}") for low, high in zip(points.min(axis=0), points.max(axis=0), strict=True))
    return ", ".join(
        f"{cv} = {low}" + (f" to {high}" if high != low else "") for cv, (low, high) in zip(cvs, ends, strict=True)
    )
