"""What moves as a whole in an OpenMM System: rigid bonds, which are its constraints, and virtual sites."""

from typing import NamedTuple

import numpy as np
import openmm
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cvflow.core.frames import Frame, Positions

SLIP = 1e-4
"""What rigid bonds may be off by at the ends of a path, relatively: a hundred times what the solver is told."""

LARGEST_SHIFT = 0.4
"""How far an atom of a rigid bond may move along an axis in one time step, in lengths of its shortest such bond."""


class RigidParts(NamedTuple):
    """Rigid bonds and virtual sites; constraints between two particles of mass 0, which stay, are none.

    Attributes:
        pairs: of atoms that a rigid bond joins.
        lengths: of the bonds [nm].
        sites: whether a particle is a virtual site.
    """

    pairs: Int[np.ndarray, "bonds 2"]
    lengths: Float[np.ndarray, " bonds"]
    sites: Bool[np.ndarray, " particles"]

    @property
    def present(self) -> bool:
        """Whether there is any of them."""
        return self.constrained or bool(self.sites.any())

    @property
    def constrained(self) -> bool:
        """Whether there are rigid bonds."""
        return len(self.pairs) > 0

    @property
    def coupled(self) -> bool:
        """Whether bonds share atoms otherwise than around one atom, as in CH3, or in a triangle, as in rigid water.

        Solvers go about such a net step by step, and may find its way only from one side.
        """
        return any(_is_net(of) for of in self._clusters())

    def _clusters(self) -> list[Int[np.ndarray, "bonds 2"]]:
        """The bonds of each group that shares atoms."""
        count = len(self.sites)
        graph = coo_array((np.ones(len(self.pairs)), tuple(self.pairs.T)), shape=(count, count))
        _, labels = connected_components(graph, directed=False)
        mine = labels[self.pairs[:, 0]]
        order = np.argsort(mine, kind="stable")
        return np.split(self.pairs[order], np.flatnonzero(np.diff(mine[order])) + 1)

    def off(self, positions: Positions) -> Float[np.ndarray, " bonds"]:
        """By how much bonds are longer than they should be [nm]; as in OpenMM, no images are taken."""
        apart = positions[self.pairs[:, 0]] - positions[self.pairs[:, 1]]
        return np.linalg.norm(apart, axis=1) - self.lengths

    def kept(self, positions: Positions) -> bool:
        """Whether bonds have their lengths."""
        return not self.constrained or bool((np.abs(self.off(positions)) < SLIP * self.lengths).all())

    def farthest(self) -> Float[np.ndarray, " particles"]:
        """How far each particle may move along an axis in one time step [nm].

        Atoms that stay within it turn no bond by a right angle. From there on a solver may find another place than the
        one from which the way back finds its start, or none.
        """
        shortest = np.full(len(self.sites), np.inf)
        for end in self.pairs.T:
            np.minimum.at(shortest, end, self.lengths)
        return LARGEST_SHIFT * shortest


def _is_net(pairs: Int[np.ndarray, "bonds 2"]) -> bool:
    """Whether bonds are neither a star nor a triangle."""
    atoms, shared = np.unique(pairs, return_counts=True)
    return len(atoms) > 3 and bool(shared.max() < len(pairs))


def rigid_parts(system: openmm.System) -> RigidParts:
    """What moves as a whole in a System."""
    particles = range(system.getNumParticles())
    masses = np.array([system.getParticleMass(i)._value for i in particles])
    found = [system.getConstraintParameters(i) for i in range(system.getNumConstraints())]
    pairs = np.array([pair for *pair, _ in found], dtype=int).reshape(-1, 2)
    moving = (masses[pairs] > 0).any(axis=1)
    lengths = np.array([length._value for *_, length in found], dtype=float)
    sites = np.array([system.isVirtualSite(i) for i in particles], dtype=bool)
    return RigidParts(pairs[moving], lengths[moving], sites)


def frozen(system: openmm.System) -> Int[np.ndarray, " atoms"]:
    """Particles that never move: of mass 0, and not where other particles put them."""
    particles = range(system.getNumParticles())
    return np.array([i for i in particles if not (system.getParticleMass(i)._value or system.isVirtualSite(i))], int)


def put_right(system: openmm.System, frame: Frame, tolerance: float) -> Frame:
    """The frame with rigid bonds at their lengths, and virtual sites where their atoms have them.

    Args:
        system: whose constraints and virtual sites they are.
        frame: any configuration of it.
        tolerance: of the bonds' lengths, relative.

    Raises:
        ValueError: OpenMM does not take the constraints.
    """
    bare = _without_forces(system) if not rigid_parts(system).sites.any() else system
    try:
        context = openmm.Context(bare, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
        context.setPositions(frame.positions)
        context.applyConstraints(tolerance)
        context.computeVirtualSites()
    except openmm.OpenMMException as error:
        raise ValueError(f"OpenMM does not take the system's constraints: {error}") from error
    return frame._replace(positions=np.array(context.getState(getPositions=True).getPositions(asNumpy=True)._value))


def _without_forces(system: openmm.System) -> openmm.System:
    """Masses and constraints alone; forces may be what no other platform knows."""
    bare = openmm.System()
    for i in range(system.getNumParticles()):
        bare.addParticle(system.getParticleMass(i))
    for i in range(system.getNumConstraints()):
        bare.addConstraint(*system.getConstraintParameters(i))
    return bare
