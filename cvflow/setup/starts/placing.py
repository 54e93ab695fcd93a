"""Starts as the system takes them: all in its box, with whole molecules and lengths in nm."""

from collections.abc import Callable

import numpy as np
import openmm
from jaxtyping import Int
from openmm import app
from scipy.spatial import KDTree

from cvflow.core.frames import Box, Frame, Positions
from cvflow.cv.images import Cell, Molecules
from cvflow.cv.molecules import Bonds, molecules_of, whole
from cvflow.engines.openmm import put_right, rigid_parts
from cvflow.setup.starts.walker_starts import WalkerStarts

ROUNDING = 2e-4
"""Two boxes are one [nm] if no component differs by more: files round to 0.001 Å."""

NO_BOX = 0.11
"""Edge [nm] up to which a box is none: where there is no cell, the PDB's CRYST1 is a cube of 1 Å, or of zero."""

FAR_OFF = 0.2
"""How much a rigid bond may be longer or shorter than the System has it, relatively, in a structure of its molecule."""

WRONG_UNIT = 4.0
"""Factor by which bonds are too long, or too short, from which positions are in another unit: it would be ten."""


def is_no_box(box: Box) -> bool:
    """Whether box vectors stand for none."""
    return float(np.linalg.norm(box, axis=1).max()) <= NO_BOX


def box_words(box: Box) -> str:
    """The lengths of a box for people."""
    lengths = " x ".join(f"{length:.4g}" for length in np.linalg.norm(box, axis=1))
    return f"{lengths} nm" + ("" if np.allclose(box, np.diag(np.diag(box)), atol=ROUNDING) else ", triclinic")


def boxed(starts: WalkerStarts, own: Box | None) -> WalkerStarts:
    """The starts in a box each, if the system has one: their own, or the system's `own`; else in none."""
    said: dict[str, str] = {}

    def put(frame: Frame, name: str) -> Frame:
        if own is None:
            if frame.box is not None:
                said[name] = f"its box, {box_words(frame.box)}, is dropped: the system is not periodic"
            return frame if frame.box is None else frame._replace(box=None)
        if frame.box is None or is_no_box(frame.box):
            none = "" if frame.box is None else f"{box_words(frame.box)} is no box: "
            said[name] = f"{none}in the system's own box, {box_words(own)}"
            return frame._replace(box=own)
        if not _same(frame.box, own):
            said[name] = f"in its own box, {box_words(frame.box)} (the system's is {box_words(own)})"
        return frame

    frames = _each(starts, put)
    return starts._replace(frames=frames, said=(*starts.said, *said.items()))


def in_one_box(starts: WalkerStarts) -> WalkerStarts:
    """The starts, all in exactly the first one's box.

    Raises:
        ValueError: another has another box.
    """
    boxes = {name: frame.box for name, frame in zip(starts.names, starts.frames, strict=True)}
    (first, box), *others = boxes.items() or [("", None)]
    if box is None:
        return starts
    for name, other in others:
        if other is None or not _same(box, other):
            raise ValueError(
                f"the starts have different boxes, {first} of {box_words(box)} and {name} of "
                f"{'none' if other is None else box_words(other)}, and nothing moves the volume: walkers would sample "
                "different systems; give all starts one box, or the system a barostat (on OpenMM)"
            )
    same = _each(starts, lambda frame, name: frame if _is(frame, box) else frame._replace(box=box))
    return starts._replace(frames=same)


def made_whole(starts: WalkerStarts, bonds: Bonds, molecules: Molecules) -> WalkerStarts:
    """The starts with molecules that lie on both sides of the box put together along their bonds."""
    said: dict[str, str] = {}

    def mend(frame: Frame, name: str) -> Frame:
        if frame.box is None:
            return frame
        positions, mended = whole(frame.positions, bonds, Cell(frame.box, molecules))
        if not mended:
            return frame
        what = "a molecule" if mended == 1 else f"{mended} molecules"
        said[name] = f"{what} broken across the box made whole"
        return frame._replace(positions=positions)

    frames = _each(starts, mend)
    return starts._replace(frames=frames, said=(*starts.said, *said.items()))


def bonds_of(topology: app.Topology, system: openmm.System | None = None) -> Bonds:
    """Bonds of the topology, and those that are a System's harmonic bonds and constraints."""
    pairs = {(bond.atom1.index, bond.atom2.index) for bond in topology.bonds()}
    for force in system.getForces() if system is not None else ():
        if isinstance(force, openmm.HarmonicBondForce):
            pairs |= {tuple(force.getBondParameters(i)[:2]) for i in range(force.getNumBonds())}
    if system is not None:
        pairs |= {tuple(system.getConstraintParameters(i)[:2]) for i in range(system.getNumConstraints())}
    return np.array(sorted(pairs), dtype=int).reshape(-1, 2)


def whole_in(system: openmm.System, bonds: Bonds) -> Molecules:
    """Atoms that are taken as they are among each other: joined by bonds, or by forces that know no images."""
    pairs = [tuple(pair) for pair in bonds.tolist()]
    for force in system.getForces():
        if force.usesPeriodicBoundaryConditions():
            continue
        if isinstance(force, openmm.CustomBondForce):
            pairs += [tuple(force.getBondParameters(i)[:2]) for i in range(force.getNumBonds())]
        elif isinstance(force, openmm.CustomCompoundBondForce):
            for i in range(force.getNumBonds()):
                first, *others = force.getBondParameters(i)[0]
                pairs += [(first, other) for other in others]
    return molecules_of(np.array(pairs, dtype=int).reshape(-1, 2), system.getNumParticles())


