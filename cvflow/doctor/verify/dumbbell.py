"""A small OpenMM system with a known answer: three particles, an asymmetric double well on a distance.

A is tethered to the origin, B is bound to A by V(r) (a quartic and a Lennard-Jones, the latter through NonbondedForce
with cutoff and periodic box, so that the CPU platform runs its own neighbour lists in single precision), and C feels a
spring whose rest position moves with r, so C is orthogonal to the CV and coupled to it. Given r everything is Gaussian
or uniform on the sphere; p(r) ∝ r² exp(-βV(r)) is one quadrature. All distances are nearest images: GPUs put molecules
back into the box.
"""

import numpy as np
import openmm

from cvflow.core.early_rejection import PROGRESS
from cvflow.core.frames import Frame
from cvflow.core.states import States
from cvflow.cv import Distance, ForceCV, distance, from_force
from cvflow.sampler.interim_free_energy import InterimFreeEnergy, ProgressCoordinate

KT = 1.0
MASSES = (2.0, 3.0, 1.5)
WELL = "1.6*(1-((r-2.3)/0.8)^2)^2+0.8*(r-2.3)"
TETHER, COUPLING, SLOPE = 2.0, 4.0, 1.5
LJ_EPSILON, LJ_SIGMA, LJ_CUTOFF, BOX = 0.5, 0.9, 4.0, 20.0
GRID = np.linspace(0.3, 4.8, 20001)


def system() -> openmm.System:
    """The three particles and their forces."""
    system = openmm.System()
    for mass in MASSES:
        system.addParticle(mass)
    well = openmm.CustomBondForce(WELL)
    well.addBond(0, 1, [])
    tether = openmm.CustomExternalForce(f"{TETHER}/2*periodicdistance(x,y,z,0,0,0)^2")
    tether.addParticle(0, [])
    spring = f"{COUPLING}/2*pointdistance(x3,y3,z3,{SLOPE}*distance(p1,p2),0,0)^2"
    coupled = openmm.CustomCompoundBondForce(3, spring)
    coupled.setUsesPeriodicBoundaryConditions(True)
    coupled.addBond([0, 1, 2], [])
    pair = openmm.NonbondedForce()
    pair.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    pair.setCutoffDistance(LJ_CUTOFF)
    pair.setUseDispersionCorrection(False)
    for epsilon in (LJ_EPSILON, LJ_EPSILON, 0.0):
        pair.addParticle(0.0, LJ_SIGMA, epsilon)
    system.setDefaultPeriodicBoxVectors((BOX, 0, 0), (0, BOX, 0), (0, 0, BOX))
    for force in (well, tether, coupled, pair):
        system.addForce(force)
    return system


def native_cv() -> Distance:
    """The distance of A and B."""
    return distance("r", 0, 1)


def force_cv() -> ForceCV:
    """The same distance through CustomCVForce, the way of custom CVs."""
    bond = openmm.CustomCompoundBondForce(2, "distance(p1,p2)")
    bond.addBond([0, 1], [])
    return from_force("r", bond)


def density(r: np.ndarray) -> np.ndarray:
    """Normalised p(r) on a grid."""
    quartic = 1.6 * (1 - ((r - 2.3) / 0.8) ** 2) ** 2 + 0.8 * (r - 2.3)
    lennard_jones = np.where(r < LJ_CUTOFF, 4 * LJ_EPSILON * ((LJ_SIGMA / r) ** 12 - (LJ_SIGMA / r) ** 6), 0.0)
    weight = r**2 * np.exp(-(quartic + lennard_jones) / KT)
    return weight / np.trapezoid(weight, r)


def exact_draws(count: int, rng: np.random.Generator) -> np.ndarray:
    """Configurations from the Boltzmann distribution, (count, 3, 3)."""
    cumulative = np.cumsum(density(GRID))
    r = np.interp(rng.random(count), cumulative / cumulative[-1], GRID)
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    a = np.sqrt(KT / TETHER) * rng.standard_normal((count, 3))
    c = np.sqrt(KT / COUPLING) * rng.standard_normal((count, 3))
    c[:, 0] += SLOPE * r
    return np.stack([a, a + r[:, None] * direction, c], axis=1)


def observables(x: np.ndarray) -> dict[str, np.ndarray]:
    """Functions of configurations (count, 3, 3), joint ones among them."""
    bond = x[:, 1] - x[:, 0]
    r = np.linalg.norm(bond, axis=1)
    offset = x[:, 2, 0] - SLOPE * r
    return {
        "r": r,
        "r²": r**2,
        "r > 2.3": (r > 2.3).astype(float),
        "offset": offset,
        "offset²": offset**2,
        "offset r": offset * r,
        "offset² r": offset**2 * r,
        "c_y²": x[:, 2, 1] ** 2,
        "a²": (x[:, 0] ** 2).sum(axis=1),
        "a·n": (x[:, 0] * bond).sum(axis=1) / r,
        "n_z² r": bond[:, 2] ** 2 / r,
    }


def frames(x: np.ndarray) -> list[Frame]:
    """Of configurations (count, 3, 3)."""
    return [Frame(positions, None) for positions in x]


def interim_free_energy() -> InterimFreeEnergy:
    """What paths between the wells are held against: not their free energy, with a lean."""
    states = States({"near": "r < 2.3", "far": "r >= 2.3"}, ["r"])
    return leaning(ProgressCoordinate(states, np.array([[1.6], [3.0]]), np.ones(1), np.full(1, np.inf)))


def leaning(coordinate: ProgressCoordinate) -> InterimFreeEnergy:
    """Between two states."""
    profile = 0.5 + 6.0 * PROGRESS * (1 - PROGRESS) + 0.5 * np.sin(2 * np.pi * PROGRESS)
    profiles = np.zeros((2, 2, len(PROGRESS)))
    profiles[0, 1], profiles[1, 0] = profile, profile[::-1]
    return InterimFreeEnergy(coordinate, profiles, ~np.eye(2, dtype=bool))
