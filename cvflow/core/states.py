"""Named states: regions of CV space, written as comparisons of the CVs' names and numbers."""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from sys import float_info

import numpy as np
from jaxtyping import Bool, Float, Int

from cvflow.host.faults import brief

Region = Callable[[Float[np.ndarray, "points cvs"]], Bool[np.ndarray, " points"]]
_Value = Callable[[np.ndarray], np.ndarray | np.float64]

LONGEST_STATE_NAME = 64
"""Letters of a state's name, which is a word of tables and legends."""

DEEPEST = 50
"""Levels of an expression's tree."""

_COMPARISONS = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}


@dataclass(frozen=True)
class States:
    """Named regions; a point belongs to the first one that holds it, or to none.

    Raises:
        ValueError: an expression does not parse, or names an unknown CV.
    """

    expressions: Mapping[str, str]
    cv_names: Sequence[str]
    _regions: list[Region] = field(init=False, repr=False)

    def __reduce__(self) -> tuple:
        """Travels as the expressions, which are parsed again."""
        return States, (dict(self.expressions), tuple(self.cv_names))

    def __post_init__(self) -> None:
        for name in self.expressions:
            _check_name(name)
        regions = [parse(name, text, self.cv_names) for name, text in self.expressions.items()]
        object.__setattr__(self, "_regions", regions)

    @property
    def names(self) -> list[str]:
        """The states' names, in order."""
        return list(self.expressions)

    def assign(self, points: Float[np.ndarray, "points cvs"]) -> Int[np.ndarray, " points"]:
        """Index of each point's state, -1 for none. Points with NaN belong to none."""
        index = np.full(len(points), -1)
        known = ~np.isnan(points).any(axis=1)
        for i, region in reversed(list(enumerate(self._regions))):
            index[region(points) & known] = i
        return index

    def shared(
        self, first: Float[np.ndarray, "points cvs"], second: Float[np.ndarray, "points cvs"]
    ) -> Bool[np.ndarray, " points"]:
        """Whether both points of each pair lie in the same named state."""
        state = self.assign(first)
        return (state >= 0) & (state == self.assign(second))


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_STATE_NAME:
        got = name[:LONGEST_STATE_NAME]
        raise ValueError(f"a state's name has 1 to {LONGEST_STATE_NAME} letters that can be printed, got {got!r}")


def last_named(visited: Int[np.ndarray, "*chains points"]) -> Int[np.ndarray, "*chains points"]:
    """Along each chain, replace -1 by the state visited before it; before the first named state it stays."""
    position = np.maximum.accumulate(np.where(visited >= 0, np.arange(visited.shape[-1]), 0), axis=-1)
    return np.take_along_axis(visited, position, axis=-1)


def parse(name: str, text: str, cv_names: Sequence[str]) -> Region:
    """Turn an expression such as ``0 < phi < 2.1 or not psi > 1`` into a function of CV points.

    Python's own parser makes the tree, and only comparisons, and/or/not, numbers and CV names are read from it; nothing
    is evaluated.

    Raises:
        ValueError: anything else is in it.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"state {name}: {brief(text)} does not parse; write comparisons like 'r < 4.62'") from error
    if _depth(tree) > DEEPEST:
        raise ValueError(f"state {name}: {brief(text)} is nested more than {DEEPEST} deep")
    return _region(tree, name, text, list(cv_names))


def _depth(tree: ast.AST) -> int:
    """Of nesting, level by level: a deep tree would be too much for a function that calls itself."""
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
    return depth


def _region(node: ast.expr, name: str, text: str, cvs: list[str]) -> Region:
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = [_region(value, name, text, cvs) for value in values]
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return lambda points: combine.reduce([part(points) for part in parts])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _region(operand, name, text, cvs)
            return lambda points: ~inner(points)
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARISONS for op in ops):
            sides = [_value(side, name, text, cvs) for side in (left, *others)]
            compare = [_COMPARISONS[type(op)] for op in ops]
            return lambda points: np.logical_and.reduce(
                [
                    np.broadcast_to(test(a(points), b(points)), len(points))
                    for test, (a, b) in zip(compare, pairwise(sides), strict=True)
                ]
            )
    raise ValueError(
        f"state {name}: {ast.unparse(node)!r} in {text!r} is not a comparison; "
        "use <, <=, >, >=, and, or, not, numbers and CV names"
    )


def _value(node: ast.expr, name: str, text: str, cvs: list[str]) -> _Value:
    match node:
        case ast.Name(id=cv) if cv in cvs:
            column = cvs.index(cv)
            return lambda points: points[:, column]
        case ast.Name(id=cv):
            raise ValueError(f"state {name}: unknown CV {cv!r} in {text!r}; the CVs are {', '.join(cvs)}")
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _constant(number, 1, name, text)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return _constant(number, -1, name, text)
    raise ValueError(f"state {name}: {ast.unparse(node)!r} in {text!r} is neither a CV nor a number")


def _constant(number: float, sign: int, name: str, text: str) -> _Value:
    if not abs(number) <= float_info.max:
        raise ValueError(f"state {name}: a number in {brief(text)} is beyond {float_info.max:.0e}")
    value = np.float64(sign * number)
    return lambda points: value
