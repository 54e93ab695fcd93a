"""The zoo's torsion as an OpenMM system: four atoms whose torsion has a mode across ±π, with exact draws.

The energy is written down here a second time, in OpenMM's algebra; test_molecule.py compares it with the density that
is drawn from.
"""

from dataclasses import dataclass

import numpy as np
import openmm
from scipy.special import i0

from cvflow.core.states import States
from cvflow.cv import torsion
from cvflow.doctor.verify.dumbbell import leaning
from cvflow.proposals.base import Proposal
from cvflow.proposals.mixture import GaussianMixture
from cvflow.sampler.interim_free_energy import InterimFreeEnergy, ProgressCoordinate
from tests.systems.exact import torsion as exact

KT = 1.0
MASSES = (1.0, 4.0, 12.0, 2.0)
_MODES = "+".join(
    f"{float(weight / (2 * np.pi * i0(kappa)))!r}*exp({kappa}*cos(phi-({mode!r})))"
    for weight, mode, kappa in ((0.3, -0.2, 8.0), (0.7, np.pi - 0.3, 5.0))
)
ENERGY = (
    f"-log({_MODES})"
    "+((r1-1)^2+(r2-1.3)^2+(r3-1.1-0.1*cos(phi-0.7))^2)/(2*0.05^2)"
    "+((t1-1.9-0.15*sin(phi))^2+(t2-1.9)^2)/(2*0.1^2)"
    "+((x1+x2+x3+x4)^2+(y1+y2+y3+y4)^2+(z1+z2+z3+z4)^2)/32;"
    "phi=dihedral(p1,p2,p3,p4);t1=angle(p1,p2,p3);t2=angle(p2,p3,p4);"
    "r1=distance(p1,p2);r2=distance(p2,p3);r3=distance(p3,p4)"
)


@dataclass(frozen=True)
class OnePeriod(Proposal):
    """A mixture wound round the circle, zero outside of [-π, π], as a density on a torus may be."""

    mixture: GaussianMixture
    version: int = 0

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return self.mixture.draw(count, rng)

    def log_density(self, points: np.ndarray) -> np.ndarray:
        return np.where(np.abs(points[:, 0]) <= np.pi, self.mixture.log_density(points), -np.inf)


BAD_FLOW = OnePeriod(GaussianMixture(((2.9,), (-0.9,)), ((0.6,), (0.9,)), (0.35, 0.65), (2 * np.pi,)))
"""Wrong weights, widths and positions; a good part of it lies across ±π."""


def system() -> openmm.System:
    system = openmm.System()
    for mass in MASSES:
        system.addParticle(mass)
    force = openmm.CustomCompoundBondForce(4, ENERGY)
    force.addBond([0, 1, 2, 3], [])
    system.addForce(force)
    return system


def cv():
    return torsion("phi", 0, 1, 2, 3)


def exact_draws(count: int, rng: np.random.Generator) -> np.ndarray:
    return exact.draw(count, rng)


def observables(x: np.ndarray) -> dict[str, np.ndarray]:
    """Functions of configurations (count, 4, 3), joint ones among them."""
    phi = exact.torsion(x)
    bonds = np.diff(x, axis=1)
    r = np.linalg.norm(bonds, axis=2)
    offset = r[:, 2] - exact.third_bond(phi)
    theta = np.arccos(-(bonds[:, 0] * bonds[:, 1]).sum(axis=1) / r[:, 0] / r[:, 1]) - exact.first_angle(phi)
    return {
        "cos φ": np.cos(phi),
        "sin φ": np.sin(phi),
        "cos 2φ": np.cos(2 * phi),
        "sin 2φ": np.sin(2 * phi),
        "trans": (np.abs(phi - 0.225) > 1.475).astype(float),
        "beyond -π": (phi < -2.6).astype(float),
        "before π": (phi > 2.6).astype(float),
        "r1": r[:, 0],
        "offset": offset,
        "offset²": offset**2,
        "offset cos φ": offset * np.cos(phi),
        "offset² sin φ": offset**2 * np.sin(phi),
        "angle": theta,
        "angle²": theta**2,
        "angle sin φ": theta * np.sin(phi),
        "centre²": (x.mean(axis=1) ** 2).sum(axis=1),
    }


def interim_free_energy() -> InterimFreeEnergy:
    """Between the modes, the short way round: not their free energy."""
    states = States({"cis": "-1.4 < phi < 1.4", "trans": "phi < -1.4 or phi > 1.4"}, ["phi"])
    return leaning(ProgressCoordinate(states, np.array([[-0.2], [np.pi - 0.3]]), np.ones(1), np.full(1, 2 * np.pi)))
