"""A walker whose turn takes long holds up no other, and changes nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests import exchanging
from tests.exchanging import TWO, Hopping, begun, groups, plan

WALKERS, TURNS = 4, 20

PATIENCE = 60.0
"""Seconds after which the slow walker gives up on the others, and the test fails."""


@dataclass(frozen=True)
class Slow(Hopping):
    """Its first turn ends when it is told to."""

    go: threading.Event = field(default_factory=threading.Event)

    def _turn(self, current, jump, version):
        assert jump > 0 or self.go.wait(PATIENCE), "the others wait for this one"
        return super()._turn(current, jump, version)


def ran(the_groups, watch=lambda progress: None, **settings):
    run, store = begun(plan(TWO, WALKERS, **settings), the_groups, watch)
    with ThreadPoolExecutor(2) as pool:
        run.go(pool)
    return store.record().turns.tobytes()


def slow_at(turns):
    """Walkers of which one waits until all have made so many turns together, and who tells it."""
    first, *others = groups(TWO, 0.3, WALKERS, 1, alone=True)
    slow = Slow(first.walkers, first.weights, first.rate, first.seed, go=threading.Event())

    def watch(progress):
        if progress.turns == turns:
            slow.go.set()

    return [slow, *others], watch


def test_the_others_get_to_their_end():
    fixed = exchanging.untrained([], None, None, None, None, None).proposal
    settings = {"fixed": fixed, "adapt_jumps": 0, "jumps": TURNS}
    waiting, watch = slow_at((WALKERS - 1) * TURNS)
    assert ran(waiting, watch, **settings) == ran(groups(TWO, 0.3, WALKERS, 1, alone=True), **settings)


def test_while_a_flow_learns_the_others_are_two_blocks_ahead():
    """Version 1 needs the first block of all; before it is there, version 0 serves the first two."""
    block = 5
    settings = {"retrain_every": block * WALKERS, "adapt_jumps": 4 * block, "jumps": 0}
    waiting, watch = slow_at((WALKERS - 1) * 2 * block)
    assert ran(waiting, watch, **settings) == ran(groups(TWO, 0.3, WALKERS, 1, alone=True), **settings)
