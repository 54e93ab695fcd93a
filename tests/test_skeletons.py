"""examples/skeletons, which docs/extending.md shows: each passes the tests that cvflow's own of its kind pass."""

from dataclasses import dataclass

import pytest
import torch

from cvflow.core.cv_space import Domain
from cvflow.core.schedule import Cosine, Linear
from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.one_jump import ACCEPTANCE_MUTANTS, Case, jumps
from cvflow.engines.openmm.certificates import THRESHOLD
from cvflow.proposals import flows
from examples.skeletons.contour_length import ContourLength
from examples.skeletons.halves_spline import HalvesSpline
from examples.skeletons.own_engine import OwnEngine, OwnSpec
from tests.cv import test_gradient as law_of_gradients
from tests.cv.cases import CvCase
from tests.engines import test_forces as law_of_forces
from tests.engines import test_verlet as law_of_paths
from tests.engines.dumbbell_arrays import energy_and_gradient
from tests.engines.stationarity import passes
from tests.proposals.flows import test_flows as law_of_flows
from tests.proposals.flows.cases import MIXED


def length(x):
    return torch.linalg.vector_norm(x[:, [4, 2, 7]] - x[:, [2, 7, 0]], dim=2).sum(dim=1)


@pytest.fixture
def own(monkeypatch):
    """The CV among those that the tests are of."""
    case = CvCase(ContourLength("own", (4, 2, 7, 0)), length)
    for module in (law_of_gradients, law_of_forces):
        monkeypatch.setitem(module.CASES, "own", case)
    return "own"


@pytest.mark.parametrize(
    "law",
    [
        law_of_gradients.test_the_gradient_is_that_of_the_value,
        law_of_forces.test_the_restraint_is_a_spring_on_the_cv,
        law_of_forces.test_the_restraint_pulls_along_the_gradient,
        law_of_forces.test_the_cpu_platform_agrees,
    ],
)
def test_the_cv(law, own):
    law(own)


@pytest.fixture
def kind(monkeypatch):
    """The flow among the architectures that configs and files may name."""
    monkeypatch.setattr(flows, "ARCHITECTURES", (*flows.ARCHITECTURES, HalvesSpline))
    return HalvesSpline.kind


@pytest.mark.parametrize("domains", [MIXED, MIXED[:1], MIXED[1:3]])
def test_the_flow_is_a_density(domains, kind):
    law_of_flows.test_the_density_is_the_base_pushed_through(kind, domains)
    law_of_flows.test_arrays_have_the_same_density_and_draws_as_torch(kind, domains, 20)
    built = law_of_flows.small(kind).build(domains)
    assert law_of_flows.small(kind).numbers(domains) == sum(each.numel() for each in built.parameters())


@pytest.mark.parametrize(
    "law",
    [
        law_of_flows.test_the_map_and_its_inverse_undo_each_other,
        law_of_flows.test_every_cv_is_mapped_and_sees_the_others,
        law_of_flows.test_weights_are_in_double_precision,
    ],
)
def test_the_flow(law, kind):
    law(kind)


@pytest.mark.parametrize(
    ("law", "domains"),
    [
        (law_of_flows.test_circles_are_closed, MIXED),
        (law_of_flows.test_a_box_and_a_circle_hold_it_all, (Domain.CIRCLE, Domain.BOX)),
        (law_of_flows.test_a_plane_holds_it_all, (Domain.LINE, Domain.LINE)),
    ],
)
def test_the_flow_is_closed_and_holds_it_all(law, domains, kind):
    law(kind, domains)


def forces(x):
    """The dumbbell's, by whatever a user's program is."""
    energy, gradient = energy_and_gradient(x)
    return energy, -gradient


def of_own(**changes):
    settings = {"forces": forces, "masses": dumbbell.MASSES, "cvs": (dumbbell.native_cv(),), "kT": 1.0}
    return OwnSpec(**(settings | {"timestep": 0.05} | changes))


@pytest.mark.parametrize("schedule", [Linear(), Cosine()])
def test_the_engine_s_path_backwards_has_minus_the_work(schedule):
    law_of_paths.test_a_path_backwards_has_minus_the_work(of_own, schedule)


@pytest.mark.parametrize(
    "law",
    [
        law_of_paths.test_a_wrong_order_has_no_reverse,
        law_of_paths.test_the_error_of_the_way_back_tells_a_right_order_from_a_wrong_one,
        law_of_paths.test_a_path_with_friction_backwards_has_minus_the_work,
        law_of_paths.test_a_path_that_is_looked_at_is_the_same_path,
        law_of_paths.test_a_path_that_is_given_up_carries_its_start,
    ],
)
def test_the_engine(law):
    law(of_own)


@dataclass(frozen=True)
class OwnCase(Case):
    engine: type[OwnEngine] = OwnEngine

    def build(self) -> OwnEngine:
        return self.engine(of_own(timestep=self.timestep, friction=self.friction, schedule=self.schedule))


COARSE = OwnCase(steps=1, timestep=0.36, kappa=20.0, draws=1_600)


class InThisProcess:
    """In the place of worker processes, which take longer to begin than these few draws."""

    def __init__(self, workers):
        self.map = map

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_one_coarse_step_leaves_the_distribution_invariant(monkeypatch):
    """And a wrong sign of the work does not."""
    monkeypatch.setattr("cvflow.doctor.verify.one_jump.Pool", InThisProcess)
    passes(COARSE)
    sample = jumps(COARSE)
    assert sample.decided(ACCEPTANCE_MUTANTS["sign of W"](sample)).largest_z() > THRESHOLD


def test_settings_out_of_range_raise():
    with pytest.raises(ValueError, match="timestep must be positive"):
        of_own(timestep=0.0).build()
