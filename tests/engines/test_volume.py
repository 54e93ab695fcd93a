"""The volume move: one-move stationarity on a gas of dumbbells, whose volume has a Gamma distribution."""

import numpy as np
import openmm
import pytest

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.cv import distance
from cvflow.engines.openmm import OpenMMSpec, prepare
from cvflow.engines.openmm.volume import BAR, ISOTROPIC, piston, scaled, volume

MOLECULES, KT, PRESSURE_BAR, SIDE = 6, 2.0, 60.0, 1.5
SPRING, LENGTH, DRAWN = 50.0, 0.3, 0.2


def gas(barostat=True, rigid=False):
    """Dumbbells in a box, free but for their bonds; an outer field couples molecules to nothing but themselves."""
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors((SIDE, 0, 0), (0, SIDE, 0), (0, 0, SIDE))
    bond = openmm.HarmonicBondForce()
    bond.setUsesPeriodicBoundaryConditions(True)
    for molecule in range(MOLECULES):
        system.addParticle(1.0)
        system.addParticle(3.0)
        if rigid:
            system.addConstraint(2 * molecule, 2 * molecule + 1, DRAWN)
        else:
            bond.addBond(2 * molecule, 2 * molecule + 1, LENGTH, SPRING)
    system.addForce(bond)
    if barostat:
        system.addForce(openmm.MonteCarloBarostat(PRESSURE_BAR, 240.0, 5))
    return system


def engine(barostat=True, rigid=False):
    xml = openmm.XmlSerializer.serialize(gas(barostat, rigid))
    return OpenMMSpec(xml, (distance("d", 0, 1),), KT, 0.01, platform="Reference").build()


def draw(rng):
    """p(V) ∝ V^N exp(-PV/kT); centres uniform in the box."""
    v = rng.gamma(MOLECULES + 1, KT / (PRESSURE_BAR * BAR))
    side = v ** (1 / 3)
    centres = side * rng.random((MOLECULES, 1, 3))
    half = DRAWN / 2 * np.array([[[1.0, 0, 0], [-1.0, 0, 0]]])
    return Frame((centres + half).reshape(-1, 3), np.diag([side] * 3))


@pytest.fixture(scope="module")
def moves():
    """Volumes before and after one move, from exact draws."""
    rng, gas_engine = np.random.default_rng(1), engine()
    starts = [draw(rng) for _ in range(10_000)]
    return np.array([(volume(frame.box), volume(gas_engine.change_volume(frame, rng)[0].box)) for frame in starts])


def largest_z(before, after):
    mean = before.mean()
    differences = [f(after) - f(before) for f in (np.log, lambda v: v, lambda v: v**2, lambda v: 1.0 * (v < mean))]
    return max(abs(np.mean(d)) / (np.std(d) / np.sqrt(len(d))) for d in differences)


def test_one_move_leaves_the_volume_s_distribution_invariant(moves):
    before, after = moves.T
    assert 0.2 < np.mean(before != after) < 0.98
    assert largest_z(before, after) < 5


def test_rigid_molecules_move_as_they_are():
    """Their bonds keep their lengths, and the volume its distribution; paths go on from there."""
    rng, rigid = np.random.default_rng(6), engine(rigid=True)
    starts = [draw(rng) for _ in range(4_000)]
    moved = [rigid.change_volume(frame, rng)[0] for frame in starts]
    before, after = (np.array([volume(frame.box) for frame in frames]) for frames in (starts, moved))
    assert 0.2 < np.mean(before != after) < 0.98
    assert largest_z(before, after) < 5
    for frame in moved[:20]:
        bonds = frame.positions[1::2] - frame.positions[::2]
        np.testing.assert_allclose(np.linalg.norm(bonds, axis=1), DRAWN, rtol=1e-12)
        path = rigid.free_path(frame, 5, 0.0, rng)
        assert path.outcome is Outcome.COMPLETED
        np.testing.assert_array_equal(path.frame.box, frame.box)


def test_moves_without_the_molecules_entropy_are_caught():
    """The mutant: no N ln(V'/V). Its acceptance needs no engine, for the gas has no other energy."""
    rng = np.random.default_rng(2)
    before = rng.gamma(MOLECULES + 1, KT / (PRESSURE_BAR * BAR), size=20_000)
    after = before + SIDE**3 / (2 * np.sqrt(MOLECULES)) * rng.uniform(-1, 1, size=len(before))
    work = PRESSURE_BAR * BAR * (after - before) / KT
    accepted = (np.log(rng.random(len(before))) < -work) & (after > 0)
    assert largest_z(before, np.where(accepted, after, before)) > 5


def test_molecules_keep_their_shape():
    frame = draw(np.random.default_rng(3))
    pairs = [[2 * i, 2 * i + 1] for i in range(MOLECULES)]
    larger = scaled(frame, pairs, [2.0, 0.5, 3.0])
    np.testing.assert_allclose(larger.box, np.diag([2.0, 0.5, 3.0]) @ frame.box)
    for first, second in pairs:
        bond, moved = (f.positions[second] - f.positions[first] for f in (frame, larger))
        np.testing.assert_allclose(moved, bond, atol=1e-12)
        centre, there = (f.positions[[first, second]].mean(axis=0) for f in (frame, larger))
        np.testing.assert_allclose(there, np.array([2.0, 0.5, 3.0]) * centre, atol=1e-12)


def test_paths_run_at_fixed_box():
    """The barostat stays in the system and does nothing during a path."""
    gas_engine, frame = engine(), draw(np.random.default_rng(4))
    end = gas_engine.steer(
        frame, Steering(np.array([0.2]), np.array([0.4]), np.array([100.0]), 200), np.random.default_rng(5)
    )
    np.testing.assert_array_equal(end.frame.box, frame.box)
    np.testing.assert_allclose(
        gas_engine._context.context.getState().getPeriodicBoxVectors(asNumpy=True)._value, frame.box
    )


def test_a_barostat_at_another_temperature_is_refused():
    xml = openmm.XmlSerializer.serialize(gas())
    with pytest.raises(ValueError, match=r"barostat is at 240.0 K and the run at 300"):
        OpenMMSpec(xml, (distance("d", 0, 1),), 2.4943, 0.01, platform="Reference").build()


def test_the_barostat_is_read_and_said():
    prepared = prepare(gas())
    assert piston(prepared.system) == ("MonteCarloBarostat", (ISOTROPIC,), PRESSURE_BAR * BAR, 0.0, 5, 240.0)
    assert any("fixed box" in note for note in prepared.notes)
    assert engine(barostat=False).volume_moves_every is None
    with pytest.raises(ValueError, match="the system has no barostat"):
        engine(barostat=False).change_volume(draw(np.random.default_rng(0)), np.random.default_rng(0))


def test_frozen_particles_and_a_barostat_are_refused():
    system = gas()
    system.setParticleMass(1, 0.0)
    with pytest.raises(ValueError, match="mass 0, which stay where they are, and a MonteCarloBarostat"):
        prepare(system)
    assert prepare(gas()).system.getNumForces() == 2
