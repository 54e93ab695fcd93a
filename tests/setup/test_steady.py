"""Starts are looked at twice: what is no function of the positions alone is refused before anything runs."""

import warnings

import numpy as np
import openmm
import pytest
from openmm import app

import cvflow
from cvflow.core.frames import Exactness, Frame
from cvflow.engines.openmm import OpenMMSpec
from cvflow.engines.verlet import VerletEngine
from cvflow.setup.steady import check_same_energies, check_same_points, looked_at
from tests.cv.with_plumed import needs_plumed
from tests.setup import unsteady

STARTS = {"near": np.array([[0.0, 0, 0], [0.1, 0, 0]]), "far": np.array([[0.0, 0, 0], [0.3, 0, 0]])}
PROPOSAL = {"means": [[0.1], [0.3]], "sigmas": [[0.02], [0.02]], "weights": [0.5, 0.5]}


def pair():
    """Two atoms on a spring."""
    topology, system = app.Topology(), openmm.System()
    residue = topology.addResidue("MOL", topology.addChain())
    spring = openmm.HarmonicBondForce()
    spring.addBond(0, 1, 0.2, 100.0)
    for name in "AB":
        topology.addAtom(name, app.element.argon, residue)
        system.addParticle(40.0)
    system.addForce(spring)
    return cvflow.openmm_system(topology, system, 300)


def sampled(cv, out):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cvflow.sample(
            pair(), [cv], {"near": f"{cv.name} < 0.2", "far": f"{cv.name} >= 0.2"}, STARTS, out, quiet=True,
            engine={"platform": "Reference"}, proposal=PROPOSAL, walkers=2, adapt_jumps=0, jumps=1, local_steps=2,
            path={"steps": 4, "kappa": 1000.0}, workers=1,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (unsteady.noisy, "for the same configuration: it must be a function of the positions alone"),
        (unsteady.remembering, "for the same configuration: it must be a function of the positions alone"),
        (unsteady.single, "the function fails on positions of shape (1, 2, 3), float64: RuntimeError"),
        (unsteady.column, "it gives shape (1, 1)"),
        (unsteady.leaving, "float64: SystemExit: no licence"),
        (unsteady.undefined, "is not finite at the start of walker 0"),
    ],
)
def test_a_cv_is_tried_at_the_starts(function, words, tmp_path):
    with pytest.raises(ValueError, match=r"^CV s") as caught:
        sampled(cvflow.cv.from_torch("s", function, [0, 1]), tmp_path / "out")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_single_precision_is_no_noise(tmp_path):
    assert sampled(cvflow.cv.from_torch("s", unsteady.in_single_precision, [0, 1]), tmp_path / "out").folder.exists()


@needs_plumed
def test_a_text_of_plumed_that_reads_the_time(tmp_path):
    text = "t: TIME\nd: DISTANCE ATOMS=1,2\ns: CUSTOM ARG=d,t VAR=d,t FUNC=d+1e-6*t PERIODIC=NO"
    with pytest.raises(ValueError, match=r"^CV s is 0\.1 and then 5\.14 for the same configuration"):
        sampled(cvflow.cv.from_plumed("s", text), tmp_path / "out")


class Wandering(VerletEngine):
    """Its energy changes with the time, with every question, or not at all."""

    kT = 2.5

    def __init__(self, by_time=0.0, by_call=0.0, noise=0.0):
        self.by_time, self.by_call, self.noise = by_time, by_call, noise
        self.time, self.calls = 0.0, 0

    exactness = Exactness(True, "")

    def let_time_pass(self):
        self.time += 1.0

    def cv_values(self, frame):
        return frame.positions[0, :1]

    def potential_energy(self, frame):
        self.calls += 1
        sign = (-1) ** self.calls
        return 1e5 * frame.positions[0, 1] + self.by_time * self.time + self.by_call * self.calls + sign * self.noise

    def _begin(self, frame, velocities, course):
        raise NotImplementedError


FRAMES = [Frame(np.array([[float(i), float(i), 0.0]]), None) for i in range(3)]


@pytest.mark.parametrize("fault", [{"by_time": 1.5}, {"by_call": 1.0}])
def test_a_potential_that_changes_is_refused(fault):
    with pytest.raises(ValueError, match=r"^the potential is .* kJ/mol for the same configuration"):
        looked_at(Wandering(**fault), FRAMES, ["a"], np.array([np.inf]))


def test_what_single_precision_makes_of_a_large_energy_passes():
    looked = looked_at(Wandering(noise=0.005), [*FRAMES, FRAMES[0]], ["a"], np.array([np.inf]))
    assert looked.points.tolist() == [[0.0], [1.0], [2.0], [0.0]]
    assert looked.energies == pytest.approx([0.0, 1e5, 2e5, 0.0], abs=0.01)


def test_a_walker_more_is_no_evaluation_more():
    engine = Wandering()
    looked_at(engine, [FRAMES[0]] * 4, ["a"], np.array([np.inf]))
    assert engine.calls == 2


def test_on_a_circle_both_ends_are_one():
    points, circle = np.array([[np.pi], [0.5]]), (["phi"], np.array([2 * np.pi]), np.array([1e-5]))
    check_same_points(points, np.array([[-np.pi], [0.5]]), *circle)
    with pytest.raises(ValueError, match=r"CV phi is 0\.5 and then 0\.51"):
        check_same_points(points, np.array([[np.pi], [0.51]]), *circle)


def test_an_energy_that_is_none_is_another_fault():
    check_same_energies(np.array([np.nan, np.inf, 1.0]), np.array([np.nan, np.inf, 1.0]), "it", 1.0)


def test_openmm_moves_its_clock():
    """Forces of plugins may read the time, or count steps."""
    parts = pair()
    cv = cvflow.cv.distance("d", 0, 1)
    spec = OpenMMSpec(openmm.XmlSerializer.serialize(parts.system), (cv,), 2.5, 0.001, platform="Reference")
    engine = spec.build()
    engine.let_time_pass()
    context = engine._context.context
    assert (context.getStepCount(), context.getTime()._value) == (5_040_000, pytest.approx(5040.0))
