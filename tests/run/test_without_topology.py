"""A run goes on whatever has become of topology.pdb, and names that no PDB can hold do not stop it."""

import shutil
from pathlib import Path

import MDAnalysis
import numpy as np
import openmm
import pytest
from openmm import app

import cvflow
from cvflow.estimate.summary import summarise
from cvflow.run import run_folder
from cvflow.store import read_record


def molecule(names):
    topology, system, force = app.Topology(), openmm.System(), openmm.HarmonicBondForce()
    residue = topology.addResidue("MOL", topology.addChain())
    for name in names:
        topology.addAtom(name, app.element.carbon, residue)
        system.addParticle(12.0)
    for first in range(len(names) - 1):
        force.addBond(first, first + 1, 0.15, 1000.0)
    system.addForce(force)
    return cvflow.openmm_system(topology, system, 300.0)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run of a molecule whose names PDB has no room for, and two of which are one."""
    out = tmp_path_factory.mktemp("names") / "out"
    left, right = (np.array([[0.0, 0, 0], [x, 0, 0], [x, 0.15, 0]]) for x in (0.13, 0.17))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvflow.run.run_folder.write_report", lambda record, folder: summarise(record))
        cvflow.sample(
            molecule(["C1000", "C1001", "C1001"]), [cvflow.cv.distance("r", 0, 1)],
            {"left": "r < 0.15", "right": "r >= 0.15"}, {"left": left, "right": right}, out=out, walkers=2,
            adapt_jumps=0, jumps=2, local_steps=4, path={"steps": 4}, engine={"platform": "Reference"}, workers=1,
            quiet=True, proposal={"means": [[0.13], [0.17]], "sigmas": [[0.01], [0.01]], "weights": [0.5, 0.5]},
        )  # fmt: skip
    return out


LOST = {
    "kept": lambda file: None,
    "gone": lambda file: file.unlink(),
    "nonsense": lambda file: file.write_text("no PDB"),
    "of fewer atoms": lambda file: file.write_text("\n".join([*file.read_text().splitlines()[:3], "END", ""])),
}


@pytest.mark.parametrize("what", LOST)
def test_a_run_goes_on_without_its_topology(begun, tmp_path, monkeypatch, what):
    out = Path(shutil.copytree(begun, tmp_path / "out"))
    before = (out / "topology.pdb").read_text()
    LOST[what](out / "topology.pdb")
    monkeypatch.setattr("cvflow.run.run_folder.write_report", lambda record, folder: summarise(record))
    run_folder.resume(out, 4, lambda progress: None, 1)
    assert len(read_record(out / "run.h5").turns) == 2 * 4
    (out / "topology.pdb").write_text(before)
    universe = MDAnalysis.Universe(str(out / "topology.pdb"), str(out / "walker_0.xtc"), to_guess=())
    assert len(universe.trajectory) == 4
    assert universe.atoms.names.tolist() == ["C1", "C2", "C3"]
    last = read_record(out / "run.h5").commit.frames[0].positions
    universe.trajectory[-1]
    np.testing.assert_allclose(0.1 * universe.atoms.positions, last, atol=6e-4)
