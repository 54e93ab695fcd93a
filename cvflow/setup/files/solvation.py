"""Water around molecules, by OpenMM's Modeller: the same number of molecules around each start."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from openmm import app, unit

from cvflow.config.section import ConfigError
from cvflow.config.system_section import SolventSection
from cvflow.core.frames import Box, Frame
from cvflow.host.faults import said
from cvflow.setup.files.unbuilt import box_of


def solvated(
    frames: Mapping[str, Frame], topology: app.Topology, field: app.ForceField, solvent: SolventSection, seed: int
) -> tuple[app.Topology, dict[str, Frame]]:
    """The topology with water and ions, and the structures in it, all in the largest box that one of them needs.

    A structure that gets more molecules of a kind than another loses those of them that lie nearest to it.

    Args:
        frames: structures of the solute, by state.
        topology: of the solute.
        field: has the radii, and the charges that ions make up for.
        solvent: what to put around them.
        seed: which molecules of water ions take the place of follows from it.

    Raises:
        ConfigError: the force field knows no such water or ions.
    """
    made = {state: _around(frame, topology, field, solvent, None, seed) for state, frame in frames.items()}
    boxes = [_box(modeller) for modeller in made.values()]
    largest = max(boxes, key=np.linalg.det)
    for state, frame in frames.items():
        if not np.array_equal(_box(made[state]), largest):
            made[state] = _around(frame, topology, field, solvent, largest, seed)
    counts = [_counts(modeller, topology) for modeller in made.values()]
    for modeller in made.values():
        _without_surplus(modeller, topology, {kind: min(count[kind] for count in counts) for kind in counts[0]})
    first = next(iter(made.values()))
    return first.topology, {state: Frame(_positions(modeller), largest) for state, modeller in made.items()}


def _around(
    frame: Frame, topology: app.Topology, field: app.ForceField, solvent: SolventSection, box: Box | None, seed: int
) -> app.Modeller:
    modeller = app.Modeller(topology, frame.positions * unit.nanometer)
    size = (
        {"padding": solvent.padding * unit.nanometer, "boxShape": solvent.shape}
        if box is None
        else {"boxVectors": box * unit.nanometer}
    )
    try:
        with seeded(seed):
            modeller.addSolvent(
                field, solvent.model, ionicStrength=solvent.ionic_strength * unit.molar,
                neutralize=solvent.neutralize, **size,
            )  # fmt: skip
    except Exception as error:  # whatever the force field's parts raise
        raise ConfigError(f"system.solvent: OpenMM's Modeller adds none ({said(error)})") from error
    return modeller


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Modeller draws from Python's global generator; it is given back as it was."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _without_surplus(modeller: app.Modeller, solute: app.Topology, keep: Mapping[str, int]) -> None:
    """Take out molecules of each kind of which there are more, those that lie nearest to the solute."""
    positions = _positions(modeller)

    def distance(residue: app.topology.Residue) -> float:
        place = positions[next(residue.atoms()).index]
        return float(np.linalg.norm(positions[: solute.getNumAtoms()] - place, axis=1).min())

    surplus = []
    for kind, fewest in keep.items():
        there = [residue for residue in _added(modeller, solute) if residue.name == kind]
        surplus += sorted(there, key=distance)[: len(there) - fewest]
    if surplus:
        modeller.delete(surplus)


def _counts(modeller: app.Modeller, solute: app.Topology) -> Counter[str]:
    return Counter(residue.name for residue in _added(modeller, solute))


def _added(modeller: app.Modeller, solute: app.Topology) -> list[app.topology.Residue]:
    """Water and ions, which stand behind the solute."""
    return list(modeller.topology.residues())[solute.getNumResidues() :]


def _positions(modeller: app.Modeller) -> np.ndarray:
    return np.array(modeller.positions.value_in_unit(unit.nanometer))


def _box(modeller: app.Modeller) -> Box:
    box = box_of(modeller.topology)
    assert box is not None
    return box
