"""Densities that the evaluator in C++ is compared on."""

from functools import cache
from math import inf, pi

import numpy as np
import torch

from cvflow.core.cv_space import Domain
from cvflow.proposals import GaussianMixture
from cvflow.proposals.export import to_cvf
from cvflow.proposals.flows.spline import AutoregressiveSpline
from cvflow.proposals.labelled import LabelledProposal
from cvflow.proposals.learned import LearnedProposal
from cvflow.proposals.standard_coordinates import StandardCoordinates
from tests.proposals.cases import BOX, CIRCLE, LINE, SPACES, learned, space

LINES = GaussianMixture(((3.5, 1.0), (5.7, -2.0)), ((0.2, 1.0), (0.35, 0.4)), (0.7, 0.3))
CIRCLES = GaussianMixture(((3.0, 1.0), (0.2, -2.0)), ((0.5, 1.0), (0.35, 0.4)), (0.7, 0.3), (2 * pi, inf), version=4)
MANY = (CIRCLE, LINE, BOX, CIRCLE, LINE, CIRCLE)
WHERE = SPACES | {
    "mixture": space(LINE, LINE), "wrapped": space(CIRCLE, LINE), "many": space(*MANY), "labelled": SPACES["mixed"],
}  # fmt: skip
LEARNED = [*SPACES, "many"]


@cache
def proposal(name):
    """By the name that `WHERE` has its space under."""
    fixed = {"mixture": LINES, "wrapped": CIRCLES} | ({"labelled": labels()} if name == "labelled" else {})
    return fixed[name] if name in fixed else rough() if name == "many" else learned(name)


def labels():
    """Two states, and a third that is hardly ever drawn."""
    parts = tuple(learned("mixed", seed) for seed in range(3))
    return LabelledProposal(("near", "far", "rare"), parts, (0.6, 0.399, 0.001), False, 2)


def rough():
    """Six CVs, another architecture, and weights so large that no parameter is small."""
    axes = WHERE["many"].domains
    architecture = AutoregressiveSpline(transforms=4, hidden=(16, 24, 16), bins=5)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        flow = architecture.build(axes)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(8.0)
    scale = np.array([{Domain.CIRCLE: 2 * pi / 10, Domain.BOX: 0.25, Domain.LINE: 0.8}[axis] for axis in axes])
    centre = np.array([{Domain.CIRCLE: 0.7, Domain.BOX: 2.25, Domain.LINE: 4.0}[axis] for axis in axes])
    return LearnedProposal(flow, architecture, StandardCoordinates(axes, centre, scale), 0.05, 1)


def cvf(name):
    """The file."""
    cvs = len(WHERE[name].periods)
    return to_cvf(proposal(name), [f"s{i}" for i in range(cvs)], ["rad"] * cvs)
