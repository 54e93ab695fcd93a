"""`flow.cvf`: a proposal as a small binary file that programs without torch read; PLUMED's action CVFLOW does.

The layout is docs/cvf.md; what the numbers mean is docs/flow.md. The reader in C++ is plumed_plugin/Cvf.h.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from itertools import groupby
from math import prod

import numpy as np
import torch
from jaxtyping import Float
from pydantic import ValidationError
from torch import Tensor

from cvflow.core.cv_space import Domain
from cvflow.proposals.base import Proposal
from cvflow.proposals.flows.base import Flow
from cvflow.proposals.flows.spline import AutoregressiveSpline
from cvflow.proposals.io import from_bytes
from cvflow.proposals.labelled import LabelledProposal
from cvflow.proposals.learned import LearnedProposal
from cvflow.proposals.mixture import GaussianMixture
from cvflow.proposals.standard_coordinates import BOUND, StandardCoordinates

MAGIC = b"CVFLOW\r\n"
"""A transfer that takes it for text changes these bytes."""

CVF_FORMAT = 1
MOST_EXPORTED_CVS = 64
SPLINE, MIXTURE, LABELLED = 1, 2, 3
DOMAINS = (Domain.LINE, Domain.CIRCLE, Domain.BOX)
"""By their number in the file."""


@dataclass(frozen=True)
class Exported:
    """What a flow.cvf file holds.

    Attributes:
        proposal: the density.
        names: of the CVs, in order.
        units: of the CVs; empty in reduced units.
    """

    proposal: Proposal
    names: tuple[str, ...]
    units: tuple[str, ...]


class InexpressibleError(TypeError):
    """The file has no form for a density."""


def exported(flow: bytes, names: Sequence[str], units: Sequence[str]) -> dict[str, bytes]:
    """The file for a stored flow (`flow.safetensors`), by its name; none if the density has no such form.

    Raises:
        ValueError: as `to_cvf`, or the flow cannot be read.
    """
    proposal = from_bytes(flow)
    try:
        return {"flow.cvf": to_cvf(proposal, names, units)}
    except InexpressibleError:
        return {}


def to_cvf(proposal: Proposal, names: Sequence[str], units: Sequence[str]) -> bytes:
    """The bytes of a flow.cvf file.

    Raises:
        InexpressibleError: the density is of a kind that the file has no form for.
        ValueError: there are more CVs than the file can name, or a name or unit too long for it.
    """
    kind, domains, periods, body = _density(proposal)
    if not len(names) == len(units) == len(domains) <= MOST_EXPORTED_CVS:
        raise ValueError(
            f"flow.cvf: {len(domains)} CVs with {len(names)} names and {len(units)} units; at most {MOST_EXPORTED_CVS}"
        )
    parts = [struct.pack("<III", kind, proposal.version, len(domains))]
    for domain, period, name, unit in zip(domains, periods, names, units, strict=True):
        parts += [struct.pack("<Id", DOMAINS.index(domain), period), _label(name), _label(unit)]
    payload = b"".join([*parts, body])
    return MAGIC + struct.pack("<IIQ", CVF_FORMAT, zlib.crc32(payload), len(payload)) + payload


def _label(text: str) -> bytes:
    data = text.encode()
    if len(data) > 255:
        raise ValueError(f"flow.cvf: {text[:40]!r}… is longer than 255 bytes: give the CV a shorter name")
    return struct.pack("<I", len(data)) + data


Density = tuple[int, tuple[Domain, ...], Sequence[float], bytes]
"""Kind, what each CV lives on, its period (infinite but on circles), and the rest of the file."""


@singledispatch
def _density(proposal: Proposal) -> Density:
    kind = type(proposal).__name__
    raise InexpressibleError(f"flow.cvf has no form of {kind}: the action steers to CV values, not to conformations")


@_density.register
def _learned(proposal: LearnedProposal) -> Density:
    standard, sizes = proposal.standard, proposal.architecture
    if not isinstance(sizes, AutoregressiveSpline):
        raise InexpressibleError(
            f'flow.cvf has no form of the architecture "{sizes.kind}": run with [flow] architecture = '
            f'"{AutoregressiveSpline.kind}"'
        )
    body = [_numbers([proposal.epsilon]), _numbers(standard.centre), _numbers(standard.scale)]
    body.append(struct.pack("<II", sizes.transforms, sizes.bins))
    for layers in _conditioners(proposal.flow):
        body.append(struct.pack("<I", len(layers)))
        for weight, bias in layers:
            body += [struct.pack("<II", *weight.shape), _numbers(weight), _numbers(bias)]
    circles = [domain is Domain.CIRCLE for domain in standard.domains]
    periods = np.where(circles, 2 * BOUND * standard.scale, np.inf)
    return SPLINE, standard.domains, periods.tolist(), b"".join(body)


@_density.register
def _mixture(proposal: GaussianMixture) -> Density:
    domains = tuple(Domain.CIRCLE if np.isfinite(period) else Domain.LINE for period in proposal.periods)
    numbers = _numbers(proposal.weights), _numbers(proposal.means), _numbers(proposal.sigmas)
    return MIXTURE, domains, proposal.periods, struct.pack("<I", len(proposal.weights)) + b"".join(numbers)


@_density.register
def _labelled(proposal: LabelledProposal) -> Density:
    """Of the states' densities, each by its name; how labels move is no matter of the density."""
    parts = [_density(part) for part in proposal.parts]
    if any(kind != SPLINE for kind, *_ in parts):
        raise InexpressibleError("flow.cvf has no form of labels whose densities are not splines")
    _, domains, periods, _ = parts[0]
    named = [_label(state) + body for state, (*_, body) in zip(proposal.states, parts, strict=True)]
    numbers = struct.pack("<I", len(parts)), _numbers(proposal.weights)
    return LABELLED, domains, periods, b"".join([*numbers, *named])


