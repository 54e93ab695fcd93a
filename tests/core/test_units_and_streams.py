import numpy as np
import openmm
import pytest

from cvflow.core.streams import Purpose, stream
from cvflow.core.units import BOLTZMANN, temperature, thermal_energy


def test_kT_is_openmm_s():
    kT = openmm.unit.MOLAR_GAS_CONSTANT_R * 300 * openmm.unit.kelvin
    assert thermal_energy(300) == pytest.approx(kT.value_in_unit(openmm.unit.kilojoule_per_mole), rel=1e-6)
    assert temperature(thermal_energy(300)) == pytest.approx(300)
    assert pytest.approx(0.0083144626) == BOLTZMANN


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_temperatures_that_are_none_raise(wrong):
    with pytest.raises(ValueError, match="temperature must be positive"):
        thermal_energy(wrong)


def test_streams_differ_by_seed_purpose_and_index_and_by_nothing_else():
    draws = [
        stream(seed, purpose, walker, jump).random()
        for seed in (1, 2) for purpose in Purpose for walker in range(3) for jump in range(3)
    ]  # fmt: skip
    assert len(set(draws)) == len(draws)
    np.testing.assert_array_equal(stream(1, Purpose.TURN, 0, 1).random(5), stream(1, Purpose.TURN, 0, 1).random(5))
