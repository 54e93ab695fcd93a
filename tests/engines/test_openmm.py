"""Contracts of the OpenMM engine."""

from collections import Counter

import numpy as np
import openmm
import pytest
from openmm import app

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.cv import distance
from cvflow.doctor.verify import dumbbell
from cvflow.engines.openmm import prepare
from cvflow.systems import Polymer
from tests.engines.verlet_case import of_openmm as spec

ONE = np.array([1.0])


def frame(seed=0):
    return Frame(dumbbell.exact_draws(1, np.random.default_rng(seed))[0], None)


def test_the_protocol_work_of_several_cvs_is_their_sum():
    """A CV that is not pulled on changes nothing, whichever place it has."""
    other, pulled = distance("s", 0, 2), dumbbell.native_cv()
    start, rng = frame(), np.random.default_rng
    alone = spec().build().steer(start, Steering(ONE, 3 * ONE, 20 * ONE, 20), rng(1))
    for cvs, kappa in (((other, pulled), [0.0, 20.0]), ((pulled, other), [20.0, 0.0])):
        order = Steering(np.ones(2), 3 * np.ones(2), np.array(kappa), 20)
        both = spec(cvs=cvs).build().steer(start, order, rng(1))
        assert both.work == pytest.approx(alone.work, abs=1e-9)
        assert both.protocol_work == pytest.approx(alone.protocol_work, abs=1e-9)


def test_jarzynski_and_crooks_on_a_dragged_spring():
    """Two springs on one distance: Gaussian but for the sphere's Jacobian, which the potential takes away."""
    system = openmm.System()
    for _ in range(2):
        system.addParticle(1.0)
    bond = openmm.CustomBondForce("5*(r-2)^2+2*log(r)")
    bond.addBond(0, 1, [])
    system.addForce(bond)
    engine = spec(system_xml=openmm.XmlSerializer.serialize(system), timestep=0.1).build()
    rng = np.random.default_rng(2)
    a, b, kappa = 1.9, 2.2, 10.0
    # p(r | λ) ∝ exp(-5 (r-2)² - 5 (r-λ)²): mean (2+λ)/2, variance 1/20; F(λ) = (κ k/(κ+k))/2 (λ-2)² = 2.5 (λ-2)²
    works = {}
    for name, first, second in (("there", a, b), ("back", b, a)):
        r = (2 + first) / 2 + np.sqrt(1 / 20) * rng.standard_normal(2000)
        works[name] = np.array(
            [
                engine.steer(
                    Frame(np.array([[0.0, 0, 0], [0, 0, x]]), None),
                    Steering(np.array([first]), np.array([second]), np.array([kappa]), 6),
                    rng,
                ).work
                for x in r
            ]
        )
    exact = 2.5 * ((b - 2) ** 2 - (a - 2) ** 2)
    for name, sign in (("there", 1), ("back", -1)):
        weights = np.exp(-works[name])
        error = weights.std() / np.sqrt(len(weights))
        assert abs(weights.mean() - np.exp(-sign * exact)) < 4 * error
    # Crooks: the Fermi function of W - ΔF has the same mean both ways
    there = 1 / (1 + np.exp(works["there"] - exact))
    back = 1 / (1 + np.exp(works["back"] + exact))
    spread = np.sqrt(there.var() / len(there) + back.var() / len(back))
    assert abs(there.mean() - back.mean()) < 4 * spread


@pytest.mark.parametrize("cv", [dumbbell.native_cv(), dumbbell.force_cv()], ids=["native", "custom"])
def test_the_restraint_is_a_spring_on_the_cv(cv):
    engine = spec(cvs=(cv,)).build()
    place = frame()
    free, value = engine.potential_energy(place), engine.cv_values(place)
    engine._put(place, np.array([2.2]), np.array([17.0]))
    held = engine._context.context.getState(getEnergy=True).getPotentialEnergy()._value
    assert held - free == pytest.approx(0.5 * 17.0 * (value[0] - 2.2) ** 2, rel=1e-10)


def test_forces_are_minus_the_gradient():
    engine, place, step = spec().build(), frame(), 1e-5
    forces = engine.forces(place)
    for atom in range(3):
        for axis in range(3):
            shift = np.zeros((3, 3))
            shift[atom, axis] = step
            up, down = (engine.potential_energy(Frame(place.positions + s * shift, None)) for s in (1, -1))
            assert forces[atom, axis] == pytest.approx(-(up - down) / (2 * step), abs=1e-6)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_a_path_does_not_depend_on_what_the_engine_did_before(platform):
    polymer = Polymer()
    xml = openmm.XmlSerializer.serialize(polymer.system())
    engine = spec(system_xml=xml, cvs=(polymer.cv(),), kT=polymer.kT, timestep=0.01, platform=platform).build()
    start = polymer.start("compact", np.random.default_rng(0))
    start = engine.minimise(start, np.zeros(1), np.zeros(1))
    order = Steering(engine.cv_values(start), np.array([3.7]), np.array([300.0]), 20)
    first = engine.steer(start, order, np.random.default_rng(5))
    engine.free_path(first.frame, 3, 0.0, np.random.default_rng(6))
    again = engine.steer(start, order, np.random.default_rng(5))
    assert again.work == first.work
    np.testing.assert_array_equal(again.frame.positions, first.frame.positions)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