def _numbers(values: Sequence | np.ndarray | Tensor) -> bytes:
    return np.ascontiguousarray(values, dtype="<f8").tobytes()


Layers = list[tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, " rows"]]]


def _conditioners(flow: Flow) -> Iterator[Layers]:
    """Each conditioner's layers with their masks applied; that of a single CV is one layer without input."""
    state = {name: tensor.numpy() for name, tensor in flow.state_dict().items()}
    for names in _layer_names(flow):
        biases = [state[f"{name}.bias"] for name in names]
        weights = [
            state[f"{name}.weight"] * state[f"{name}.mask"] if f"{name}.mask" in state else np.zeros((len(bias), 0))
            for name, bias in zip(names, biases, strict=True)
        ]
        yield list(zip(weights, biases, strict=True))


def _layer_names(flow: Flow) -> list[list[str]]:
    """Names of the layers of each conditioner, in order, as `state_dict` has them."""
    biases = [name.removesuffix(".bias") for name in flow.state_dict() if name.endswith(".bias")]
    return [list(names) for _, names in groupby(biases, lambda name: name.split(".")[:2])]  # splines.0, splines.1, …


_DAMAGED = (
    struct.error, IndexError, ValidationError, TypeError, ArithmeticError, UnicodeDecodeError, RuntimeError,
)  # fmt: skip
"""What reading something else may end in."""


def from_cvf(data: bytes) -> Exported:
    """Read a file back; the density has the same log q, bit by bit, as the one that was written.

    Raises:
        ValueError: the data is no flow.cvf, damaged, or of another format.
    """
    if data[:8] != MAGIC or len(data) < 24:
        raise ValueError("flow.cvf: it does not begin like one")
    form, checksum, length = struct.unpack("<IIQ", data[8:24])
    if form != CVF_FORMAT:
        raise ValueError(f"flow.cvf: its format is {form}, this version reads {CVF_FORMAT}: export it anew")
    if length != len(data) - 24 or checksum != zlib.crc32(data[24:]):
        raise ValueError("flow.cvf: damaged or cut short")
    try:
        return _parsed(_Bytes(data[24:]))
    except _DAMAGED as error:
        raise ValueError(f"flow.cvf: not what its checksum promises ({' '.join(str(error).split())})") from error


