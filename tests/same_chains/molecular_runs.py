"""Runs of molecules on OpenMM, LAMMPS and ASE, from configs and from Python, and of a program of the user's own."""

import struct
import sys
from pathlib import Path
from typing import Any

from tests.same_chains.short_run import FLOW, ShortRun, fixed, made_of

_PROGRAM = Path(__file__).parents[1] / "engines" / "external" / "program.py"
_SMALL = {"name": "polymer", "parameters": {"n_solvent": 8, "density": 0.05}}
_ENDS = fixed([3.53], [5.65], sigmas=[0.3])


_PLAIN = {"jumps": None, "files": None, "needs": None, "quick": True}


def _molecules(
    system: dict[str, Any], path: dict[str, Any], run: dict[str, Any] | None = None, engine: str = "openmm", **rest: Any
) -> ShortRun:
    """Two walkers of molecules; a learned flow unless there is a proposal."""
    jumps, files, needs, quick = (rest.pop(word, plain) for word, plain in _PLAIN.items())
    learned = {} if "proposal" in rest else {"flow": FLOW | {"retrain_every": 4}}
    sections = {
        "run": {
            "seed": 7,
            "walkers": 2,
            "adapt_jumps": 4,
            "adapt_limit": 1,
            "jumps": 6,
            "local_steps": 10,
            **(run or {}),
        },
        "system": system,
        "engine": {"name": engine} | ({"platform": "Reference"} if engine == "openmm" and quick else {}),
        "path": {"steps": 20, **path},
        **learned,
        **rest,
    }
    return made_of(sections, jumps, files, needs=needs, quick=quick)


_BEADS = [
    {"name": "r", "type": "distance", "atoms": [0, 8], "unit": ""},
    {"name": "beads", "type": "positions", "atoms": list(range(9)), "unit": ""},
]

_MANY = [
    {"name": "r", "type": "distance", "atoms": [0, 8]},
    {"name": "a", "type": "angle", "atoms": [0, 4, 8]},
    {"name": "t", "type": "torsion", "atoms": [0, 3, 5, 8]},
    {"name": "g", "type": "gyration", "atoms": list(range(9))},
    {"name": "k", "type": "anisotropy", "atoms": list(range(9))},
    {"name": "n", "type": "coordination", "atoms": [0, 1], "atoms2": [7, 8], "r0": 2.0, "unit": ""},
    {"name": "d", "type": "centre-distance", "atoms": [0, 1], "atoms2": [7, 8]},
    {"name": "s", "type": "combination", "coefficients": [1.0, -0.5], "of": [
        {"name": "s1", "type": "distance", "atoms": [0, 4]}, {"name": "s2", "type": "distance", "atoms": [4, 8]},
    ]},
    {"name": "p", "python": "cvs.py:far", "atoms": [0, 2, 8]},
]  # fmt: skip
_FAR = "def far(x):\n    return (x[:, 2] - x[:, 0]).norm(dim=1) + 0.2 * (x[:, 1] - x[:, 0]).norm(dim=1)\n"
_ANYWHERE = fixed(
    [3.5, 1.2, 0.0, 1.7, 0.5, 0.8, 3.3, 1.4, 4.1], [5.6, 2.2, 1.0, 2.1, 0.7, 0.3, 5.2, 1.6, 6.2],
    sigmas=[0.4, 0.4, 1.5, 0.2, 0.2, 0.4, 0.5, 0.4, 0.5],
)  # fmt: skip

_OPENMM = {
    "polymer, openmm, flow, resumed": _molecules(
        {"name": "polymer"}, {"timestep": 0.014, "steps": 60}, {"jumps": 3}, jumps=5, quick=False
    ),
    "polymer, openmm, friction, cosine": _molecules(
        _SMALL, {"timestep": 0.01, "friction": 0.5, "schedule": "cosine", "steps": 40}, proposal=_ENDS
    ),
    "polymer, openmm, early rejection from adaptation's works": _molecules(
        _SMALL, {"timestep": 0.012, "steps": 60}, {"adapt_jumps": 60, "jumps": 8, "local_steps": 5}, proposal=_ENDS,
        quick=False,
    ),
    "polymer, openmm, local langevin, skips": _molecules(
        _SMALL, {"timestep": 0.012, "kappa": 300.0, "within_states": False}, {"local": "langevin"}, proposal=_ENDS,
        quick=False,
    ),
    "polymer, openmm, every kind of CV": _molecules(
        _SMALL, {"timestep": 0.005, "steps": 15, "early_rejection": False}, cv=_MANY, files={"cvs.py": _FAR},
        states={"compact": "r < 4.62", "extended": "r >= 4.62"}, proposal=_ANYWHERE, quick=False,
    ),
    "beads, held": _molecules(_SMALL, {"kernel": "langevin", "timestep": 0.014}, cv=_BEADS, quick=False),
    "beads, held, lengths kept": _molecules(
        _SMALL, {"kernel": "langevin", "timestep": 0.014, "way": "lengths"}, {"adapt_jumps": 2, "jumps": 2}, cv=_BEADS,
        quick=False,
    ),
    "beads, pulled": _molecules(_SMALL, {"kernel": "restraint", "timestep": 0.014}, cv=_BEADS, quick=False),
    "alanine dipeptide, flow on the torus": _molecules(
        {"name": "alanine_dipeptide"}, {"timestep": 0.0015, "kappa": 600.0, "steps": 40}
    ),
}  # fmt: skip

