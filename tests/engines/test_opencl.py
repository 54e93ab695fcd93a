"""Paths on a GPU platform, OpenCL: the one jump with its mutants, and what the platform does to a path's law."""

from dataclasses import replace

import numpy as np
import openmm
import pytest

from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.laws import LAWS
from cvflow.doctor.verify.one_jump import ACCEPTANCE_MUTANTS, Case, jumps
from cvflow.doctor.verify.verification import place, run_law
from cvflow.engines.openmm import OpenMMSpec
from cvflow.engines.openmm.certificates import THRESHOLD, Certificate, Judged, Subject, keep, versions_here
from cvflow.setup.steady import looked_at
from tests.engines.opencl import needs_opencl
from tests.engines.stationarity import passes

pytestmark = needs_opencl

COARSE = Case(steps=1, timestep=0.36, kappa=20.0, platform="OpenCL", draws=8_000)
PRECISIONS = {"mixed": COARSE, "double": replace(COARSE, properties=(("Precision", "double"),), draws=5_000)}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_one_jump_leaves_the_distribution_invariant(precision):
    passes(PRECISIONS[precision])


@pytest.mark.parametrize("mutant", ["sign of W", "shadow work left out"])
def test_a_wrong_work_is_caught(mutant):
    sample = jumps(COARSE)
    assert sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z() > THRESHOLD


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed", "double"])
@pytest.mark.parametrize("law", LAWS, ids=[law.name for law in LAWS])
def test_what_cvflow_verify_runs_passes(law, precision):
    found = run_law(law, place("OpenCL", precision, None))
    print(precision, found)
    assert found.passed


NEEDS = {
    "one coarse step": "the one-jump test has not been run",
    "jumps of rigid water": "has no test of rigid bonds:",
    "jumps of rigid water with a virtual site": "has no test of rigid bonds, virtual sites:",
    "jumps of positions pulled by springs": "has no test of pulled positions:",
    "jumps of positions held on their way": "has no test of held positions:",
}


@pytest.mark.parametrize("name", NEEDS)
def test_what_a_run_does_must_be_what_was_tested(name, tmp_path, monkeypatch):
    """A certificate of free particles alone, and paths that need more."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (law,) = (law for law in LAWS if law.name == name)
    where = place("OpenCL", None, None)
    engine = where.of(law.case).build()
    if law.subject is not Subject.PARTICLES:
        tests = (Judged("one jump", Subject.PARTICLES, 1.0, {}),)
        keep(Certificate(where.in_use, versions_here(), "2026-11-28", tests, True, 0.0))
    assert not engine.exactness.value
    assert NEEDS[name] in engine.exactness.reason
    tests = tuple(Judged("one jump", subject, 1.0, {}) for subject in Subject)
    keep(Certificate(where.in_use, versions_here(), "2026-11-28", tests, True, 0.0))
    assert engine.exactness.value


def test_the_precision_that_goes_without_saying_is_mixed():
    assert COARSE.build().in_use.precision == "mixed"
    assert PRECISIONS["double"].build().in_use.precision == "double"


@pytest.mark.parametrize("timestep", [5.0, 1e6])
def test_a_blow_up_is_a_failed_path(timestep):
    engine = replace(COARSE, timestep=timestep).build()
    frame = Frame(dumbbell.exact_draws(1, np.random.default_rng(0))[0], None)
    order = Steering(np.ones(1), np.full(1, 3.0), np.full(1, 20.0), 20)
    calm = engine.potential_energy(frame)
    assert engine.steer(frame, order, np.random.default_rng(0)).outcome is Outcome.DIVERGED
    assert engine.potential_energy(frame) == pytest.approx(calm), "the engine works on after a failure"


def in_a_box(tether):
    """The dumbbell with its tether as given."""
    system = dumbbell.system()
    (old,) = [i for i, force in enumerate(system.getForces()) if isinstance(force, openmm.CustomExternalForce)]
    system.removeForce(old)
    held = openmm.CustomExternalForce(tether)
    held.addParticle(0, [])
    system.addForce(held)
    frame = Frame(dumbbell.exact_draws(1, np.random.default_rng(4))[0], dumbbell.BOX * np.eye(3))
    xml = openmm.XmlSerializer.serialize(system)


    def look(platform):
        engine = OpenMMSpec(xml, (dumbbell.native_cv(),), 1.0, 0.1, platform=platform).build()
        return looked_at(engine, [frame], ["r"], np.array([np.inf]))

    return look


def test_a_force_on_places_in_the_box_is_refused_where_molecules_are_put_back():
    """The platform moves molecules by whole boxes on a path, and works would count the energy that this makes."""
    look = in_a_box("x^2+y^2+z^2")
    look("Reference")
    with pytest.raises(ValueError, match=r"puts molecules back into the box .* take nearest images"):
        look("OpenCL")
    in_a_box("periodicdistance(x,y,z,0,0,0)^2")("OpenCL")
