"""Scripts as users write them: without a guard, through a pipe, with functions of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DISTANCE = 'cvflow.cv.distance("d", 0, 1)'
OWN = 'cvflow.cv.from_torch("d", apart, [0, 1], unit="nm")'
SCRIPT = """
import sys
sys.path.insert(0, "ROOT")
import numpy as np
import openmm
import cvflow
from openmm import app


def apart(x):
    return (x[:, 1] - x[:, 0]).norm(dim=1)


system, topology = openmm.System(), app.Topology()
residue = topology.addResidue("AR2", topology.addChain())
for name in "AB":
    topology.addAtom(name, app.element.argon, residue)
    system.addParticle(40.0)
wells = openmm.CustomBondForce("8*((r-1)^2/0.04-1)^2")
wells.addBond(0, 1)
system.addForce(wells)
GUARD
    result = cvflow.sample(
        cvflow.openmm_system(topology, system, temperature=300), [CV], {"near": "d < 1", "far": "d >= 1"},
        {"near": np.array([[0, 0, 0], [0.8, 0, 0]]), "far": np.array([[0, 0, 0], [1.2, 0, 0]])}, out="out", quiet=True,
        walkers=2, adapt_jumps=0, jumps=3, local_steps=5, path={"steps": 5}, engine={"platform": "Reference"},
        proposal={"means": [[0.8], [1.2]], "sigmas": [[0.1], [0.1]], "weights": [0.5, 0.5]}, workers=1,
    )
    print("sampled", len(result.record.turns), "turns")
"""


def script(cv=DISTANCE, guard="if True:"):
    return SCRIPT.replace("ROOT", str(ROOT)).replace("CV", cv).replace("GUARD", guard)


def run(arguments, folder, text=None):
    command = [sys.executable, "-W", "ignore", *arguments]
    return subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, timeout=300, check=False)


def written(folder, text):
    (folder / "script.py").write_text(text)
    return ["script.py"]


def test_a_script_needs_no_guard_and_no_file(tmp_path):
    done = run(["-"], tmp_path, script())
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "sampled 6 turns"


def test_a_guarded_script_gives_functions_of_its_own(tmp_path):
    done = run(written(tmp_path, script(OWN, 'if __name__ == "__main__":')), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "sampled 6 turns"


MENDS = {
    "not guarded": (lambda folder: (written(folder, script(OWN)), None), "script.py defines functions", "__main__"),
    "from a pipe": (lambda folder: (["-"], script(OWN)), "CV d is defined in", "put it into a file"),
}


@pytest.mark.parametrize("what", MENDS)
def test_functions_that_workers_cannot_have_are_refused_in_a_line(what, tmp_path):
    made, fault, mend = MENDS[what]
    done = run(*(lambda arguments, text: (arguments, tmp_path, text))(*made(tmp_path)))
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert fault in last, done.stderr
    assert mend in last
    assert "BrokenProcessPool" not in done.stderr
    assert not (tmp_path / "out" / "run.h5").exists()
