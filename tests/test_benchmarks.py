"""What stands beside a run of cvflow in the figures has the same potential and the same CVs."""

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import openmm
import pytest

from cvflow.config.settings import load
from cvflow.setup import from_config

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "nacl_water"


@pytest.fixture(scope="module")
def biased():
    """The benchmarks' own module."""
    spec = importlib.util.spec_from_file_location("biased", ROOT / "benchmarks" / "biased.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_metadynamics_and_umbrellas_move_the_run_s_own_system(biased):
    """Walls are in its energy, and a distance is that of the nearest images wherever ions are wrapped."""
    config = load(EXAMPLE / "nacl.toml", ["run.walkers=2"])
    walls = [{"cv": "r", "upper": 0.2, "kappa": 20000.0}]
    setup = from_config(config.changed(wall=walls), EXAMPLE)
    spec, frame = biased.spec_of(setup), setup.walkers.starts[0]
    wrapped = frame._replace(positions=frame.positions + np.eye(len(frame.positions))[:, :1] * frame.box[0])
    engine, (system, cvs) = spec.build(), biased.molecule(spec)
    without = dataclasses.replace(spec, walls=()).build()
    assert engine.potential_energy(wrapped) > without.potential_energy(wrapped) + 50
    value = openmm.CustomCVForce("r")
    value.addCollectiveVariable("r", cvs[0].openmm_force(str))
    value.setForceGroup(1)
    system.addForce(value)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("CPU"))
    context.setPeriodicBoxVectors(*frame.box)
    context.setPositions(wrapped.positions)
    assert value.getCollectiveVariableValues(context)[0] == pytest.approx(engine.cv_values(frame)[0], abs=1e-5)
    energy = context.getState(getEnergy=True, groups={0}).getPotentialEnergy()._value
    assert energy == pytest.approx(engine.potential_energy(wrapped), abs=0.1)
