"""Checks of a user's potential and CV at the chains' starts, before anything runs."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cvflow.cv.batch import BatchCV, FunctionCV
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.host.faults import USERS_FAULTS
from cvflow.setup.steady import STEADY

_FLAT = {torch.float64: 1e-8, torch.float32: 1e-5}
"""Smallest over largest singular value of ∇ξ, below which it has lost rank."""

_ALIKE = {torch.float64: 1e-5, torch.float32: 1e-3}
"""Relative difference of a chain's energies, alone and among others, that is the order of the sums."""


def probe(
    system: TorchSystem, starts: Float[np.ndarray, " chains *shape"], dtype: torch.dtype, device: torch.device
) -> Float[np.ndarray, "chains cvs"]:
    """Check that the functions take a batch, and their shapes, finiteness, independence of the chains and rank of ∇ξ.

    Args:
        system: the potential and the CV.
        starts: one configuration a chain.
        dtype: in which the run calls the functions.
        device: on which it does.

    Returns:
        The CV at the starts.

    Raises:
        ValueError: something is not as it must be; what, where, and the mend.
    """
    x = torch.as_tensor(starts, dtype=dtype, device=device).flatten(1)
    _check_potential(system.potential, x)
    _check_cv(system.cv, x, tuple(starts.shape))
    return system.cv.value(x).cpu().double().numpy()


def _check_potential(potential: Potential, x: Tensor) -> None:
    points, chains = x.unflatten(1, potential.shape), len(x)
    shape = tuple(points.shape)
    energy = _called("the potential", potential.function, points, shape)
    if energy.shape != (chains,):
        raise ValueError(
            f"the potential takes {shape} to {tuple(energy.shape)}, not to ({chains},): one energy a chain"
        )
    if not torch.isfinite(energy).all():
        chain = _first(~torch.isfinite(energy))
        raise ValueError(
            f"the start of chain {chain} has the energy {float(energy[chain])}: give starts of finite energy"
        )
    _check_again("the potential", energy, _called("the potential", potential.function, points, shape))
    for chain in (0, chains - 1):
        alone = _called("the potential", potential.function, points[chain : chain + 1], (1, *shape[1:]))
        if alone.shape != (1,) or not torch.allclose(alone, energy[chain], rtol=_ALIKE[x.dtype]):
            raise ValueError(
                "the energy of a chain depends on the other chains in the batch: sum over the configuration's "
                "dimensions only"
            )
    if potential.derivative is None:
        gradient = _called("the potential's automatic derivative", potential.gradient, x, shape)
    else:
        gradient = _called("the potential's derivative", potential.derivative, points, shape)
        if gradient.shape != shape:
            raise ValueError(
                f"the potential's derivative takes {shape} to {tuple(gradient.shape)}, not to the same shape"
            )
    if not torch.isfinite(gradient).all():
        chain = _first(~torch.isfinite(gradient).flatten(1).all(dim=1))
        raise ValueError(f"the gradient at the start of chain {chain} is not finite: give other starts")
    _check_again("the potential's derivative", gradient.flatten(1), potential.gradient(x))


def _check_cv(cv: BatchCV, x: Tensor, shape: tuple[int, ...]) -> None:
    what, chains, components = f"CV {', '.join(cv.names)}", len(x), len(cv.names)
    if isinstance(cv, FunctionCV):
        given = _called(what, cv.function, x.unflatten(1, cv.shape), shape)
        if given.shape != (chains, components) and not (components == 1 and given.shape == (chains,)):
            raise ValueError(
                f"{what}: the function takes {shape} to {tuple(given.shape)}, not to ({chains}, {components}): one "
                "value a chain and name"
            )
    value = _called(what, cv.value, x, shape)
    if not torch.isfinite(value).all():
        raise ValueError(f"{what} is not finite at the start of chain {_first(~torch.isfinite(value).all(dim=1))}")
    _check_again(what, value, _called(what, cv.value, x, shape))
    for chain in (0, chains - 1):
        alone = _called(what, cv.value, x[chain : chain + 1], (1, *shape[1:]))
        if not torch.allclose(alone[0], value[chain], rtol=_ALIKE[x.dtype], atol=_ALIKE[x.dtype]):
            raise ValueError(f"{what} of a chain depends on the other chains in the batch")
    _check_place(what, cv, value)
    _check_rank(what, _called(f"the derivative of {what}", cv.jacobian, x, shape), _FLAT[x.dtype])


def _check_place(what: str, cv: BatchCV, value: Float[Tensor, "chains cvs"]) -> None:
    """Every value lies in its range, and on a circle within half a period around zero."""
    for i, ((low, high), period) in enumerate(zip(cv.ranges, cv.periods, strict=True)):
        outside = (value[:, i] < low) | (value[:, i] > high)
        if bool(outside.any()):
            chain = _first(outside)
            raise ValueError(
                f"{what}: {cv.names[i]} = {float(value[chain, i]):.6g} at the start of chain {chain} is outside its "
                f"range, {low:.6g} to {high:.6g}"
            )
        far = value[:, i].abs() > 0.5 * period
        if bool(far.any()):
            chain = _first(far)
            raise ValueError(
                f"{what}: {cv.names[i]} = {float(value[chain, i]):.6g} at the start of chain {chain} is more than half "
                f"a period from zero: bring the CV into [{-0.5 * period:.6g}, {0.5 * period:.6g})"
            )


def _check_rank(what: str, jacobian: Float[Tensor, "chains cvs dof"], smallest: float) -> None:
    if not torch.isfinite(jacobian).all():
        chain = _first(~torch.isfinite(jacobian).flatten(1).all(dim=1))
        raise ValueError(f"the gradient of {what} is not finite at the start of chain {chain}: give other starts")
    if jacobian.shape[1] > jacobian.shape[2]:
        raise ValueError(f"{what}: {jacobian.shape[1]} components are more than the {jacobian.shape[2]} coordinates")
    singular = torch.linalg.svdvals(jacobian)
    flat = ~(singular[:, -1] > smallest * singular[:, 0].clamp(min=1e-30))
    if bool(flat.any()):
        raise ValueError(
            f"the gradients of {what} are zero or parallel at the start of chain {_first(flat)}: the CV cannot be "
            "steered there; use CVs that are independent of each other"
        )


def _called(what: str, function: Callable[[Tensor], Tensor], x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """What a user's function gives, called with a batch that has this shape for its author."""
    try:
        given = function(x)
    except USERS_FAULTS as error:
        reason = next(iter(str(error).splitlines()), "")
        raise ValueError(f"{what} fails on a batch of shape {shape}: {type(error).__name__}: {reason}") from error
    if not isinstance(given, Tensor):
        raise ValueError(f"{what} gives a {type(given).__name__}, not a torch tensor")
    return given


def _check_again(what: str, first: Tensor, second: Tensor) -> None:
    """The same batch gives the same numbers, up to the order of sums.

    Raises:
        ValueError: it does not.
    """
    alike = _ALIKE.get(first.dtype, max(_ALIKE.values()))
    if not torch.allclose(first, second, rtol=alike, atol=alike):
        raise ValueError(f"{what} changes from one call to the next: {STEADY}")


def _first(chains: Tensor) -> int:
    """The first chain for which it is true."""
    return int(chains.nonzero()[0, 0])
