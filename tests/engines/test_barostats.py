"""Barostats that change the box's shape: one-move stationarity in a box held by springs, with the power to fail."""

import numpy as np
import openmm
import pytest

from cvflow.engines.openmm import prepare
from cvflow.engines.openmm.volume import ALONG, BAR, Stretch, VolumeMove, piston
from tests.engines import elastic_box
from tests.engines.elastic_box import TEMPERATURE, Conditions, asked_for, largest_z
from tests.engines.test_volume import gas

PRESSURE, TENSION, THRESHOLD = 80.0, 90.0, 5.0
MEMBRANE = openmm.MonteCarloMembraneBarostat


def anisotropic(pressures=(PRESSURE,) * 3, moving=(True,) * 3):
    return lambda: openmm.MonteCarloAnisotropicBarostat(openmm.Vec3(*pressures), TEMPERATURE, *moving, 5)


def membrane(in_plane, across, tension=TENSION):
    mode = (getattr(MEMBRANE, in_plane), getattr(MEMBRANE, across))
    make = lambda: MEMBRANE(PRESSURE, tension, TEMPERATURE, *mode, 5)  # noqa: E731
    return Conditions(make, PRESSURE, tension, volume_kept=across == "ConstantVolume")


CONDITIONS = {
    "all axes": Conditions(anisotropic(), PRESSURE),
    "z alone": Conditions(anisotropic((300.0, 1.0, PRESSURE), (False, False, True)), PRESSURE),
    "x and z": Conditions(anisotropic((PRESSURE, 300.0, PRESSURE), (True, False, True)), PRESSURE),
    "square": membrane("XYIsotropic", "ZFree"),
    "square, pressed together": membrane("XYIsotropic", "ZFree", -TENSION),
    "square of fixed height": membrane("XYIsotropic", "ZFixed"),
    "square of constant volume": membrane("XYIsotropic", "ConstantVolume"),
    "oblong": membrane("XYAnisotropic", "ZFree"),
    "oblong of fixed height": membrane("XYAnisotropic", "ZFixed"),
    "oblong of constant volume": membrane("XYAnisotropic", "ConstantVolume"),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_one_move_leaves_the_box_s_distribution_invariant(name):
    assert largest_z(CONDITIONS[name]) < THRESHOLD


@pytest.mark.slow
@pytest.mark.parametrize("name", CONDITIONS)
def test_moves_in_a_row_leave_it_invariant(name):
    assert largest_z(CONDITIONS[name], count=60_000, moves=3) < THRESHOLD


class WithoutTheMolecules(VolumeMove):
    """No N ln(V'/V)."""

    def _log_jacobian(self, before, after):
        return 0.0


class AtomByAtom(VolumeMove):
    """The factor of atoms that each move by themselves."""

    def _log_jacobian(self, before, after):
        return sum(map(len, self.molecules)) * np.log(after / before)


@pytest.mark.parametrize("name", ["x and z", "square"])
@pytest.mark.parametrize("mutant", [WithoutTheMolecules, AtomByAtom])
def test_a_wrong_factor_of_the_molecules_is_caught(name, mutant):
    assert largest_z(CONDITIONS[name], wrong=lambda move: mutant(**vars(move))) > 2 * THRESHOLD


def test_the_pressure_of_another_axis_is_caught():
    assert largest_z(CONDITIONS["z alone"], wrong=asked_for(pressure=300.0 * BAR)) > 2 * THRESHOLD


@pytest.mark.parametrize("name", ["square, pressed together", "oblong of constant volume"])
@pytest.mark.parametrize("factor", [-1.0, 0.0])
def test_a_surface_tension_of_the_wrong_sign_or_none_is_caught(name, factor):
    tension = factor * BAR * CONDITIONS[name].tension
    assert largest_z(CONDITIONS[name], wrong=asked_for(tension=tension)) > 2 * THRESHOLD


WRONG_POWERS = {
    "square": (Stretch((1.0, 1.0, 0.0)), ALONG[2]),
    "square of constant volume": (Stretch((0.5, 0.5, -0.5)),),
}


@pytest.mark.parametrize("name", WRONG_POWERS)
def test_a_box_that_grows_by_the_wrong_power_is_caught(name):
    assert largest_z(CONDITIONS[name], 12_000, wrong=asked_for(stretches=WRONG_POWERS[name])) > 1.5 * THRESHOLD


MOVING = {
    "all axes": [0, 1, 2],
    "z alone": [2],
    "x and z": [0, 2],
    "square": [0, 1, 2],
    "square of fixed height": [0, 1],
    "oblong of constant volume": [0, 1, 2],
}


@pytest.mark.parametrize("name", MOVING)
def test_the_axes_that_are_asked_for_move(name):
    conditions, rng = CONDITIONS[name], np.random.default_rng(8)
    engine, frame = elastic_box.engine(conditions), elastic_box.started(conditions, elastic_box.DRAWS)[0]
    lengths = [np.diag(frame.box)]
    for _ in range(200):
        frame, _ = engine.change_volume(frame, rng)
        lengths.append(np.diag(frame.box))
    assert np.flatnonzero(np.ptp(lengths, axis=0)).tolist() == MOVING[name]
    if conditions.volume_kept:
        np.testing.assert_allclose(np.prod(lengths, axis=1), np.prod(lengths[0]))
    if name.startswith("square"):
        shape = np.array(lengths)[:, 0] / np.array(lengths)[:, 1]
        np.testing.assert_allclose(shape, shape[0])


def test_different_pressures_along_axes_that_move_are_refused():
    system = elastic_box.system(anisotropic((1.0, 2.0, 3.0), (True, False, True))())
    with pytest.raises(ValueError, match=r"different pressures along axes that move \(x 1, z 3 bar\)"):
        prepare(system)


def test_two_barostats_are_refused():
    system = gas()
    system.addForce(anisotropic()())
    with pytest.raises(ValueError, match="a MonteCarloBarostat and a MonteCarloAnisotropicBarostat: one alone"):
        prepare(system)


def test_a_barostat_that_changes_angles_is_refused():
    system = gas(barostat=False)
    system.addForce(openmm.MonteCarloFlexibleBarostat(1.0, 300.0))
    with pytest.raises(ValueError, match="has a MonteCarloFlexibleBarostat: the moves of the box between jumps"):
        prepare(system)


def resting(barostat):
    system = gas(barostat=False)
    system.addForce(barostat)
    return system


def test_a_barostat_that_moves_nothing_is_none():
    assert piston(resting(anisotropic(moving=(False, False, False))())) is None
    assert piston(resting(openmm.MonteCarloBarostat(1.0, 300.0, 0))) is None


def test_what_is_asked_for_is_said():
    system = elastic_box.system(CONDITIONS["oblong"].barostat())
    assert any(note.startswith("MonteCarloMembraneBarostat: paths run at fixed box") for note in prepare(system).notes)
