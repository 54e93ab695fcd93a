"""The documentation site: it builds without a warning, needs no network, and its references hold all that there is."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer.main

import cvflow
from cvflow.cli.commands import app
from cvflow.config.cv_section import SECTIONS
from cvflow.config.settings import Config

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages, by their names."""
    if find_spec("mkdocs") is None or find_spec("mkdocstrings") is None:
        pytest.skip("NO MKDOCS: the documentation site is not built (pip install 'cvflow[docs]')")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}


def text(page):
    return re.sub(r"<[^>]+>", "", page)


def test_all_pages_are_there(site):
    """Also those that are made. A page that the navigation leaves out, or a link to nothing, ends the build."""
    names = {path.stem for path in (ROOT / "docs").glob("*.md")} | {"index", "config", "commands", "changelog"}
    assert names | {"contributing", "404"} == {Path(name).stem for name in site}


def test_it_needs_no_network(site):
    for page in site.values():
        assert not re.findall(r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//[^"]+"', page)
        assert not re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect)"[^>]+href="(?:https?:)?//[^"]+"', page)


def test_every_section_and_cv_of_the_config_has_its_words(site):
    page = text(site["config.html"])
    for section in Config.model_fields:
        assert f"[{section}]" in page
    for section in SECTIONS:
        assert all(word in page for word in section.model_fields)
    assert page.count("whole number from 1") > 5


def test_every_command_has_its_place(site):
    group = typer.main.get_command(app)
    assert all(f"cvflow {name}" in text(site["commands.html"]) for name in group.commands)


def test_every_public_name_has_its_place(site):
    page = site["api.html"]
    names = set(cvflow.__all__) - {"__version__", "cv"}
    functions = {name for name in cvflow.cv.__all__ if name[0].islower() and name != "resolve"}
    found = set(re.findall(r'id="cvflow\.[a-z0-9_.]*\b(\w+)"', page))
    assert not (names | functions) - found
