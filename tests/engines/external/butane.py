"""Four atoms in a chain for GROMACS: bonds, angles and an asymmetric torsion, nothing else, with exact draws.

In internal coordinates the energy is a sum, so r, θ and φ are drawn one by one, with the weights r² and sin θ.
"""

from pathlib import Path

import numpy as np

from cvflow.doctor.verify.four_atoms import BOX, LENGTH, TORSION, drawn, internal, placed, twist
from cvflow.doctor.verify.four_atoms import KT_AT_300 as KT
from cvflow.engines.external import ExternalSpec, Gromacs
from cvflow.engines.external.gromacs import prepared

MASSES = (12.0, 4.0, 12.0, 3.0)
BOND = 8000.0  # kJ/mol/nm²
ANGLE, BEND = 112.0, 150.0  # degrees, kJ/mol/rad²
PLUMED = ("phi: TORSION ATOMS=1,2,3,4",)

TOP = f"""[ defaults ]
1 2 no 1.0 1.0
[ atomtypes ]
{"".join(f"X{i} {i} {mass} 0.0 A 0.0 0.0{chr(10)}" for i, mass in enumerate(MASSES, 1))}
[ moleculetype ]
chain 3
[ atoms ]
{"".join(f"{i} X{i} 1 CHN C{i} {i} 0.0 {mass}{chr(10)}" for i, mass in enumerate(MASSES, 1))}
[ bonds ]
{"".join(f"{i} {i + 1} 1 {LENGTH} {BOND}{chr(10)}" for i in (1, 2, 3))}
[ angles ]
{"".join(f"{i} {i + 1} {i + 2} 1 {ANGLE} {BEND}{chr(10)}" for i in (1, 2))}
[ dihedrals ]
{"".join(f"1 2 3 4 9 {phase} {height} {fold}{chr(10)}" for phase, height, fold in TORSION)}
[ system ]
chain
[ molecules ]
chain 1
"""
MDP = """cutoff-scheme = Verlet
pbc = xyz
verlet-buffer-tolerance = -1
nstlist = 20
rlist = 1.2
coulombtype = Cut-off
rcoulomb = 1.0
vdwtype = Cut-off
rvdw = 1.0
"""


def exact_draws(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 4, 3) [nm], in single precision as the states' files have it, anywhere and any way round in the box."""
    angle = np.radians(ANGLE)
    r = [drawn(lambda r: 0.5 * BOND * (r - LENGTH) ** 2 - 2 * KT * np.log(r), 0.02, 0.4, count, rng) for _ in range(3)]
    t = [
        drawn(lambda t: 0.5 * BEND * (t - angle) ** 2 - KT * np.log(np.sin(t)), 0.2, 3.1, count, rng) for _ in range(2)
    ]
    phi = drawn(twist, -np.pi, np.pi, count, rng)
    return placed(np.array(r), np.array(t), phi, rng)


def energy(x: np.ndarray) -> np.ndarray:
    """Of configurations [kJ/mol]."""
    r, t, phi = internal(x)
    bent = 0.5 * BEND * (t - np.radians(ANGLE)) ** 2
    return (0.5 * BOND * (r - LENGTH) ** 2).sum(axis=1) + bent.sum(axis=1) + twist(phi)


def value(x: np.ndarray) -> np.ndarray:
    return internal(x)[2]


def box() -> np.ndarray:
    return BOX * np.eye(3)


def observables(x: np.ndarray) -> dict[str, np.ndarray]:
    r, t, phi = internal(x)
    stretch, bend = (r - LENGTH) ** 2, (t - np.radians(ANGLE)) ** 2
    return {
        "cos φ": np.cos(phi),
        "sin φ": np.sin(phi),
        "cos 2φ": np.cos(2 * phi),
        "sin 2φ": np.sin(2 * phi),
        "torsion": twist(phi),
        "stretch": stretch.sum(axis=1),
        "bend": bend.sum(axis=1),
        "stretch cos φ": stretch.sum(axis=1) * np.cos(phi),
        "bend sin φ": bend.sum(axis=1) * np.sin(phi),
        "first bend cos φ": bend[:, 0] * np.cos(phi),
    }


def write_files(folder: Path) -> None:
    """topol.top and a structure."""
    (folder / "topol.top").write_text(TOP)
    (folder / "start.gro").write_text(structure(exact_draws(1, np.random.default_rng(0))[0]))


def structure(x: np.ndarray) -> str:
    """A .gro file."""
    atoms = "".join(
        f"{1:5d}{'CHN':<5s}{f'C{i}':>5s}{i:5d}{''.join(f'{c:8.3f}' for c in row)}\n" for i, row in enumerate(x, 1)
    )
    return f"chain\n    4\n{atoms}{BOX:10.5f}{BOX:10.5f}{BOX:10.5f}\n"


def spec(folder: str, action: str, timestep: float) -> ExternalSpec:
    files = Path(folder)
    program = prepared(Gromacs(MDP, str(files / "topol.top"), str(files / "start.gro"), maxwarn=3))
    return ExternalSpec(program, PLUMED, ("phi",), action, KT, timestep)
