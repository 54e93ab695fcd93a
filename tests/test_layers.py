"""The direction of imports: a module imports only from its own layer or from those before it."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "cvflow"
LAYERS = [
    {"host"},
    {"core"},
    {"cv", "store"},
    {"proposals"},
    {"estimate"},
    {"engines"},
    {"explore"},
    {"sampler"},
    {"report"},
    {"systems"},
    {"config"},
    {"setup"},
    {"run", "doctor"},
    {"api"},
    {"cli"},
]
"""The rooms, each in the order in which they may import: the one list of it (docs/architecture.md shows it)."""

ROOMS = {name: level for level, names in enumerate(LAYERS) for name in names}
PHYSICS = {"host", "core", "cv", "engines"}
WORKER = (
    "cvflow.host.worker",
    "cvflow.sampler.walkers.process",
    "cvflow.engines.openmm",
    "cvflow.engines.lammps",
    "cvflow.engines.ase",
    "cvflow.host.functions",
)
"""What worker processes import: all but the first two where the engine comes from."""


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imported(path: Path) -> frozenset[str]:
    """Modules, and names imported from them, whichever line of the file imports them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return frozenset(names)


def imported_rooms(path: Path) -> set[str]:
    parts = (name.split(".") for name in imported(path))
    return {part[1] for part in parts if part[0] == "cvflow" and len(part) > 1 and part[1] in ROOMS}


def module(name: str) -> Path | None:
    """The file of a module, if it is one of the package."""
    place = PACKAGE.parent.joinpath(*name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def imported_modules(path: Path) -> set[Path]:
    """The package's files that a file names: a submodule that is imported from its package stands for itself alone."""
    names = imported(path)
    packages = {name.rpartition(".")[0] for name in names if module(name)}
    found = {module(name) for name in names - packages}
    return {file for file in found if file and PACKAGE in file.parents} - {path}


def needed(name: str) -> set[Path]:
    """Every file of the package that is read when a module is imported, packages on the way included."""
    found: set[Path] = set()
    waiting = {name}
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        for place in (module(".".join(parts[: i + 1])) for i in range(len(parts))):
            if place and place not in found and name.startswith("cvflow"):
                found.add(place)
                waiting |= imported(place)
    return found


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    for other in imported_rooms(path) - {room(path)}:
        assert ROOMS[other] <= ROOMS[room(path)], f"{path.name} ({room(path)}) imports {other}"


def test_no_imports_go_in_circles():
    """Of modules, imports within functions counted in."""
    TopologicalSorter({path: imported_modules(path) for path in MODULES}).prepare()


def test_every_module_has_a_layer():
    assert {room(path) for path in MODULES} == set(ROOMS)


@pytest.mark.skipif(not (PACKAGE.parent / ".git").exists(), reason="not a checkout")
def test_no_module_is_hidden_from_git():
    """A pattern meant for another folder hides a package from commits, from ruff and from the wheel at once."""
    command = ["git", "check-ignore", "--no-index", *map(str, MODULES)]
    asked = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True)
    assert asked.stdout.splitlines() == []


def test_the_physics_knows_nothing_of_what_is_made_of_it():
    for path in MODULES:
        if room(path) in PHYSICS:
            assert imported_rooms(path) <= PHYSICS, path


def test_a_worker_needs_no_torch():
    """Worker processes start without torch: no module that they import imports it, not even `flow`'s Proposal."""
    files = set.union(*map(needed, WORKER))
    assert PACKAGE / "sampler" / "walkers" / "process.py" in files
    assert PACKAGE / "engines" / "openmm" / "engine.py" in files
    assert PACKAGE / "proposals" / "base.py" in files
    for path in files:
        assert not {name.split(".")[0] for name in imported(path)} & {"torch", "zuko"}, path


@pytest.mark.parametrize(
    ("command", "others"),
    [
        (f"import {', '.join(WORKER)}", ()),
        ("import cvflow; from cvflow.cli import execute; execute(['--help'])", ("numpy", "openmm", "scipy")),
    ],
    ids=["a worker", "the help"],
)
def test_torch_is_not_even_loaded(command, others):
    """As it is, third parties included: a worker, and the command that only shows its help."""
    asked = f"import sys; {command}; sys.exit(bool({{'torch', 'zuko', *{others}}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", asked], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_the_cvs_of_a_batch_are_not_among_the_cvs_of_molecules():
    """`cvflow.cv.batch` is a torch module: who wants it names it."""
    assert not any(name.startswith("cvflow.cv.batch") for name in imported(PACKAGE / "cv" / "__init__.py"))
    assert "torch" in imported(PACKAGE / "cv" / "batch.py")


def test_only_accept_decides():
    """The acceptance formula stands in one place: nobody else draws a Metropolis decision."""
    for path in MODULES:
        if path != PACKAGE / "core" / "acceptance.py":
            text = path.read_text()
            assert "math.log(1.0 - rng" not in text
            assert "(1.0 - uniform).log()" not in text


def test_a_run_is_put_together_in_one_place():
    """Plan, walkers and store meet in `Setup.run`: the run, its resumption, scans and tuning go through it."""
    calls = {
        path.relative_to(PACKAGE).as_posix(): len(re.findall(r"(?<!\w)Run\(", path.read_text())) for path in MODULES
    }
    assert {path: count for path, count in calls.items() if count} == {"setup/specification.py": 1}


def test_no_file_of_a_run_is_written_in_place():
    """`cvflow.host.atomic` alone replaces files; others write into folders that they have made for themselves."""
    own_folders = {PACKAGE / "engines" / "external", PACKAGE / "doctor", PACKAGE / "store"}
    own_files = {PACKAGE / "host" / "atomic.py", PACKAGE / "run" / "folder_lock.py"}
    writing = re.compile(r"\.write_(text|bytes)\(|open\(\W*[wax]|os\.(replace|rename)\(")
    for path in MODULES:
        if not own_folders & set(path.parents) and path not in own_files:
            assert not writing.search(path.read_text()), path


def test_the_page_of_modules_is_up_to_date():
    """`python -m tests.house` writes it."""
    from tests.house import DOCUMENT, page

    assert DOCUMENT.read_text(encoding="utf-8") == page(), "run python -m tests.house"
