"""Writes docs/modules.md, the package room by room, from the layers that are tested and from the modules' own words:

python -m tests.house
"""

import ast
from pathlib import Path

from tests.test_layers import LAYERS, MODULES, PACKAGE, room

DOCUMENT = PACKAGE.parent / "docs" / "modules.md"

HEAD = """# Modules

Written by `python -m tests.house`; do not edit. `tests/test_layers.py` holds the order and checks it, and that this
page is up to date. How the rooms work together is in architecture.md.

## Layers

A module imports from its own room or from rooms above it; no imports go in circles.

```text
{layers}
```
"""


def first_line(path: Path) -> str:
    """What a module says it is."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def chapter(of: str) -> list[str]:
    """One room: what it is, and its modules."""
    files = [path for path in MODULES if room(path) == of]
    own = [path for path in files if path.name != "__init__.py"]
    head = [line for path in files if path == PACKAGE / of / "__init__.py" for line in (first_line(path), "")]
    return ["", f"## {of}", "", *head, *(f"- `{name(path)}`: {first_line(path)}" for path in own)]


def page() -> str:
    """The whole document."""
    layers = "\n".join("  ".join(sorted(layer)) for layer in LAYERS)
    rooms = [line for layer in LAYERS for of in sorted(layer) for line in chapter(of)]
    return HEAD.format(layers=layers) + "\n".join(rooms) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(page(), encoding="utf-8")