@pytest.mark.parametrize("timestep", [5.0, 1e6])
def test_a_blow_up_is_a_failed_path(platform, timestep):
    engine = spec(timestep=timestep, platform=platform).build()
    start = frame()
    result = engine.steer(start, Steering(ONE, 3 * ONE, 20 * ONE, 20), np.random.default_rng(0))
    assert result.outcome is Outcome.DIVERGED
    assert np.isnan(result.work)
    np.testing.assert_array_equal(result.frame.positions, start.positions)
    calm = engine.potential_energy(start)
    assert np.isfinite(calm), "the engine works on after a failure"


def test_masses_of_zero_stay_where_they_are():
    system = dumbbell.system()
    system.setParticleMass(2, 0.0)
    engine = spec(system_xml=openmm.XmlSerializer.serialize(system)).build()
    start = frame()
    end = engine.free_path(start, 20, 0.5, np.random.default_rng(0)).frame
    np.testing.assert_array_equal(end.positions[2], start.positions[2])
    assert (end.positions[:2] != start.positions[:2]).all()


REFUSED = {
    "Drude": lambda system: system.addForce(openmm.DrudeForce()),
    "MonteCarloFlexibleBarostat": lambda system: system.addForce(openmm.MonteCarloFlexibleBarostat(1.0, 300.0)),
    "PythonForce": lambda system: system.addForce(openmm.PythonForce(lambda state: (0.0, np.zeros((3, 3))), {})),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_reverse_is_refused_with_the_reason(what):
    system = dumbbell.system()
    REFUSED[what](system)
    with pytest.raises(ValueError, match=what) as error:
        prepare(system)
    assert "\n" not in str(error.value)


def test_removers_of_momentum_are_taken_out_and_said():
    system = dumbbell.system()
    forces = system.getNumForces()
    system.addForce(openmm.CMMotionRemover())
    system.addForce(openmm.AndersenThermostat(300.0, 1.0))
    prepared = prepare(system)
    assert prepared.system.getNumForces() == forces
    assert system.getNumForces() == forces + 2, "the user's system is left as it was"
    assert [note.split()[0] for note in prepared.notes] == ["AndersenThermostat", "CMMotionRemover"]


def test_a_platform_that_is_not_here_is_refused():
    with pytest.raises(ValueError, match="no platform 'TPU'"):
        spec(platform="TPU").build()


def test_force_field_systems_can_be_prepared():
    """OpenMM's own default: createSystem puts a CMMotionRemover in."""
    topology = app.Topology()
    residue = topology.addResidue("NA", topology.addChain())
    topology.addAtom("NA", app.element.sodium, residue)
    system = app.ForceField("amber14/tip3p.xml").createSystem(topology)
    assert len(prepare(system).notes) == 1


CALLS = ("getState", "setParameter", "setPositions", "setVelocities", "getParameter")


@pytest.mark.parametrize("constrained", [False, True], ids=["free", "rigid"])
def test_a_path_asks_the_context_as_often_whatever_its_length(constrained, monkeypatch):
    """Steering must not starve a GPU: it is looked at twenty times, and the steps between two looks are one call."""
    system = dumbbell.system()
    if constrained:
        system.addConstraint(0, 2, 3.0)
    engine = spec(system_xml=openmm.XmlSerializer.serialize(system), timestep=0.001).build()
    x = frame().positions.copy()
    x[2] = x[0] + np.array([3.0, 0.0, 0.0])
    start, asked = Frame(x, None), Counter()

    def counted(kind, name):
        original = getattr(kind, name)

        def call(*arguments, **named):
            asked[name] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(kind, name, call)

    for name in CALLS:
        counted(openmm.Context, name)
    for name in ("step", "getGlobalVariableByName", "setGlobalVariableByName"):
        counted(openmm.CustomIntegrator, name)
    found = []
    for steps in (600, 1100, 2200):
        asked.clear()
        path = engine.steer(start, Steering(2 * ONE, 2.1 * ONE, 20 * ONE, steps), np.random.default_rng(1))
        assert path.outcome is Outcome.COMPLETED
        found.append(dict(asked))
    assert found[0] == found[1] == found[2]
    assert found[0]["step"] == 21
    assert found[0]["getState"] <= 8 + 4 * 20
