"""What the expression of a named state alone tells: which CVs it names, their bounds, how far it reaches along one.

It is one that `cvflow.core.states` has parsed before.
"""

import ast
from itertools import pairwise
from math import inf
from typing import NamedTuple


class Reach(NamedTuple):
    """The lowest and the highest value; nothing where the lowest is above the highest."""

    low: float = -inf
    high: float = inf

    def both(self, other: "Reach") -> "Reach":
        """What lies within this and the other."""
        return Reach(max(self.low, other.low), min(self.high, other.high))

    def either(self, other: "Reach") -> "Reach":
        """What lies within this, the other, or between them."""
        full = [reach for reach in (self, other) if reach.low <= reach.high]
        return Reach(min((reach.low for reach in full), default=inf), max((reach.high for reach in full), default=-inf))


def named_in(expression: str) -> set[str]:
    """Names of the CVs in an expression."""
    return {node.id for node in ast.walk(_tree(expression)) if isinstance(node, ast.Name)}


def bounds_in(expression: str, cv: str) -> set[float]:
    """Numbers that an expression compares a CV with, in its unit."""
    compared = [node for node in ast.walk(_tree(expression)) if isinstance(node, ast.Compare)]
    sides = [[node.left, *node.comparators] for node in compared]
    mine = [each for each in sides if any(isinstance(side, ast.Name) and side.id == cv for side in each)]
    return {_number(side) for each in mine for side in each if not isinstance(side, ast.Name)}


def _tree(expression: str) -> ast.expr:
    return ast.parse(expression.strip(), mode="eval").body


def _number(node: ast.expr) -> float:
    return float(ast.literal_eval(node))


def reach_of(expression: str, cv: str) -> Reach:
    """How far a state reaches along a CV; whatever compares it with other CVs is no bound.

    Args:
        expression: of the state.
        cv: the CV's name.
    """
    return _reach(_tree(expression), cv, True)


def _reach(node: ast.expr, cv: str, holds: bool) -> Reach:
    """Where an expression holds, or where it does not."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _reach(operand, cv, not holds)
        case ast.BoolOp(op=op, values=values):
            return _joined([_reach(value, cv, holds) for value in values], isinstance(op, ast.And) is holds)
        case ast.Compare(left=left, ops=ops, comparators=others):
            pairs = zip(ops, pairwise((left, *others)), strict=True)
            rising = [isinstance(op, ast.Lt | ast.LtE) is holds for op in ops]
            parts = [_half_line(a, b, cv, up) for (_, (a, b)), up in zip(pairs, rising, strict=True)]
            return _joined(parts, holds)
    return Reach()


def _joined(parts: list[Reach], all_hold: bool) -> Reach:
    joined = parts[0]
    for part in parts[1:]:
        joined = joined.both(part) if all_hold else joined.either(part)
    return joined


def _half_line(left: ast.expr, right: ast.expr, cv: str, rising: bool) -> Reach:
    """Where the left side is below the right one, or above it."""
    for name, number, below in ((left, right, rising), (right, left, not rising)):
        if isinstance(name, ast.Name) and name.id == cv and not isinstance(number, ast.Name):
            bound = _number(number)
            return Reach(high=bound) if below else Reach(low=bound)
    return Reach()
