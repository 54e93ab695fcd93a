"""The built-in polymer against its definition in the table of reference systems, evaluated here in float64 numpy."""

from typing import NamedTuple

import numpy as np
import openmm
import pytest

from cvflow.core.frames import Frame
from cvflow.engines.openmm import OpenMMEngine, OpenMMSpec
from cvflow.systems import Polymer

BEADS, SOLVENT = 9, 200
SIDE = (SOLVENT / 0.48) ** (1 / 3)
SWITCH, CUTOFF = 2.0, 2.5
BOND_K, BOND_12, BOND_13 = 500.0, 1.0, 1.63
WELL_K, WELL_D0, WELL_ALPHA = 9.1, 4.62, 0.8


class Expected(NamedTuple):
    energy: float
    forces: np.ndarray


def lennard_jones(positions: np.ndarray) -> Expected:
    i, j = np.triu_indices(len(positions), k=1)
    excluded = (j < BEADS) & (j - i < 3)
    i, j = i[~excluded], j[~excluded]
    apart = positions[i] - positions[j]
    apart -= SIDE * np.round(apart / SIDE)
    r = np.linalg.norm(apart, axis=1)
    i, j, apart, r = (values[r < CUTOFF] for values in (i, j, apart, r))
    t = np.clip((r - SWITCH) / (CUTOFF - SWITCH), 0, 1)
    switch = 1 - 6 * t**5 + 15 * t**4 - 10 * t**3
    switch_slope = (-30 * t**4 + 60 * t**3 - 30 * t**2) / (CUTOFF - SWITCH)
    energy = 4 * (r**-12 - r**-6)
    slope = 4 * (6 * r**-7 - 12 * r**-13) * switch + energy * switch_slope
    return Expected(float(np.sum(energy * switch)), _scatter(positions, i, j, apart, slope / r))


def bonds(positions: np.ndarray, separation: int, r0: float) -> Expected:
    i = np.arange(BEADS - separation)
    apart = positions[i] - positions[i + separation]
    r = np.linalg.norm(apart, axis=1)
    energy = float(np.sum(0.5 * BOND_K * (r - r0) ** 2))
    return Expected(energy, _scatter(positions, i, i + separation, apart, BOND_K * (r - r0) / r))


def end_to_end(positions: np.ndarray) -> Expected:
    first, last = np.array([0]), np.array([BEADS - 1])
    apart = positions[first] - positions[last]
    r = np.linalg.norm(apart, axis=1)
    u = (r - WELL_D0) / WELL_ALPHA
    energy = float(np.sum(WELL_K / 4 * u**4 - WELL_K * u**2))
    return Expected(energy, _scatter(positions, first, last, apart, WELL_K * (u**3 - 2 * u) / WELL_ALPHA / r))


def _scatter(positions, i, j, apart, slope_over_r) -> np.ndarray:
    forces = np.zeros_like(positions)
    np.add.at(forces, i, -slope_over_r[:, None] * apart)
    np.add.at(forces, j, slope_over_r[:, None] * apart)
    return forces


def expected(positions: np.ndarray) -> Expected:
    x = positions
    terms = (lennard_jones(x), bonds(x, 1, BOND_12), bonds(x, 2, BOND_13), end_to_end(x))
    return Expected(sum(term.energy for term in terms), sum(term.forces for term in terms))


def end_distance(frame: Frame) -> float:
    return float(np.linalg.norm(frame.positions[BEADS - 1] - frame.positions[0]))


def engine(platform: str) -> OpenMMEngine:
    polymer = Polymer()
    xml = openmm.XmlSerializer.serialize(polymer.system())
    return OpenMMSpec(xml, (polymer.cv(),), polymer.kT, timestep=0.005, platform=platform).build()


@pytest.fixture(scope="module")
def frames() -> dict[str, Frame]:
    """Both states, minimised off the double well's minima and shaken, so that every term pulls."""
    rng, minimiser, shaken = np.random.default_rng(7), engine("CPU"), {}
    for state in Polymer().states:
        start = Polymer().start(state, rng)
        low = minimiser.minimise(start, minimiser.cv_values(start) + 0.3, np.array([100.0]))
        shaken[state] = low._replace(positions=low.positions + rng.normal(0, 0.03, low.positions.shape))
    return shaken


