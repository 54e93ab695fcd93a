"""Text whatever the locale: users' files, what is printed, and no file without an encoding of its own."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cvflow.cli.commands import execute
from cvflow.config.references import read_text
from cvflow.config.settings import ConfigError, load
from cvflow.host.text_file import text_of

PACKAGE = Path(__file__).parents[2] / "cvflow"
CONFIG = '[system]\nname = "angle" # ξ\n[engine]\nname = "batch"\n'
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_mark_is_no_letter(encoding, tmp_path):
    (tmp_path / "config.toml").write_bytes(CONFIG.replace("\n", "\r\n").encode(encoding))
    assert load(tmp_path / "config.toml").system.name == "angle"
    assert text_of(tmp_path / "config.toml") == CONFIG


@pytest.mark.parametrize(("text", "encoding"), [("a = 1\n# Größe", "latin-1"), ("a = 1\n# ξ", "utf-16")])
def test_another_encoding_is_named_with_file_and_line(text, encoding, tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode(encoding))
    assert execute(["run", str(path)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    line = 2 if encoding == "latin-1" else 1
    assert said == f"cvflow: {path}: line {line} is not UTF-8: save the file in that encoding"
    with pytest.raises(ConfigError, match=r"engine.plumed: .* is not UTF-8"):
        read_text(path, "engine.plumed")


def test_greek_is_printed_in_the_c_locale():
    """As a question mark."""
    script = (
        "import cvflow.cli.commands as cli\n"
        "cli.execute = lambda words: print('\\u0394F \\u27e8\\u03be\\u27e9 \\u22121') or 0\n"
        "cli.main()"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | C_LOCALE, cwd=PACKAGE.parent)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "?F ??? ?1", "")


def _calls(path):
    """Calls that open text, without saying in which encoding."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        binary = any("b" in mode for mode in modes)
        on_path = isinstance(node.func, ast.Attribute) and not (
            isinstance(node.func.value, ast.Name) and node.func.value.id in ("os", "h5py")
        )
        if name in ("read_text", "write_text") and isinstance(node.func, ast.Attribute):
            yield node.lineno
        if name == "open" and not binary and (not isinstance(node.func, ast.Attribute) or on_path):
            yield node.lineno


def test_every_text_file_has_an_encoding():
    found = [f"{path.relative_to(PACKAGE)}:{line}" for path in PACKAGE.rglob("*.py") for line in _calls(path)]
    assert found == []
