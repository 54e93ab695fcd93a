"""Four atoms in a chain with rigid bonds for GROMACS, with exact draws: angles and a torsion are all that moves.

Rigid bonds leave positions with the density exp(-U/kT) times the surface's volume in the metric of the masses. In
(θ1, θ2, φ) that is sin θ1 sin θ2 √det G, where G_ij = Σ_a ∇_a r_i · ∇_a r_j / m_a of the bonds' lengths r: tridiagonal,
and a function of both angles. The light atoms are in the middle, so that G matters.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cvflow.engines.external import ExternalSpec, Gromacs
from cvflow.engines.external.gromacs import prepared
from tests.engines.external.butane import BOX, KT, LENGTH, MDP, PLUMED, drawn, internal, placed, twist
from tests.engines.external.butane import TOP as FLEXIBLE

MASSES = (12.0, 2.0, 3.0, 12.0)


def metric(t: np.ndarray) -> np.ndarray:
    """det G at angles (..., 2)."""
    a, b, c = (1 / MASSES[i] + 1 / MASSES[i + 1] for i in range(3))
    first, second = np.cos(t[..., 0]) / MASSES[1], np.cos(t[..., 1]) / MASSES[2]
    return a * (b * c - second**2) - first**2 * c


@dataclass(frozen=True)
class RigidChain:
    """A chain with angles that bend around `angle` [degrees] with `bend` [kJ/mol/rad²]."""

    angle: float
    bend: float

    def exact_draws(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, 4, 3) [nm]."""
        ceiling = np.sqrt(metric(np.full(2, np.pi / 2)))
        parts: list[np.ndarray] = []
        while sum(map(len, parts)) < count:
            pairs = np.stack([self._angles(count, rng), self._angles(count, rng)], axis=1)
            parts.append(pairs[rng.random(count) < np.sqrt(metric(pairs)) / ceiling])
        phi = drawn(twist, -np.pi, np.pi, count, rng)
        return placed(np.full((3, count), LENGTH), np.concatenate(parts)[:count].T, phi, rng)

    def energy(self, x: np.ndarray) -> np.ndarray:
        """Of configurations [kJ/mol]."""
        _, t, phi = internal(x)
        return 0.5 * self.bend * ((t - np.radians(self.angle)) ** 2).sum(axis=1) + twist(phi)

    def observables(self, x: np.ndarray) -> dict[str, np.ndarray]:
        _, t, phi = internal(x)
        c, bend = np.cos(t), ((t - np.radians(self.angle)) ** 2).sum(axis=1)
        return {
            "cos φ": np.cos(phi),
            "sin φ": np.sin(phi),
            "cos 2φ": np.cos(2 * phi),
            "sin 2φ": np.sin(2 * phi),
            "torsion": twist(phi),
            "cos θ1": c[:, 0],
            "cos θ2": c[:, 1],
            "cos θ1 cos θ2": c[:, 0] * c[:, 1],
            "metric": metric(t),
            "log metric": np.log(metric(t)),
            "bend": bend,
            "bend sin φ": bend * np.sin(phi),
            "cos θ1 cos φ": c[:, 0] * np.cos(phi),
        }

    def write_files(self, folder: Path) -> None:
        """topol.top and a structure."""
        masses = "".join(f"{i} X{i} 1 CHN C{i} {i} 0.0 {mass}\n" for i, mass in enumerate(MASSES, 1))
        head, tail = FLEXIBLE.split("[ atoms ]\n")[0], "[ dihedrals ]" + FLEXIBLE.split("[ dihedrals ]")[1]
        bonds = "".join(f"{i} {i + 1} 1 {LENGTH} 1000\n" for i in (1, 2, 3))
        angles = "".join(f"{i} {i + 1} {i + 2} 1 {self.angle} {self.bend}\n" for i in (1, 2))
        (folder / "topol.top").write_text(f"{head}[ atoms ]\n{masses}[ bonds ]\n{bonds}[ angles ]\n{angles}{tail}")
        x = self.exact_draws(1, np.random.default_rng(0))[0]
        rows = (
            f"{1:5d}{'CHN':<5s}{f'C{i}':>5s}{i:5d}{''.join(f'{c:8.3f}' for c in row)}\n" for i, row in enumerate(x, 1)
        )
        (folder / "start.gro").write_text(f"chain\n    4\n{''.join(rows)}{BOX:10.5f}{BOX:10.5f}{BOX:10.5f}\n")

    def _angles(self, count: int, rng: np.random.Generator) -> np.ndarray:
        centre = np.radians(self.angle)
        return drawn(lambda t: 0.5 * self.bend * (t - centre) ** 2 - KT * np.log(np.sin(t)), 0.02, 3.12, count, rng)


STIFF = RigidChain(112.0, 600.0)
"""For jumps: their restraint throws softer angles to where no torsion is defined, and stiff ones have shadow work."""

SOFT = RigidChain(125.0, 20.0)
"""Whose angles go far enough for the metric to show in their distribution."""


def spec(folder: str, action: str, timestep: float) -> ExternalSpec:
    """The files of `write_files` with all bonds as constraints."""
    files = Path(folder)
    mdp = f"{MDP}constraints = all-bonds\n"
    program = prepared(Gromacs(mdp, str(files / "topol.top"), str(files / "start.gro"), maxwarn=3))
    return ExternalSpec(program, PLUMED, ("phi",), action, KT, timestep)