class _Bytes:
    """Bytes taken one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, form: str) -> tuple:
        values = struct.unpack_from(f"<{form}", self._data, self._at)
        self._at += struct.calcsize(f"<{form}")
        return values

    def whole(self) -> int:
        return int(self.take("I")[0])

    def text(self) -> str:
        return bytes(self.take(f"{self.whole()}s")[0]).decode()

    def numbers(self, *shape: int) -> np.ndarray:
        numbers = np.array(self.take(f"{prod(shape)}d")).reshape(shape)
        if not np.isfinite(numbers).all():
            raise ValueError("flow.cvf: damaged, it holds what is no number")
        return numbers


def _parsed(source: _Bytes) -> Exported:
    kind, version, cvs = source.take("III")
    domains, periods, names, units = [], [], [], []
    for _ in range(cvs):
        domain, period = source.take("Id")
        domains.append(DOMAINS[domain])
        periods.append(period)
        names.append(source.text())
        units.append(source.text())
    if kind not in _READ:
        raise ValueError(f"flow.cvf: unknown kind of density {kind}")
    return Exported(_READ[kind](source, tuple(domains), tuple(periods), version), tuple(names), tuple(units))


def _read_spline(source: _Bytes, domains: tuple[Domain, ...], periods: tuple[float, ...], version: int) -> Proposal:
    (epsilon,) = source.take("d")
    standard = StandardCoordinates(domains, source.numbers(len(domains)), source.numbers(len(domains)))
    transforms, bins = source.take("II")
    conditioners = [[_read_layer(source) for _ in range(source.whole())] for _ in range(transforms)]
    # A single CV's conditioner has no hidden layers, whatever the architecture says.
    hidden = tuple(len(bias) for _, bias in conditioners[0][:-1]) or AutoregressiveSpline().hidden
    sizes = AutoregressiveSpline(transforms=transforms, hidden=hidden, bins=bins)
    held = sum(weight.numel() + bias.numel() for layers in conditioners for weight, bias in layers)
    alike = all(len(layers) == len(conditioners[0]) for layers in conditioners)
    if len(domains) > MOST_EXPORTED_CVS or held != sizes.numbers(domains) or not alike or not 0 < epsilon < 1:
        raise ValueError("flow.cvf: damaged, its sizes do not go together")
    with torch.random.fork_rng():
        flow = sizes.build(domains)
    state = flow.state_dict()
    for names, layers in zip(_layer_names(flow), conditioners, strict=True):
        for name, (weight, bias) in zip(names, layers, strict=True):
            state |= {f"{name}.bias": bias} | ({f"{name}.weight": weight} if weight.numel() else {})
    flow.load_state_dict(state)
    return LearnedProposal(flow, sizes, standard, epsilon, version)


def _read_layer(source: _Bytes) -> tuple[Tensor, Tensor]:
    rows, columns = source.take("II")
    return torch.from_numpy(source.numbers(rows, columns)), torch.from_numpy(source.numbers(rows))


def _read_mixture(source: _Bytes, domains: tuple[Domain, ...], periods: tuple[float, ...], version: int) -> Proposal:
    count = source.whole()
    weights = tuple(source.numbers(count).tolist())
    means, sigmas = (tuple(map(tuple, source.numbers(count, len(domains)).tolist())) for _ in range(2))
    return GaussianMixture(means, sigmas, weights, periods, version)


def _read_labelled(source: _Bytes, domains: tuple[Domain, ...], periods: tuple[float, ...], version: int) -> Proposal:
    weights = tuple(source.numbers(source.whole()).tolist())
    parts = {source.text(): _read_spline(source, domains, periods, version) for _ in weights}
    return LabelledProposal(tuple(parts), tuple(parts.values()), weights, False, version)


_READ: dict[int, Callable[[_Bytes, tuple[Domain, ...], tuple[float, ...], int], Proposal]] = {
    SPLINE: _read_spline,
    MIXTURE: _read_mixture,
    LABELLED: _read_labelled,
}
