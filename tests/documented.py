"""Blocks of code and commands in README and docs, as a reader of Markdown finds them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PARSER = MarkdownIt("commonmark").enable("table")
MARK = re.compile(r"<!-- (run by|not run:) (.+?) -->", re.DOTALL)


class Block(NamedTuple):
    """A fenced block and the comment that stands before it, empty if none does."""

    page: str
    line: int
    language: str
    text: str
    mark: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of code, indented ones too, whose language is "indented"."""
    comment = ""
    for token in PARSER.parse(page.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block"):
            language = token.info.split()[0] if token.info else "indented" if token.type == "code_block" else ""
            yield Block(str(page.relative_to(ROOT)), token.map[0] + 1, language, token.content, comment)
        comment = token.content.strip() if token.type == "html_block" else ""


def words(page: Path) -> Iterator[str]:
    """Commands of cvflow in the text, where they have no holes."""
    for token in PARSER.parse(page.read_text(encoding="utf-8")):
        for child in token.children or []:
            if child.type == "code_inline" and re.match(r"cvflow [a-z]", child.content):
                yield child.content


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a block, in its order; those of a shell's own, which have none, are left out."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        command: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";&|"):
                if command:
                    yield command
                command = []
            else:
                command.append(word)
