"""Systems and CVs with one fault each, as a user's file might hold them."""

from dataclasses import replace

import numpy as np
import torch

from cvflow import Potential, TorchSystem
from cvflow.cv.batch import FunctionCV
from tests.valley import across, valley


def with_energy(energy, derivative=None):
    return replace(valley(), potential=Potential(energy, (2,), derivative))


def with_cv(function, names=("z",), **more):
    states = {"left": f"{names[0]} < 2", "right": f"{names[0]} >= 2"}
    return replace(valley(), cv=FunctionCV(names, function, (2,), **more), states=states)


def with_starts(made):
    return replace(valley(), starts=made)


def column():
    return with_energy(lambda x: (x * x).sum(dim=1, keepdim=True))


def summed():
    return with_energy(lambda x: (x * x).sum())


def centred():
    """Each chain's distance from the mean of all of them."""
    return with_energy(lambda x: ((x - x.mean(dim=0)) ** 2).sum(dim=1))


def from_the_first():
    """Right for the first chain alone."""
    return with_energy(lambda x: ((x - x[:1]) ** 2).sum(dim=1))


def infinite():
    return with_energy(lambda x: torch.log(x[:, 0].sign()) + (x * x).sum(dim=1))


def single():
    """One configuration, not a batch of them."""
    return with_energy(lambda x: x @ x)


def other_library():
    return with_energy(lambda x: torch.from_numpy(np.sin(x.numpy()).sum(axis=1)))


def a_number():
    return with_energy(lambda x: 0.0)


def a_bug():
    return with_energy(lambda x: {}["force constant"])


def only_double():
    """Fails in single precision alone."""
    stiffness = torch.eye(2, dtype=torch.float64)
    return with_energy(lambda x: ((x @ stiffness) * x).sum(dim=1))


def kink():
    return with_energy(lambda x: torch.sqrt(x[:, 0] - x[:, 0]) + (x * x).sum(dim=1))


def short_derivative():
    return with_energy(lambda x: (x * x).sum(dim=1), lambda x: 2 * x[:, :1])


def no_derivative():
    return with_energy(lambda x: (x * x).sum(dim=1), lambda x: None)


def two_for_one():
    return with_cv(lambda x: x)


def one_for_two():
    return with_cv(lambda x: x[:, 0], ("z", "y"))


def lying():
    """Components first, chains second."""
    return with_cv(lambda x: x.T, ("z", "y"))


def summed_cv():
    return with_cv(lambda x: x[:, 0].sum())


def centred_cv():
    return with_cv(lambda x: x[:, 0] - x[:, 0].mean() + 2)


def buggy_cv():
    return with_cv(lambda x: x[:, 2])


def twice():
    return with_cv(lambda x: torch.stack([x[:, 0], 2 * x[:, 0]], dim=1), ("z", "again"))


def too_many():
    return with_cv(lambda x: torch.stack([x[:, 0], x[:, 1], x[:, 0] * x[:, 1]], dim=1), ("z", "y", "both"))


def flat():
    return with_cv(lambda x: x[:, 0].detach() + 0 * x[:, 1])


def kinked_cv():
    return with_cv(lambda x: x[:, 0] + torch.sqrt(x[:, 1] - x[:, 1]))


def undefined_cv():
    return with_cv(lambda x: torch.log(x[:, 0] - 3))


def narrow():
    return with_cv(lambda x: x[:, 0], ranges=((-1.0, 3.0),))


def unwrapped():
    return with_cv(lambda x: x[:, 0], periods=(6.0,))


def short_starts():
    return with_starts(lambda state, count, rng: np.zeros((count, 3)))


def one_start():
    return with_starts(lambda state, count, rng: np.zeros(2))


def worded_starts():
    return with_starts(lambda state, count, rng: state)


def failing_starts():
    return with_starts(lambda state, count, rng: {"left": np.zeros((count, 2))}[state])


def all_left():
    return with_starts(lambda state, count, rng: 0.1 * rng.standard_normal((count, 2)))


def not_a_number():
    return with_starts(lambda state, count, rng: np.full((count, 2), np.nan))


def failing():
    raise KeyError("parameters.json")


def own_fault():
    """A TypeError of its own, which is not one of parameters."""
    return len(3)


def cold():
    return valley(kT=-1.0)


def one_state():
    return replace(valley(), states={"left": "z < 2"})


def unknown_state():
    return replace(valley(), states={"left": "z < 2", "right": "zeta >= 2"})


def heavy():
    """Masses that mix the CV with the rest."""
    from cvflow.cv.batch import LinearCV

    return replace(valley(), cv=LinearCV(("z",), ((0.6, 0.8),)), masses=(1.0, 2.0))


def bent():
    return with_cv(across)


def level(x):
    """A CV with no gradient at all."""
    return 0 * x[:, 0] + 4 * (x[:, 0] > 2).to(x.dtype)


def own_potential(x):
    return (x * x).sum(dim=1)


class Looks:
    """Like a system, but is none."""

    potential = own_potential


def looks():
    return Looks()


def circle():
    return with_cv(lambda x: x[:, 0] - 8 * torch.round(x[:, 0] / 8), periods=(8.0,), ranges=((-4.0, 4.0),))


SYSTEM = TorchSystem


def noisy():
    return with_energy(lambda x: (x * x).sum(dim=1) + 0.01 * torch.randn(len(x), dtype=x.dtype))


def noisy_derivative():
    return with_energy(lambda x: (x * x).sum(dim=1), lambda x: 2 * x + 0.01 * torch.randn_like(x))


def remembering():
    """Deeper with every call, as a bias that is deposited is."""
    calls = []

    def energy(x):
        calls.append(len(x))
        return (x * x).sum(dim=1) - 0.01 * len(calls)

    return with_energy(energy)


def dropping_cv():
    """A network whose dropout is on."""
    dropout = torch.nn.Dropout(0.5)
    return with_cv(lambda x: x[:, 0] + 0.01 * dropout(torch.ones_like(x[:, 0])))


def leaving():
    raise SystemExit("no licence")


def leaving_energy():
    return with_energy(lambda x: leaving())


def leaving_cv():
    return with_cv(lambda x: leaving())


def leaving_starts():
    return with_starts(lambda state, count, rng: leaving())
