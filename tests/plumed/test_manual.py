"""The inputs in the action's block of the manual, as they stand there."""

import re
import subprocess

import numpy as np
import pytest

from cvflow.host.plumed_action import SOURCES

INPUTS = re.findall(r"\\plumedfile\n(.*?)\\endplumedfile", (SOURCES / "CVFlow.cpp").read_text(), re.DOTALL)


@pytest.mark.parametrize("text", INPUTS, ids=["drawn", "given", "bias"])
def test_an_input_of_the_manual_runs(text, plumed, library, tmp_path):
    (tmp_path / "CVFlow.so").symlink_to(library)
    (tmp_path / "flow.cvf").write_bytes((SOURCES / "regtest" / "inputs" / "torus.cvf").read_bytes())
    (tmp_path / "plumed.dat").write_text(text)
    atoms = np.random.default_rng(0).normal(size=(17, 3)).tolist()
    (tmp_path / "one.xyz").write_text("17\n99 99 99\n" + "".join(f"X {x!r} {y!r} {z!r}\n" for x, y, z in atoms))
    done = subprocess.run(
        [plumed.program, "driver", "--plumed", "plumed.dat", "--ixyz", "one.xyz"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for printed in re.findall(r"PRINT.*FILE=(\w+)", text):
        rows = (tmp_path / printed).read_text().splitlines()
        assert len([row for row in rows if not row.startswith("#!")]) == 1
