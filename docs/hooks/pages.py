"""Pages that are made when the site is built: from the README, the models of the config and the command line."""

from pathlib import Path
from typing import Any

import config_reference
import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.cli import get_docs_for_click

from cvflow.cli.commands import app

ROOT = Path(__file__).parents[2]
ABOVE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the checkout's top that are pages here."""

COMMANDS = """# The command line

Made from the program itself, when this site is built. Exit codes: 0 done, 1 the run failed (what it had is on disk), 2
misuse (one line, nothing touched), 75 stopped as asked, to be resumed; 129, 130 and 143 the same after SIGHUP, Ctrl-C
and SIGTERM ([long runs](jobs.md)).

"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and the examples that pages link to."""
    made = {file: (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](") for name, file in ABOVE.items()}
    made |= {"config.md": config_reference.page(), "commands.md": _commands()}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files.append(File(str(path.relative_to(ROOT)), str(ROOT), config.site_dir, use_directory_urls=False))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links out of docs/, as GitHub has them."""
    for name, page in ABOVE.items():
        markdown = markdown.replace(f"](../{name}", f"]({page}")
    return markdown.replace("](../examples/", "](examples/")


def _commands() -> str:
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="cvflow")
    text = get_docs_for_click(obj=command, ctx=context, name="cvflow")
    return COMMANDS + text[text.index("## ") :]
