"""One name, one thing: what a name of the package means does not depend on the module that it is read in."""

import ast
from collections import defaultdict

from tests.test_layers import MODULES, PACKAGE

SAME_EVERYWHERE = {"app"}
"""Typer's word for a group of commands."""


def defined(tree):
    """Public classes, constants and types of a module's own."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_no_public_class_constant_or_type_has_its_name_from_two_modules():
    homes = defaultdict(list)
    for path in MODULES:
        for name in defined(ast.parse(path.read_text(encoding="utf-8"))):
            if not name.startswith("_") and name not in SAME_EVERYWHERE:
                homes[name].append(str(path.relative_to(PACKAGE)))
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}
