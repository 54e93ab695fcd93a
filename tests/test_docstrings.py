"""Every public module, class, function and method says what it is."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.test_layers import MODULES, PACKAGE

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
TREES = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in [PACKAGE / "__init__.py", *MODULES]}


def definitions(body: list[ast.stmt]) -> Iterator[Definition]:
    """A property's setter is described by the property."""
    return (
        node
        for node in body
        if isinstance(node, Definition)
        and not node.name.startswith("_")
        and not any(isinstance(mark, ast.Attribute) and mark.attr == "setter" for mark in node.decorator_list)
    )


def fields(node: ast.ClassDef) -> Iterator[str]:
    """Names that a class says something of, below them or under Attributes."""
    for one, after in pairwise(node.body):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            below = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if below or f"\n    {one.target.id}: " in (ast.get_docstring(node) or ""):
                yield one.target.id


def simple(base: ast.expr) -> str:
    """The class's own name, whatever module or parameters stand with it."""
    if isinstance(base, ast.Subscript):
        return simple(base.value)
    return base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")


CLASSES = defaultdict(list)
for tree in TREES.values():
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            CLASSES[node.name].append(node)


def bases(node: ast.ClassDef) -> Iterator[ast.ClassDef]:
    """All classes of the package that it derives from; of two with one name, both."""
    for name in map(simple, node.bases):
        for base in CLASSES[name]:
            if base is not node:
                yield base
                yield from bases(base)


def documented_above(node: ast.ClassDef, name: str) -> bool:
    return any(
        name in fields(base) or any(one.name == name and ast.get_docstring(one) for one in definitions(base.body))
        for base in bases(node)
    )


def undocumented(tree: ast.Module) -> Iterator[str]:
    for node in definitions(tree.body):
        if not ast.get_docstring(node):
            yield node.name
        for method in definitions(node.body) if isinstance(node, ast.ClassDef) else ():
            if not ast.get_docstring(method) and not documented_above(node, method.name):
                yield f"{node.name}.{method.name}"


@pytest.mark.parametrize("module", TREES)
def test_all_that_is_public_says_what_it_is(module):
    """Overrides inherit the words of what they override."""
    assert ast.get_docstring(TREES[module])
    assert list(undocumented(TREES[module])) == []


def test_what_says_nothing_is_found():
    tree = ast.parse("class A:\n    'A.'\n    def m(self): ...\ndef f(): ...\ndef g():\n    'G.'\n")
    assert list(undocumented(tree)) == ["A.m", "f"]
