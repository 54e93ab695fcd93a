"""Four atoms in a chain with rigid bonds, with exact draws: angles and a torsion are all that moves.

Rigid bonds leave positions with the density exp(-U/kT) times the surface's volume in the metric of the masses. In
(θ1, θ2, φ) that is sin θ1 sin θ2 √det G, where G_ij = Σ_a ∇_a r_i · ∇_a r_j / m_a of the bonds' lengths r: tridiagonal,
and a function of both angles. The light atoms are in the middle, so that G matters.
"""

from dataclasses import dataclass

import numpy as np
import openmm

from tests.engines.external.butane import KT, LENGTH, TORSION, drawn, internal, placed, twist

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

    def system(self) -> openmm.System:
        """With all bonds as constraints."""
        system = openmm.System()
        for mass in MASSES:
            system.addParticle(mass)
        for i in range(3):
            system.addConstraint(i, i + 1, LENGTH)
        angles, torsions = openmm.HarmonicAngleForce(), openmm.PeriodicTorsionForce()
        for i in range(2):
            angles.addAngle(i, i + 1, i + 2, np.radians(self.angle), self.bend)
        for phase, height, fold in TORSION:
            torsions.addTorsion(0, 1, 2, 3, fold, np.radians(phase), height)
        for force in (angles, torsions):
            system.addForce(force)
        return system

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

    def _angles(self, count: int, rng: np.random.Generator) -> np.ndarray:
        centre = np.radians(self.angle)
        return drawn(lambda t: 0.5 * self.bend * (t - centre) ** 2 - KT * np.log(np.sin(t)), 0.02, 3.12, count, rng)


STIFF = RigidChain(112.0, 600.0)
"""For jumps: their restraint throws softer angles to where no torsion is defined, and stiff ones have shadow work."""

SOFT = RigidChain(125.0, 20.0)
"""Whose angles go far enough for the metric to show in their distribution."""


def largest_z(before: np.ndarray, after: np.ndarray, power: float) -> float:
    """Over the observables of moves from exact draws, were the draws' density multiplied by this power of det G."""
    weight = metric(internal(before)[1]) ** power
    old, new = SOFT.observables(before), SOFT.observables(after)
    differences = np.array([weight / weight.mean() * (new[name] - old[name]) for name in old])
    return float(np.abs(differences.mean(axis=1) / (differences.std(axis=1) / np.sqrt(len(before)))).max())
