"""Nine beads in a Lennard-Jones solvent, stuck between a compact and an extended state.

Source: Tamagnone, Laio, Gabrié, JCTC 2024 (arXiv:2406.01524); parameters of the reference implementation.
"""

from dataclasses import asdict, dataclass
from itertools import pairwise, product
from typing import ClassVar

import numpy as np
import openmm
from jaxtyping import Float
from openmm import app
from scipy.optimize import brentq

from cvflow.core.frames import Frame, Positions
from cvflow.cv import CollectiveVariable, Distance, distance
from cvflow.engines.lammps import LammpsModel, LongBond
from cvflow.systems.base import AtomsReference
from cvflow.systems.parameters import check_positive


@dataclass(frozen=True)
class Polymer(AtomsReference):
    """The polymer, in reduced Lennard-Jones units (read: nm, ps, amu, kJ/mol).

    Solvent-solvent, solvent-bead and bead-bead pairs at least three bonds apart are Lennard-Jones, cut at 2.5 σ and
    switched from 2 σ by OpenMM's quintic; bonds hold neighbours and next neighbours; a quartic double well acts on the
    end-to-end distance.

    Raises:
        ValueError: a parameter is out of range, or the box is too small for the cutoff.
    """

    n_beads: int = 9
    n_solvent: int = 200
    density: float = 0.48
    kT: float = 1.3
    mass: float = 1.0
    epsilon: float = 1.0
    sigma: float = 1.0
    bond_12_k: float = 500.0
    bond_12_r0: float = 1.0
    bond_13_k: float = 500.0
    bond_13_r0: float = 1.63
    end_to_end_k: float = 9.1
    end_to_end_d0: float = 4.62
    end_to_end_alpha: float = 0.8

    name: ClassVar[str] = "polymer"
    summary: ClassVar[str] = "9-bead polymer in 200 Lennard-Jones solvent particles: compact and extended"
    engine: ClassVar[str] = "openmm"
    reference: ClassVar[str] = "arXiv:2406.01524, arXiv:2405.18160"

    def __post_init__(self) -> None:
        if self.n_beads < 5 or self.n_solvent < 1:
            raise ValueError(
                f"the polymer needs n_beads >= 5 and n_solvent >= 1, got {self.n_beads} and {self.n_solvent}"
            )
        check_positive(self.name, **asdict(self))
        if not self.bond_13_r0 < 2 * self.bond_12_r0:
            raise ValueError("polymer parameter bond_13_r0 must be below twice bond_12_r0")
        if self.box_side < 2 * self.cutoff:
            raise ValueError(
                f"the box side {self.box_side:.3f} is below twice the cutoff {self.cutoff}: "
                "raise n_solvent or lower density"
            )

    @property
    def box_side(self) -> float:
        """Side of the cubic box: the solvent's number density fixes it."""
        return (self.n_solvent / self.density) ** (1 / 3)

    @property
    def cutoff(self) -> float:
        """Where the Lennard-Jones function ends [nm, or the reduced unit]."""
        return 2.5 * self.sigma

    def system(self) -> openmm.System:
        system = openmm.System()
        side = self.box_side
        system.setDefaultPeriodicBoxVectors((side, 0, 0), (0, side, 0), (0, 0, side))
        for _ in range(self.n_beads + self.n_solvent):
            system.addParticle(self.mass)
        for force in (self._lennard_jones(), self._bonds(), self._end_to_end()):
            system.addForce(force)
        return system

    def _lennard_jones(self) -> openmm.NonbondedForce:
        force = openmm.NonbondedForce()
        force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
        force.setCutoffDistance(self.cutoff)
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(2.0 * self.sigma)
        force.setUseDispersionCorrection(False)
        for _ in range(self.n_beads + self.n_solvent):
            force.addParticle(0.0, self.sigma, self.epsilon)
        for apart in (1, 2):
            for i in range(self.n_beads - apart):
                force.addException(i, i + apart, 0.0, self.sigma, 0.0)
        return force

    def _bonds(self) -> openmm.HarmonicBondForce:
        force = openmm.HarmonicBondForce()
        for apart, r0, k in ((1, self.bond_12_r0, self.bond_12_k), (2, self.bond_13_r0, self.bond_13_k)):
            for i in range(self.n_beads - apart):
                force.addBond(i, i + apart, r0, k)
        return force

    def _end_to_end(self) -> openmm.CustomBondForce:
        force = openmm.CustomBondForce("well_k/4*(d/well_alpha)^4-well_k*(d/well_alpha)^2; d=r-well_d0")
        force.addGlobalParameter("well_k", self.end_to_end_k)
        force.addGlobalParameter("well_d0", self.end_to_end_d0)
        force.addGlobalParameter("well_alpha", self.end_to_end_alpha)
        force.addBond(0, self.n_beads - 1, [])
        return force

    def lammps(self) -> LammpsModel:
        """The same in LAMMPS, whose lj/mdf has OpenMM's switch written (1-x)^3 (1+3x+6x²)."""
        side, beads = self.box_side, self.n_beads
        bonds = [(kind, i, i + kind) for kind in (1, 2) for i in range(1, beads + 1 - kind)]
        commands = [
            "units lj",
            "atom_style bond",
            "atom_modify map array",
            f"region box block 0 {side!r} 0 {side!r} 0 {side!r}",
            "create_box 1 box bond/types 2 extra/bond/per/atom 4 extra/special/per/atom 4",
            f"create_atoms 1 random {beads + self.n_solvent} 1 box",
            f"mass 1 {self.mass!r}",
            f"pair_style lj/mdf {2.0 * self.sigma!r} {self.cutoff!r}",
            f"pair_coeff 1 1 {self.epsilon!r} {self.sigma!r}",
            "special_bonds lj 0 1 1",
            "bond_style harmonic",
            f"bond_coeff 1 {self.bond_12_k / 2!r} {self.bond_12_r0!r}",
            f"bond_coeff 2 {self.bond_13_k / 2!r} {self.bond_13_r0!r}",
            *(f"create_bonds single/bond {kind} {i} {j} special no" for kind, i, j in bonds[:-1]),
            "create_bonds single/bond {} {} {} special yes".format(*bonds[-1]),
            f"neighbor {self.sigma!r} bin",  # a wide skin: in a box this small most of a list's time goes to ghosts
            "neigh_modify every 1 delay 0 check yes",
        ]
        k, alpha = self.end_to_end_k, self.end_to_end_alpha
        well = LongBond((0, beads - 1), self.end_to_end_d0, (0.0, 0.0, -k / alpha**2, 0.0, k / (4 * alpha**4)))
        return LammpsModel(tuple(commands), (well,))

    def topology(self) -> app.Topology:
        topology = app.Topology()
        side = self.box_side
        topology.setPeriodicBoxVectors(
            [openmm.Vec3(side, 0, 0), openmm.Vec3(0, side, 0), openmm.Vec3(0, 0, side)] * openmm.unit.nanometer
        )
        carbon, argon = app.element.carbon, app.element.argon
        chain = topology.addChain("P")
        residue = topology.addResidue("POL", chain)
        beads = [topology.addAtom(f"C{i + 1}", carbon, residue) for i in range(self.n_beads)]
        for first, second in pairwise(beads):
            topology.addBond(first, second)
        solvent = topology.addChain("S")
        for _ in range(self.n_solvent):
            topology.addAtom("AR", argon, topology.addResidue("SOL", solvent))
        return topology

    def cvs(self) -> tuple[CollectiveVariable, ...]:
        return (self.cv(),)

    def cv(self) -> Distance:
        """Distance of the two ends."""
        return distance("r", 0, self.n_beads - 1, unit="")

    @property
    def states(self) -> dict[str, str]:
        return {
            "compact": f"r < {float(self.end_to_end_d0)}",
            "extended": f"r >= {float(self.end_to_end_d0)}",
        }

    def start(self, state: str, rng: np.random.Generator) -> Frame:
        """Helix of the right end-to-end distance, solvent on the free sites of a lattice.

        Raises:
            ValueError: the state is unknown, or the density leaves no room for the solvent.
        """
        self.check_state(state)
        well = np.sqrt(2.0) * self.end_to_end_alpha
        beads = self._helix({"compact": self.end_to_end_d0 - well, "extended": self.end_to_end_d0 + well}[state])
        side = self.box_side
        return Frame(np.vstack([beads, self._solvent_sites(beads, rng)]), np.diag([side, side, side]))

    def _helix(self, end_to_end: float) -> Positions:
        """Beads with the bonds' lengths and one twist, chosen for the end-to-end distance."""

        def chain(twist: float) -> Positions:
            return _chain(self.n_beads, self.bond_12_r0, self.bond_13_r0, twist)

        def excess(twist: float) -> float:
            beads = chain(twist)
            return float(np.linalg.norm(beads[-1] - beads[0])) - end_to_end

        tightest, loosest = np.pi, 0.0
        if not excess(tightest) < 0 < excess(loosest):
            raise ValueError(f"no chain of {self.n_beads} beads has an end-to-end distance of {end_to_end:.3f}")
        return chain(brentq(excess, loosest, tightest))

    def _solvent_sites(
        self, beads: Float[np.ndarray, "beads 3"], rng: np.random.Generator
    ) -> Float[np.ndarray, "solvent 3"]:
        side = self.box_side
        fewest, most = np.ceil(self.n_solvent ** (1 / 3)), np.floor(side / (0.85 * self.sigma))
        for cells in range(int(fewest), int(most) + 1):
            lattice = (np.array(list(product(range(cells), repeat=3))) + 0.5) * side / cells
            apart = lattice[:, None] - beads[None]
            apart -= side * np.round(apart / side)
            free = lattice[np.linalg.norm(apart, axis=2).min(axis=1) > 0.85 * self.sigma]
            if len(free) >= self.n_solvent:
                return free[np.sort(rng.permutation(len(free))[: self.n_solvent])]
        raise ValueError("no room for the solvent: lower density")


def _chain(beads: int, bond_12: float, bond_13: float, twist: float) -> Float[np.ndarray, "beads 3"]:
    """Positions of a chain whose planes turn by the same twist [rad] at each bond; no twist is the planar zigzag."""
    half_angle = np.arcsin(0.5 * bond_13 / bond_12)
    cosine, sine = -np.cos(2 * half_angle), np.sin(2 * half_angle)
    bonds = [np.array([1.0, 0.0, 0.0])]
    normal = np.array([0.0, 0.0, 1.0])
    for _ in range(beads - 2):
        bonds.append(cosine * bonds[-1] + sine * np.cross(normal, bonds[-1]))
        normal = np.sin(twist) * np.cross(bonds[-1], normal) - np.cos(twist) * normal
    return np.vstack([np.zeros(3), np.cumsum(bond_12 * np.array(bonds), axis=0)])
