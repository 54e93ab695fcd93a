"""Small molecules in the formats of Amber, GROMACS, CHARMM, the PDB and mmCIF, and configs that name them."""

import shutil
import warnings
from pathlib import Path

import numpy as np
from openmm import app, unit

from cvflow.config.settings import parse
from cvflow.core.frames import Frame
from cvflow.setup import from_config
from cvflow.setup.starts.structure_file import read_structure
from cvflow.systems.peptide import alanine_dipeptide_positions, alanine_dipeptide_topology

DATA = Path(__file__).parents[1] / "data"
LONGER = 1.03
"""By how much the second state's start is larger than the first's."""

SYSTEMS = {
    "prmtop": {"prmtop": "alanine-dipeptide-implicit.prmtop"},
    "top": {"top": "benzene.top"},
    "psf": {"psf": "water_methanol.psf", "parameter_files": ["water_methanol.prm"]},
    "pdb": {"pdb": "molecule.pdb", "forcefield": ["amber14-all.xml"]},
    "cif": {"cif": "molecule.cif", "forcefield": ["amber14-all.xml"]},
}
ENDS = {"prmtop": (1, 18), "top": (0, 4), "psf": (1, 7), "pdb": (1, 18), "cif": (1, 18)}
"""Two atoms far from each other."""


def fill(folder: Path) -> None:
    """The molecules, and structures of them."""
    for file in DATA.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    topology, positions = alanine_dipeptide_topology(), alanine_dipeptide_positions(-1.4, 1.0)
    for name, kind in (("molecule.pdb", app.PDBFile), ("molecule.cif", app.PDBxFile)):
        with (folder / name).open("w") as file:
            kind.writeFile(topology, positions * unit.nanometer, file)


def first(kind: str, folder: Path) -> Frame:
    """The first state's start."""
    if kind == "psf":
        water = np.array([[0.08, 0.06, 0.0], [0.0, 0.0, 0.0], [-0.08, 0.06, 0.0]])
        methyl = np.array([[0, 0, 0], [0.06, 0.06, 0.06], [-0.06, -0.06, 0.06], [0.06, -0.06, -0.06]])
        hydroxyl = np.array([[-0.08, 0.08, -0.08], [-0.14, 0.1, -0.13]])
        return Frame(np.concatenate([water, methyl + 0.4, hydroxyl + 0.4]), None)
    names = {"prmtop": "alanine-dipeptide-implicit.inpcrd", "top": "benzene.gro"}
    return read_structure(names.get(kind, f"molecule.{kind}"), folder, "a test").frame


def config(kind, folder, starts=None, engine=None, **system):
    """A run of one of them from two starts, written as XTC unless others are named."""
    frame = first(kind, folder)
    one, other = (int(atom) for atom in ENDS[kind])
    apart = np.linalg.norm(frame.positions[one] - frame.positions[other])
    if starts is None:
        write_frames(folder / "two.xtc", [frame.positions, LONGER * frame.positions], frame.box)
        starts = {"short": "two.xtc:0", "long": "two.xtc:1"}
    middle = float(apart * (1 + LONGER) / 2)
    return parse(
        {
            "run": {"walkers": 2, "adapt_jumps": 2, "adapt_limit": 1, "jumps": 2, "local_steps": 10},
            "engine": {"temperature": 300.0, "platform": "Reference"} | (engine or {}),
            "system": SYSTEMS[kind] | {"starts": starts} | system,
            "cv": [{"name": "d", "type": "distance", "atoms": [one, other]}],
            "states": {"short": f"d < {middle}", "long": f"d >= {middle}"},
            "path": {"steps": 20},
        },
        "a test",
    )


def build(kind, folder, **changed):
    return from_config(config(kind, folder, **changed), folder)


def write_frames(path, frames, box=None):
    """Positions [nm] as a trajectory, or whatever MDAnalysis writes by the file's ending."""
    import MDAnalysis

    universe = MDAnalysis.Universe.empty(len(frames[0]), trajectory=True)
    with warnings.catch_warnings(), MDAnalysis.Writer(str(path), len(frames[0])) as writer:
        warnings.simplefilter("ignore")
        for positions in frames:
            universe.atoms.positions = 10 * positions
            if box is not None:
                universe.dimensions = [*(10 * np.linalg.norm(box, axis=1)), 90, 90, 90]
            writer.write(universe.atoms)