@pytest.mark.parametrize("state", ["compact", "extended"])
@pytest.mark.parametrize(("platform", "tolerance"), [("Reference", 1e-6), ("CPU", 1e-5)])
def test_energy_and_forces_are_the_definition_s(frames, state, platform, tolerance):
    frame = frames[state]
    definition = expected(frame.positions)
    tested = engine(platform)
    assert tested.potential_energy(frame) == pytest.approx(definition.energy, rel=tolerance)
    difference = np.abs(tested.forces(frame) - definition.forces).max()
    assert difference < tolerance * np.abs(definition.forces).max()


def test_pairs_across_the_boundary_and_in_the_switch_are_in_the_frames(frames):
    for frame in frames.values():
        i, j = np.triu_indices(BEADS + SOLVENT, k=1)
        apart = frame.positions[i] - frame.positions[j]
        r = np.linalg.norm(apart - SIDE * np.round(apart / SIDE), axis=1)
        assert np.any((r < CUTOFF) & (np.abs(apart).max(axis=1) > SIDE / 2))
        assert np.any((r > SWITCH) & (r < CUTOFF))


def test_box_side_is_the_table_s():
    assert Polymer().box_side == pytest.approx(7.4690, abs=1e-4)
    vectors = Polymer().system().getDefaultPeriodicBoxVectors()
    np.testing.assert_allclose([list(v._value) for v in vectors], np.diag([SIDE] * 3), atol=1e-12)


def test_beads_come_first_and_topology_agrees_with_the_system():
    system, topology = Polymer().system(), Polymer().topology()
    assert system.getNumParticles() == topology.getNumAtoms() == BEADS + SOLVENT
    assert {system.getParticleMass(i)._value for i in range(BEADS + SOLVENT)} == {1.0}
    assert [atom.residue.name for atom in topology.atoms()] == ["POL"] * BEADS + ["SOL"] * SOLVENT
    assert [(a.index, b.index) for a, b in topology.bonds()] == [(i, i + 1) for i in range(BEADS - 1)]
    assert Polymer().cv().atoms == (0, BEADS - 1)


@pytest.mark.parametrize(("state", "compact"), [("compact", True), ("extended", False)])
def test_start_lies_in_its_state_with_bonds_at_rest_and_room_for_all(state, compact):
    frame = Polymer().start(state, np.random.default_rng(3))
    assert (end_distance(frame) < WELL_D0) == compact
    assert frame.positions.shape == (BEADS + SOLVENT, 3)
    np.testing.assert_allclose(frame.box, np.diag([SIDE] * 3))
    beads = frame.positions[:BEADS]
    np.testing.assert_allclose(np.linalg.norm(beads[1:] - beads[:-1], axis=1), BOND_12)
    np.testing.assert_allclose(np.linalg.norm(beads[2:] - beads[:-2], axis=1), BOND_13)
    assert np.isfinite(expected(frame.positions).energy)
    # As a run has it, whose nearest images leave the chain whole; alone it knows of no bonds.
    assert Polymer().cv().evaluate(frame._replace(box=None)) == pytest.approx(end_distance(frame))


def test_start_draws_the_solvent_from_the_generator():
    one, same, other = (Polymer().start("compact", np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.positions, same.positions)
    np.testing.assert_array_equal(one.positions[:BEADS], other.positions[:BEADS])
    assert not np.array_equal(one.positions[BEADS:], other.positions[BEADS:])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"n_solvent": 10}, "box side"), ({"kT": -1.0}, "kT"), ({"n_beads": 4}, "n_beads"), ({"mass": 0.0}, "mass")],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        Polymer(**parameters)


def test_unknown_state_is_refused():
    with pytest.raises(ValueError, match="molten"):
        Polymer().start("molten", np.random.default_rng(0))
