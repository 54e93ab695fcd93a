"""What an installed package holds, by the build backend's own list of files."""

from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel():
    return {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}


def test_all_modules_are_in_it(wheel):
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "cvflow").rglob("*.py")}
    assert {name for name in wheel if name.endswith(".py")} == modules
    assert "cvflow/py.typed" in wheel


def test_the_page_and_the_action_find_their_files_in_it(wheel):
    templates = {str(path.relative_to(ROOT)) for path in (ROOT / "cvflow" / "report" / "templates").iterdir()}
    sources = {f"cvflow/{path.relative_to(ROOT)}" for path in (ROOT / "plumed_plugin").iterdir() if path.is_file()}
    assert len(templates) > 2
    assert len(sources) > 7
    assert templates | sources <= wheel


def test_no_tests_are_in_it(wheel):
    parts = {part for name in wheel for part in Path(name).parts}
    assert not [part for part in parts if part.startswith(("test", "regtest"))]
