"""plumed_plugin/regtest: PLUMED's own form of regression tests, run here as its script would run them."""

import subprocess

import numpy as np
import pytest

from cvflow.plumed_action import SOURCES

CASES = sorted((SOURCES / "regtest").glob("rt-*"))
SCRIPT = """
source ./config
if declare -F plumed_regtest_before > /dev/null; then plumed_regtest_before; fi
$plumed $type $arg
"""


def numbers(text):
    """Numbers of a table; words, such as those of headers, as they are."""
    words = text.split()
    values = [float(word) if word.lstrip("-")[:1].isdigit() else np.nan for word in words]
    return [word for word, value in zip(words, values, strict=True) if np.isnan(value)], np.array(values)


def test_there_are_cases():
    assert len(CASES) >= 4


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gives_its_references(case, plumed, library, tmp_path):
    for path in [*case.iterdir(), library]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "run.sh").write_text(f"plumed='{plumed.program}'\n{SCRIPT}")
    done = subprocess.run(["bash", "run.sh"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    references = list(case.glob("*.reference"))
    assert references
    for reference in references:
        words, expected = numbers(reference.read_text())
        found_words, found = numbers((tmp_path / reference.stem).read_text())
        assert found_words == words
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-4)