_GAS = """
import openmm
import numpy as np
from openmm import app

import cvflow

system, topology, side = openmm.System(), app.Topology(), 1.5
system.setDefaultPeriodicBoxVectors((side, 0, 0), (0, side, 0), (0, 0, side))
topology.setPeriodicBoxVectors(side * np.eye(3))
bond = openmm.CustomBondForce("60*((r-0.3)^2/0.01-1)^2")
bond.setUsesPeriodicBoundaryConditions(True)
chain = topology.addChain()
for molecule in range(6):
    residue = topology.addResidue("AR2", chain)
    pair = [topology.addAtom(name, app.element.argon, residue) for name in "AB"]
    topology.addBond(*pair)
    system.addParticle(1.0)
    system.addParticle(3.0)
    bond.addBond(2 * molecule, 2 * molecule + 1)
system.addForce(bond)
system.addForce(openmm.MonteCarloBarostat(60.0, 240.0, 5))
place = np.random.default_rng(3)
centres = place.uniform(0.4, 1.1, (6, 1, 3))
near, far = (centres + np.array([[[0.0, 0, 0], [length, 0, 0]]]) for length in (0.21, 0.39))
of_force = openmm.CustomBondForce("r")
of_force.addBond(0, 1)
cvflow.sample(
    cvflow.openmm_system(topology, system, temperature=240),
    [cvflow.cv.CV],
    {"near": "d < 0.3", "far": "d >= 0.3"},
    {"near": near.reshape(-1, 3), "far": far.reshape(-1, 3)},
    out="out", quiet=True, workers=1, seed=7, walkers=2, adapt_jumps=2, adapt_limit=1, jumps=6, local_steps=10,
    path={"steps": STEPS, "timestep": 0.002}, engine={"platform": "Reference"},
    proposal={"means": [[0.21], [0.39]], "sigmas": [[0.03], [0.03]], "weights": [0.4, 0.6]},
)
"""


def _script(text: str, **rest: Any) -> ShortRun:
    return ShortRun({"script.py": text}, ((("script.py",), 16),), **rest)


def _gas(cv: str, steps: str, **rest: Any) -> ShortRun:
    return _script(_GAS.replace("CV", cv).replace("STEPS", steps), **rest)


_PYTHON = {
    "gas at constant pressure, the Python API": _gas('distance("d", 0, 1)', "20", quick=True),
    "gas at constant pressure, CV of a force": _gas('from_force("d", of_force)', "20"),
    "gas at constant pressure, path length auto": _gas('distance("d", 0, 1)', '"auto"'),
}

_DRIVEN = {
    "run": {"seed": 7, "walkers": 2, "adapt_jumps": 4, "adapt_limit": 1, "jumps": 8, "local_steps": 6},
    "system": {"starts": {"left": "left", "right": "right"}},
    "engine": {"name": "custom"},
    "drive": {
        "action": "CVFlow.so",
        "commands": [f"{sys.executable} -I -S program.py {{steps}} {{seed}} {{timestep}} {{kT}}"],
        "inputs": ["program.py"],
        "state_files": ["x.bin", "y.txt"],
        "kT": 0.8,
    },
    "cv": [{"name": "x", "plumed": "x: POSITION ATOM=1"}],
    "path": {"steps": 30, "timestep": 0.05, "kappa": 20.0},
    "flow": FLOW | {"retrain_every": 4},
    "states": {"left": "x < 0", "right": "x >= 0"},
}


def _starts(folder: Path) -> None:
    """A state of the program's at each side, and what it takes for PLUMED's action."""
    (folder / "CVFlow.so").write_bytes(b"the action")
    for name, place in (("left", -1.0), ("right", 1.0)):
        (folder / name).mkdir()
        (folder / name / "x.bin").write_bytes(struct.pack("<d", place))
        (folder / name / "y.txt").write_text(f"{place!r}\n")


_OTHERS = {
    "polymer, lammps": _molecules(
        _SMALL, {"timestep": 0.01, "friction": 0.5, "kappa": 300.0, "steps": 40}, engine="lammps", proposal=_ENDS,
        needs="lammps",
    ),
    "ag6, ase": _molecules(
        {"name": "ag6"}, {"timestep": 0.015, "kappa": 1000.0, "steps": 8},
        {"adapt_jumps": 2, "jumps": 3, "local_steps": 4}, engine="ase",
        proposal=fixed([0.1], [0.35], sigmas=[0.06]), needs="ase", quick=False,
    ),
    "a program of one's own": made_of(
        _DRIVEN, files={"program.py": _PROGRAM.read_text()}, quick=True, prepare=_starts
    ),
}  # fmt: skip

MOLECULES: dict[str, ShortRun] = _OPENMM | _PYTHON | _OTHERS
"""By name."""
