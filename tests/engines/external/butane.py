"""Four atoms in a chain for GROMACS: bonds, angles and an asymmetric torsion, nothing else, with exact draws.

In internal coordinates the energy is a sum, so r, θ and φ are drawn one by one, with the weights r² and sin θ.
"""

from pathlib import Path

import numpy as np

from cvflow.core.units import thermal_energy
from cvflow.engines.external import ExternalSpec, Gromacs
from cvflow.engines.external.gromacs import prepared
from cvflow.proposals.mixture import GaussianMixture

KT = thermal_energy(300.0)
MASSES = (12.0, 4.0, 12.0, 3.0)
LENGTH, BOND = 0.15, 8000.0  # nm, kJ/mol/nm²
ANGLE, BEND = 112.0, 150.0  # degrees, kJ/mol/rad²
TORSION = ((60.0, 3.0, 1), (150.0, 4.0, 2), (20.0, 2.0, 3))  # degrees, kJ/mol, multiplicity
BOX = 3.0
PLUMED = ("phi: TORSION ATOMS=1,2,3,4",)
BAD_FLOW = GaussianMixture(((2.9,), (-0.7,)), ((0.4,), (0.35,)), (0.1, 0.9), (2 * np.pi,))
"""Wrong weights, widths and places."""

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


def twist(phi: np.ndarray) -> np.ndarray:
    """Energy of the torsion [kJ/mol]; GROMACS manual, proper dihedrals of type 9."""
    return np.sum([k * (1 + np.cos(n * phi - np.radians(phase))) for phase, k, n in TORSION], axis=0)


def drawn(energy, low: float, high: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """From exp(-energy/kT) on a fine grid, smeared over its cells."""
    edges = np.linspace(low, high, 4001)
    middle = 0.5 * (edges[1:] + edges[:-1])
    logs = -energy(middle) / KT
    weight = np.exp(logs - logs.max())
    cells = rng.choice(len(middle), count, p=weight / weight.sum())
    return middle[cells] + (rng.random(count) - 0.5) * (edges[1] - edges[0])


def exact_draws(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 4, 3) [nm], in single precision as the states' files have it, anywhere and any way round in the box."""
    angle = np.radians(ANGLE)
    r = [drawn(lambda r: 0.5 * BOND * (r - LENGTH) ** 2 - 2 * KT * np.log(r), 0.02, 0.4, count, rng) for _ in range(3)]
    t = [
        drawn(lambda t: 0.5 * BEND * (t - angle) ** 2 - KT * np.log(np.sin(t)), 0.2, 3.1, count, rng) for _ in range(2)
    ]
    phi = drawn(twist, -np.pi, np.pi, count, rng)
    return placed(np.array(r), np.array(t), phi, rng)


def placed(r: np.ndarray, t: np.ndarray, phi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Chains of lengths (3, count), angles (2, count) and torsions (count,), as `exact_draws` gives them."""
    count = len(phi)
    zero = np.zeros(count)
    first = np.stack([zero, zero, zero], axis=1)
    second = np.stack([r[0], zero, zero], axis=1)
    third = second + r[1][:, None] * np.stack([-np.cos(t[0]), np.sin(t[0]), zero], axis=1)
    along = (third - second) / r[1][:, None]
    normal = np.tile([0.0, 0.0, 1.0], (count, 1))
    across = np.cross(normal, along)
    arm = np.stack([-np.cos(t[1]), np.sin(t[1]) * np.cos(phi), np.sin(t[1]) * np.sin(phi)], axis=1)
    fourth = third + r[2][:, None] * (arm[:, :1] * along + arm[:, 1:2] * across + arm[:, 2:] * normal)
    x = np.stack([first, second, third, fourth], axis=1)
    turns, triangular = np.linalg.qr(rng.standard_normal((count, 3, 3)))
    turns *= np.sign(np.einsum("nii->ni", triangular))[:, None]
    turns[:, :, 0] *= np.linalg.det(turns)[:, None]
    placed = np.einsum("nij,nkj->nki", turns, x) + rng.random((count, 1, 3)) * BOX
    return placed.astype(np.float32).astype(float)


def internal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lengths (count, 3), angles (count, 2) and the torsion (count,), whichever image each atom is."""
    bonds = np.diff(x, axis=1)
    bonds -= BOX * np.round(bonds / BOX)
    r = np.linalg.norm(bonds, axis=2)
    cosines = -(bonds[:, :-1] * bonds[:, 1:]).sum(axis=2) / r[:, :-1] / r[:, 1:]
    a, b, c = np.swapaxes(bonds, 0, 1)
    n, m = np.cross(a, b), np.cross(b, c)
    phi = np.arctan2((np.cross(n, m) * b).sum(axis=1) / r[:, 1], (n * m).sum(axis=1))
    return r, np.arccos(cosines), phi


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
    x = exact_draws(1, np.random.default_rng(0))[0]
    atoms = "".join(
        f"{1:5d}{'CHN':<5s}{f'C{i}':>5s}{i:5d}{''.join(f'{c:8.3f}' for c in row)}\n" for i, row in enumerate(x, 1)
    )
    (folder / "start.gro").write_text(f"chain\n    4\n{atoms}{BOX:10.5f}{BOX:10.5f}{BOX:10.5f}\n")


def spec(folder: str, action: str, timestep: float) -> ExternalSpec:
    files = Path(folder)
    program = prepared(Gromacs(MDP, str(files / "topol.top"), str(files / "start.gro"), maxwarn=3))
    return ExternalSpec(program, PLUMED, ("phi",), action, KT, timestep)
