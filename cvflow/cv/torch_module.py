"""CVs that are trained torch modules: a function that builds the module, and its weights as data."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from importlib import import_module
from math import inf
from pathlib import Path
from typing import Any

from cvflow.cv.selection import Atoms
from cvflow.cv.torch_function import TorchCV, from_torch
from cvflow.host.faults import USERS_FAULTS, brief, said
from cvflow.host.functions import NamedFunction, reference_to


@dataclass(frozen=True)
class TrainedModule:
    """A torch module as a function of positions: in `eval` mode, in double precision, none of its weights learning.

    Attributes:
        build: makes the module; it travels to worker processes by its name.
        weights: the full name of a safetensors file with all that the module's `state_dict` has.
        digest: SHA-256 of that file; another content is refused.
    """

    build: NamedFunction
    weights: str
    digest: str

    def __call__(self, x: Any) -> Any:
        value = _loaded(self)(x)
        return value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value


def from_module(
    name: str,
    build: Callable[[], Any],
    weights: str | Path,
    atoms: Atoms,
    unit: str = "",
    period: float = inf,
    range: tuple[float, float] = (-inf, inf),
    *,
    periodic: bool = True,
) -> TorchCV:
    """Make a CV of a torch module of positions [nm], from (chains, atoms, 3) to (chains,) or (chains, 1).

    Args:
        name: the CV's name in state expressions and files.
        build: a function at the top of a file, without arguments, that makes the module.
        weights: a safetensors file with the module's weights, as `safetensors.torch.save_model` writes it.
        atoms: indices counted from 0, a selection string, or a list of both.
        unit: for tables and axes.
        period: of a CV on a circle.
        range: values that the module can take.
        periodic: whether, in a periodic box, molecules are brought together before the module sees them.

    Raises:
        ValueError: as `TorchCV`, or the weights are not this module's.
    """
    named = build if isinstance(build, NamedFunction) else NamedFunction(reference_to(build, f"CV {name}: the module"))
    file = Path(weights).resolve()
    try:
        module = TrainedModule(named, str(file), _digest(file))
        _loaded(module)
    except ValueError as error:
        raise ValueError(f"CV {name}: {error}") from error
    return from_torch(name, module, atoms, unit, period, range, periodic=periodic)


@lru_cache(maxsize=16)
def _loaded(trained: TrainedModule) -> Any:
    """The module with its weights.

    Raises:
        ValueError: it cannot be built, or the file has changed, or holds no weights of this module.
    """
    if _digest(Path(trained.weights)) != trained.digest:
        raise ValueError(f"{trained.weights} has changed since the CV was made of it")
    torch: Any = import_module("torch")  # here: processes without such a CV start without it
    try:
        module = trained.build()
    except USERS_FAULTS as error:
        raise ValueError(f"{trained.build.reference} fails: {said(error)}") from error
    if not isinstance(module, torch.nn.Module):
        raise ValueError(f"{trained.build.reference} gives no torch module, but {brief(module)}")
    try:
        import_module("safetensors.torch").load_model(module, trained.weights)
    except Exception as error:  # safetensors and torch have errors of their own, some of many lines
        raise ValueError(f"{trained.weights} holds no weights of this module ({said(error)})") from error
    return module.eval().double().requires_grad_(False)


def _digest(file: Path) -> str:
    """SHA-256 of a file's content.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        with file.open("rb") as content:
            return file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror})") from error