def with_rigid_parts(starts: WalkerStarts, system: openmm.System, tolerance: float) -> WalkerStarts:
    """The starts with rigid bonds at their lengths, and virtual sites where their atoms have them.

    Args:
        starts: structures of the system, with whole molecules.
        system: whose constraints they are.
        tolerance: of the bonds' lengths, relative.

    Raises:
        ValueError: a bond is far from its length, or OpenMM does not take the constraints.
    """
    rigid = rigid_parts(system)
    if not rigid.present:
        return starts
    said: dict[str, str] = {}

    def put(frame: Frame, name: str) -> Frame:
        off = np.abs(rigid.off(frame.positions))
        far = off > FAR_OFF * rigid.lengths
        if far.any():
            bond = int(np.argmax(off / rigid.lengths))
            first, second = rigid.pairs[bond]
            length = np.linalg.norm(frame.positions[second] - frame.positions[first])
            raise ValueError(
                f"the start of {name}: atoms {first} and {second} are {length:.3g} nm apart, and the system holds them "
                f"at {rigid.lengths[bond]:.3g} nm: give a structure of this molecule, or a system without constraints"
            )
        if off.max(initial=0.0) > ROUNDING:
            said[name] = f"rigid bonds were up to {off.max():.2g} nm off their lengths: put there"
        return put_right(system, frame, tolerance)

    frames = _each(starts, put)
    return starts._replace(frames=frames, said=(*starts.said, *said.items()))


def check_bond_lengths(starts: WalkerStarts, system: openmm.System) -> None:
    """Check that harmonic and rigid bonds are about as long as the System has them.

    Raises:
        ValueError: they are about ten times as long, or as short: positions in Å where nm are taken, or the reverse.
    """
    bonds = [
        (i, j, length._value)
        for force in system.getForces()
        if isinstance(force, openmm.HarmonicBondForce)
        for i, j, length, k in map(force.getBondParameters, range(force.getNumBonds()))
        if length._value > 0 and k._value > 0
    ]
    rigid = rigid_parts(system)
    bonds += [(i, j, length) for (i, j), length in zip(rigid.pairs, rigid.lengths, strict=True)]
    if not bonds:
        return
    first, second = np.array([bond[:2] for bond in bonds]).T
    usual = np.array([bond[2] for bond in bonds])
    for name, frame in zip(starts.names, starts.frames, strict=True):
        length = np.linalg.norm(frame.positions[second] - frame.positions[first], axis=1)
        check_scale(name, float(np.median(length / usual)), float(np.median(length)), "bonds")


def check_spacing(starts: WalkerStarts, usual: float) -> None:
    """Check that atoms have their nearest neighbours about where the system's own ones have them.

    Args:
        starts: the starts.
        usual: the system's own `spacing`.

    Raises:
        ValueError: they are about ten times as far, or as near.
    """
    for name, frame in zip(starts.names, starts.frames, strict=True):
        if len(frame.positions) > 2:
            found = spacing(frame.positions)
            check_scale(name, found / usual, found, "nearest neighbours")


def spacing(positions: Positions) -> float:
    """Median distance of the atoms' nearest neighbours [nm]; NaN for an atom alone."""
    return float(np.median(KDTree(positions).query(positions, k=2)[0][:, 1])) if len(positions) > 1 else float("nan")


def check_scale(name: str, ratio: float, length: float, what: str) -> None:
    """Check that lengths are what they are elsewhere, but for a factor below four.

    Raises:
        ValueError: they are not.
    """
    if ratio > WRONG_UNIT:
        raise ValueError(
            f"the start of {name}: its {what} are {length:.3g} nm long, {ratio:.3g} times what they should be: these "
            "look like Å where nm are taken (divide by 10)"
        )
    if ratio < 1 / WRONG_UNIT:
        raise ValueError(
            f"the start of {name}: its {what} are {length:.3g} nm long, {ratio:.2g} of what they should be: these look "
            "like nm where Å are taken, as in a PDB file or an ase.Atoms (multiply by 10)"
        )


def check_frozen(starts: WalkerStarts, frozen: Int[np.ndarray, " atoms"]) -> None:
    """Check that frozen particles, which never move, are in one place in all starts.

    Raises:
        ValueError: they are not; walkers would sample different systems.
    """
    for name, frame in zip(starts.names, starts.frames, strict=True):
        apart = np.abs(frame.positions[frozen] - starts.frames[0].positions[frozen]).max(axis=1, initial=0.0)
        if (apart > 5 * ROUNDING).any():
            raise ValueError(
                f"atom {frozen[int(apart.argmax())]} has mass 0 and stays, but lies {apart.max():.3g} nm apart in "
                f"the starts of {starts.names[0]} and {name}: walkers would sample different systems; give frozen "
                "atoms one place"
            )


def _same(box: Box, other: Box) -> bool:
    return bool(np.abs(box - other).max() <= ROUNDING)


def _is(frame: Frame, box: Box) -> bool:
    return frame.box is not None and np.array_equal(frame.box, box)


def _each(starts: WalkerStarts, change: Callable[[Frame, str], Frame]) -> tuple[Frame, ...]:
    """Each structure changed once: those of several walkers stay one object."""
    made: dict[int, Frame] = {}
    for frame, name in zip(starts.frames, starts.names, strict=True):
        if id(frame) not in made:
            made[id(frame)] = change(frame, name)
    return tuple(made[id(frame)] for frame in starts.frames)
