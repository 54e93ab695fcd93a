"""Forces of cvpack as CVs: what another library gives as OpenMM forces, with the values of ours or its own."""

import importlib.util
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app

from cvflow.core.frames import Frame
from cvflow.cv import from_force, gyration, rmsd
from cvflow.cv.geometry import torsion_of
from cvflow.engines.openmm.restraint import centre_name, kappa_name, restraint_force
from cvflow.host.openmm_xml import deserialised

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("cvpack") is None,
    reason="NO CVPACK: its forces as CVs are not tested (pip install 'cvflow[cvpack]')",
)
PEPTIDE = app.PDBFile(str(Path(__file__).parents[1] / "data" / "peptide" / "unfolding.pdb"))
FRAMES = [
    Frame(np.array(PEPTIDE.getPositions(asNumpy=True, frame=number)._value), None)
    for number in range(PEPTIDE.getNumFrames())
]
GROUP = [8, 18, 28, 38, 48]
COUNT = PEPTIDE.topology.getNumAtoms()
NAMES = ["HelixHBondContent", "PathInRMSDSpace", "RMSD", "RadiusOfGyration", "TorsionSimilarity"]


def made(name):
    import cvpack

    first, second = np.array([[4, 5, 6, 8], [8, 18, 28, 38]]), np.array([[18, 28, 38, 48], [6, 8, 18, 20]])
    milestones = [{i: openmm.Vec3(*frame.positions[i]) for i in GROUP} for frame in FRAMES]
    return {
        "HelixHBondContent": lambda: cvpack.HelixHBondContent(list(PEPTIDE.topology.residues())[1:-1]),
        "PathInRMSDSpace": lambda: cvpack.PathInRMSDSpace(cvpack.path.progress, milestones, COUNT, 0.05),
        "RMSD": lambda: cvpack.RMSD(FRAMES[0].positions, GROUP, COUNT),
        "RadiusOfGyration": lambda: cvpack.RadiusOfGyration(GROUP),
        "TorsionSimilarity": lambda: cvpack.TorsionSimilarity(first, second),
    }[name]()


def ours(name, frame):
    """The same by ours, where there is one."""
    if name == "RMSD":
        return rmsd("m", GROUP, FRAMES[0].positions[GROUP]).evaluate(frame)
    if name == "RadiusOfGyration":
        return gyration("g", GROUP).evaluate(frame)
    if name == "TorsionSimilarity":
        first, second = ([4, 5, 6, 8], [8, 18, 28, 38]), ([18, 28, 38, 48], [6, 8, 18, 20])
        pairs = zip(first, second, strict=True)
        return sum(
            0.5 * (1 + np.cos(torsion_of(frame.positions[a])[0] - torsion_of(frame.positions[b])[0])) for a, b in pairs
        )
    return None


def context(force):
    system = openmm.System()
    for _ in range(COUNT):
        system.addParticle(1.0)
    system.addForce(force)
    return openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))


@pytest.mark.parametrize("name", NAMES)
def test_its_values_and_the_spring_on_them(name):
    cv, alone = from_force("f", made(name)), context(made(name))
    held = context(restraint_force(cv, 0))
    held.setParameter(kappa_name(0), 40.0)
    for frame in FRAMES:
        alone.setPositions(frame.positions)
        value, gradient = cv.value_and_gradient(frame)
        assert value == pytest.approx(alone.getState(getEnergy=True).getPotentialEnergy()._value, rel=1e-9)
        expected = ours(name, frame)
        assert expected is None or value == pytest.approx(expected, abs=1e-6)
        held.setParameter(centre_name(0), value - 0.2)
        held.setPositions(frame.positions)
        forces = held.getState(getForces=True).getForces(asNumpy=True)._value
        np.testing.assert_allclose(forces, -40 * 0.2 * gradient, atol=1e-6 * max(1e-3, np.abs(forces).max()))
    values = [cv.evaluate(frame) for frame in FRAMES]
    assert np.ptp(values) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_what_a_run_keeps_of_it_is_openmm_s_own_data(name):
    """No class of cvpack in the XML: it is read without cvpack."""
    cv = from_force("f", made(name))
    assert "cvpack" not in cv.force_xml.lower()
    assert type(deserialised(cv.force_xml, "it")).__module__.startswith("openmm")
