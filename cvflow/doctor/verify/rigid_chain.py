"""Four atoms in a chain with rigid bonds, with exact draws: angles and a torsion are all that moves.

Rigid bonds leave positions with the density exp(-U/kT) times the surface's volume in the metric of the masses. In
(θ1, θ2, φ) that is sin θ1 sin θ2 √det G, where G_ij = Σ_a ∇_a r_i · ∇_a r_j / m_a of the bonds' lengths r: tridiagonal,
and a function of both angles. The light atoms are in the middle, so that G matters.
"""

from dataclasses import dataclass

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.doctor.verify.four_atoms import KT_AT_300 as KT
from cvflow.doctor.verify.four_atoms import LENGTH, TORSION, Drawn, drawn, internal, placed, twist

CHAIN_MASSES = (12.0, 2.0, 3.0, 12.0)


def metric(t: Float[np.ndarray, "*shape 2"]) -> Float[np.ndarray, " *shape"] | float:
    """Det G at both angles."""
    a, b, c = (1 / CHAIN_MASSES[i] + 1 / CHAIN_MASSES[i + 1] for i in range(3))
    first, second = np.cos(t[..., 0]) / CHAIN_MASSES[1], np.cos(t[..., 1]) / CHAIN_MASSES[2]
    return a * (b * c - second**2) - first**2 * c


@dataclass(frozen=True)
class RigidChain:
    """One such chain.

    Attributes:
        angle: around which both angles bend [degrees].
        bend: how stiffly [kJ/mol/rad²].
    """

    angle: float
    bend: float

    def exact_draws(self, count: int, rng: np.random.Generator) -> Drawn:
        """Drawn from the Boltzmann distribution on the surface [nm]."""
        ceiling = np.sqrt(metric(np.full(2, np.pi / 2)))
        parts: list[np.ndarray] = []
        while sum(map(len, parts)) < count:
            pairs = np.stack([self._angles(count, rng), self._angles(count, rng)], axis=1)
            parts.append(pairs[rng.random(count) < np.sqrt(metric(pairs)) / ceiling])
        phi = drawn(twist, -np.pi, np.pi, count, rng)
        return placed(np.full((3, count), LENGTH), np.concatenate(parts)[:count].T, phi, rng)

    def energy(self, x: Drawn) -> Float[np.ndarray, " draws"]:
        """Of configurations [kJ/mol]."""
        _, t, phi = internal(x)
        return 0.5 * self.bend * ((t - np.radians(self.angle)) ** 2).sum(axis=1) + twist(phi)

    def system(self) -> openmm.System:
        """With all bonds as constraints."""
        system = openmm.System()
        for mass in CHAIN_MASSES:
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

    def observables(self, x: Drawn) -> dict[str, Float[np.ndarray, " draws"]]:
        """Functions of configurations, joint ones among them."""
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

    def _angles(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, " count"]:
        centre = np.radians(self.angle)
        return drawn(lambda t: 0.5 * self.bend * (t - centre) ** 2 - KT * np.log(np.sin(t)), 0.02, 3.12, count, rng)


STIFF_CHAIN = RigidChain(112.0, 600.0)
"""For jumps: their restraint throws softer angles to where no torsion is defined, and stiff ones have shadow work."""

SOFT_CHAIN = RigidChain(125.0, 20.0)
"""Whose angles go far enough for the metric to show in their distribution."""


def largest_z(before: Drawn, after: Drawn, power: float) -> float:
    """Over the observables of moves from exact draws, were the draws' density multiplied by this power of det G."""
    weight = metric(internal(before)[1]) ** power
    old, new = SOFT_CHAIN.observables(before), SOFT_CHAIN.observables(after)
    differences = np.array([weight / weight.mean() * (new[name] - old[name]) for name in old])
    return float(np.abs(differences.mean(axis=1) / (differences.std(axis=1) / np.sqrt(len(before)))).max())
