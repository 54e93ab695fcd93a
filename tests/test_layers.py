"""The direction of imports: a module imports only from its own layer or from those before it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cvflow"
LAYERS = [
    {"units", "state", "random", "interrupt"},
    {"cv", "schedule"},
    {"flow", "accept", "states"},
    {"engine"},
    {"jump", "local"},
    {"store", "trajectory"},
    {"plan", "walker", "run"},
    {"estimate"},
    {"report"},
    {"systems"},
    {"config", "presets", "build"},
    {"progress", "project", "api", "cli"},
]
ROOMS = {name: level for level, names in enumerate(LAYERS) for name in names}
PHYSICS = {"units", "state", "random", "cv", "schedule", "accept", "engine", "jump", "local", "walker"}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "cvflow" and len(parts) > 1 and parts[1] in ROOMS:
                rooms.add(parts[1])
    return rooms


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    for other in imported_rooms(path) - {room(path)}:
        assert ROOMS[other] <= ROOMS[room(path)], f"{path.name} ({room(path)}) imports {other}"


def test_every_module_has_a_layer():
    assert {room(path) for path in MODULES} == set(ROOMS)


def test_a_worker_needs_no_torch():
    """Worker processes start without torch: the physics rooms import it nowhere, `flow` only behind its Proposal."""
    for path in MODULES:
        if room(path) in PHYSICS:
            imports = {alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)
                       for alias in node.names}  # fmt: skip
            assert not imports & {"torch", "zuko"}, path


def test_only_accept_decides():
    """The acceptance formula stands in one place: nobody else draws a Metropolis decision."""
    for path in MODULES:
        if room(path) != "accept":
            assert "math.log(1.0 - rng" not in path.read_text()
