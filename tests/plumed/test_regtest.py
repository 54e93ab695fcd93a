"""plumed_plugin/regtest: PLUMED's own form of regression tests, run here as its script would run them."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cvflow.host.plumed_action import SOURCES

CASES = sorted((SOURCES / "regtest").glob("rt-*"))
SCRIPT = """
source ./config
for file in $extra_files; do
  if [ "${file##*/}" = CVFlow.so ]; then cp "$library" .; else cp "$case/$file" .; fi
done
if declare -F plumed_regtest_before > /dev/null; then plumed_regtest_before || exit 1; fi
$plumed $type $arg > out 2> err || { cat err; exit 1; }
if declare -F plumed_regtest_after > /dev/null; then plumed_regtest_after; fi
true
"""
NUMBER = re.compile(r"-?\d+(?:\.(\d+))?(?:[eE][+-]?\d+)?")
ERROR = re.compile(r"error\(([^;]*)\);")
LITERAL = re.compile(r'"([^"]*)"')


def numbers(text):
    """Words that are none, numbers, and one unit of the last digit of each."""
    words = text.split()
    matches = [NUMBER.fullmatch(word) for word in words]
    units = [10.0 ** -len(match[1] or "") for match in matches if match]
    values = [float(match[0]) for match in matches if match]
    return [word for word, match in zip(words, matches, strict=True) if not match], np.array(values), np.array(units)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gives_its_references(case, plumed, library, tmp_path):
    for path in case.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "run.sh").write_text(f"plumed='{plumed.program}'\nlibrary='{library}'\ncase='{case}'\n{SCRIPT}")
    done = subprocess.run(["bash", "run.sh"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    references = list(case.glob("*.reference"))
    assert references
    for reference in references:
        words, expected, unit = numbers(reference.read_text())
        found_words, found, _ = numbers((tmp_path / reference.stem).read_text())
        assert found_words == words
        assert (np.abs(found - expected) <= 1.01 * unit + 1e-8 * np.abs(expected)).all(), reference.name


def source():
    return (SOURCES / "CVFlow.cpp").read_text()


def inputs():
    """All that the cases ask of the action."""
    lines = [line for case in CASES for name in ("plumed.dat", "wrong") for line in lines_of(case / name)]
    return [line for line in lines if "CVFLOW" in line]


def lines_of(path: Path):
    return path.read_text().splitlines() if path.exists() else []


def test_each_keyword_has_a_case():
    keywords = re.findall(r'keys\.(?:add\("\w+",|use\()"(\w+)"', source())
    assert len(keywords) >= 18
    for keyword in keywords:
        assert any(f"{keyword}=" in line for line in inputs()), keyword


def test_each_error_has_a_case():
    said = " ".join(line for case in CASES for line in lines_of(case / "errors.reference"))
    errors = [LITERAL.findall(error) for error in ERROR.findall(source())]
    assert len(errors) >= 20
    for literals in errors:
        for literal in literals:
            assert literal in said, literal
