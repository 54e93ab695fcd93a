"""Proposals as bytes and files: safetensors with JSON metadata, data and never code."""

import json
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from cvflow.core.cv_space import Domain
from cvflow.cv.internal_coordinates import Chain, Shapes
from cvflow.proposals.base import Proposal
from cvflow.proposals.conformations import ConformationProposal, Untilted
from cvflow.proposals.contaminated_normal import ContaminatedNormal
from cvflow.proposals.flows import ARCHITECTURES, architecture
from cvflow.proposals.flows.base import Architecture
from cvflow.proposals.labelled import LabelledProposal
from cvflow.proposals.learned import LearnedProposal
from cvflow.proposals.mixture import GaussianMixture
from cvflow.proposals.pair_functions import PairFunctions
from cvflow.proposals.standard_coordinates import StandardCoordinates
from cvflow.proposals.torsion_histograms import TorsionHistograms

FLOW_FORMAT = "cvflow-flow-2"

Tensors = dict[str, Tensor]
FileHeader = dict[str, Any]
"""What JSON holds of a flow; whatever is made of it is checked there."""

_DOMAINS = {domain.value: domain for domain in Domain}

MOST_CVS = 10_000
"""Far beyond what a flow can learn."""


@singledispatch
def to_bytes(proposal: Proposal, cv_names: list[str]) -> bytes:
    """Serialise a proposal over the CVs of these names; statistics travel as float64 tensors beside the weights.

    Raises:
        TypeError: there is no stored form of this proposal.
    """
    raise TypeError(f"flow: no stored form of {type(proposal).__name__}")


@to_bytes.register
def _learned(proposal: LearnedProposal, cv_names: list[str]) -> bytes:
    """Weights are stored with their masks applied, so that a reader need not know of masks."""
    weights = proposal.flow.state_dict()
    for name in weights:
        if name.endswith(".mask"):
            weight = name.removesuffix("mask") + "weight"
            weights[weight] = weights[weight] * weights[name]
    tensors = {f"flow.{name}": tensor.contiguous() for name, tensor in weights.items()}
    tensors |= {"centre": torch.tensor(proposal.standard.centre), "scale": torch.tensor(proposal.standard.scale)}
    axes = [domain.value for domain in proposal.standard.domains]
    topology = axes[0] if len(set(axes)) == 1 else "mixed"
    about = {"topology": topology, "axes": axes, "epsilon": proposal.epsilon, **proposal.architecture.model_dump()}
    return _pack(proposal.architecture.kind, proposal, cv_names, tensors, about)


@to_bytes.register
def _mixture(proposal: GaussianMixture, cv_names: list[str]) -> bytes:
    names = ("means", "sigmas", "weights", "periods")
    tensors = {name: torch.tensor(getattr(proposal, name), dtype=torch.float64) for name in names}
    if torch.isfinite(tensors["periods"]).any():
        return _pack("wrapped", proposal, cv_names, tensors, {"topology": "mixed"})
    del tensors["periods"]
    return _pack("mixture", proposal, cv_names, tensors, {})


@to_bytes.register
def _shapes(proposal: ConformationProposal, cv_names: list[str]) -> bytes:
    lengths, tilt, chain = proposal.untilted.lengths, proposal.tilt, proposal.shapes.chain
    arrays = {"mean": lengths.mean, "factor": lengths.factor, "tilt": tilt.values}
    arrays["torsions"] = proposal.untilted.torsions.masses
    numbers = {
        "epsilon": lengths.epsilon, "low": tilt.low, "spacing": tilt.spacing, "ceiling": proposal.ceiling,
        "log_mass": proposal.log_mass,
    }  # fmt: skip
    words = {"chain": chain.name, "atoms": chain.atoms, "observed": proposal.shapes.observed, "topology": "mixed"}
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    return _pack("shapes", proposal, cv_names, tensors, numbers | words)


@to_bytes.register
def _labelled(proposal: LabelledProposal, cv_names: list[str]) -> bytes:
    """Each part is a file of its own, as the bytes of a tensor."""
    tensors = {
        f"part.{k}": torch.frombuffer(bytearray(to_bytes(part, cv_names)), dtype=torch.uint8)
        for k, part in enumerate(proposal.parts)
    }
    tensors["weights"] = torch.tensor(proposal.weights, dtype=torch.float64)
    words = {"states": proposal.states, "within": proposal.within, "topology": "labelled"}
    return _pack("labelled", proposal, cv_names, tensors, words)


def _pack(kind: str, proposal: Proposal, cv_names: list[str], tensors: Tensors, about: FileHeader) -> bytes:
    common = {"format": FLOW_FORMAT, "kind": kind, "cvs": cv_names, "topology": "line", "version": proposal.version}
    return save(tensors, metadata={"cvflow": json.dumps(common | about)})


_DAMAGED = (
    SafetensorError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError, UnicodeDecodeError,
    json.JSONDecodeError, ValidationError,
)  # fmt: skip
"""What reading something else may end in."""


def from_bytes(data: bytes) -> Proposal:
    """Read a proposal back; it has the same log q as the one that was saved.

    Raises:
        ValueError: the data is no cvflow flow, or damaged.
    """
    try:
        header_length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + header_length])["__metadata__"]["cvflow"])
        tensors = load(data)
        if about["format"] != FLOW_FORMAT:
            found = about["format"]
            raise ValueError(f"flow: unknown format {found!r}, this version reads {FLOW_FORMAT}: train it anew")
        for name, tensor in tensors.items():
            if name != "periods" and not torch.isfinite(tensor).all():  # those of lines are infinite
                raise ValueError(f"flow: damaged, {name} holds what is no number")
        return _UNPACK[about["kind"]](tensors, about)
    except _DAMAGED as error:
        raise ValueError(f"flow: not a cvflow flow, or damaged ({' '.join(str(error).split())})") from error


def _unpack_mixture(tensors: Tensors, about: FileHeader) -> GaussianMixture:
    means, sigmas = (tuple(map(tuple, tensors[name].tolist())) for name in ("means", "sigmas"))
    periods = tuple(tensors["periods"].tolist()) if about["kind"] == "wrapped" else ()
    return GaussianMixture(means, sigmas, tuple(tensors["weights"].tolist()), periods, about["version"])


def _unpack_learned(tensors: Tensors, about: FileHeader) -> LearnedProposal:
    centre, scale = (tensors.pop(name).numpy() for name in ("centre", "scale"))
    standard = StandardCoordinates(tuple(_DOMAINS[axis] for axis in about["axes"]), centre, scale)
    kind = architecture(about["kind"])
    sizes = kind.model_validate({size: about[size] for size in kind.model_fields})
    if not 0 < about["epsilon"] < 1:
        raise ValueError(f"flow: damaged, epsilon is {about['epsilon']}")
    _check_network(tensors, standard, sizes)
    with torch.random.fork_rng():
        flow = sizes.build(standard.domains)
    flow.load_state_dict({name.removeprefix("flow."): tensor for name, tensor in tensors.items()})
    return LearnedProposal(flow, sizes, standard, about["epsilon"], about["version"])


def _check_network(tensors: Tensors, standard: StandardCoordinates, sizes: Architecture) -> None:
    """Check that the file holds the network that its header speaks of, before one of that size is made.

    Raises:
        ValueError: it does not.
    """
    if not len(standard.domains) == len(standard.centre) == len(standard.scale) <= MOST_CVS:
        raise ValueError(f"flow: damaged, {len(standard.domains)} CVs with {len(standard.centre)} centres")
    held = sum(tensor.numel() for tensor in tensors.values())
    if held < sizes.numbers(standard.domains):
        raise ValueError(f"flow: damaged, {held} numbers are too few for {sizes.kind} of {sizes}")


def _unpack_labelled(tensors: Tensors, about: FileHeader) -> LabelledProposal:
    weights, states = tuple(tensors.pop("weights").tolist()), tuple(map(str, about["states"]))
    parts = tuple(from_bytes(tensors[f"part.{k}"].numpy().tobytes()) for k in range(len(tensors)))
    if any(isinstance(part, LabelledProposal) for part in parts) or not isinstance(about["within"], bool):
        raise ValueError("flow: damaged, its labels do not go together")
    return LabelledProposal(states, parts, weights, about["within"], about["version"])


def _unpack_shapes(tensors: Tensors, about: FileHeader) -> ConformationProposal:
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    shapes = Shapes(Chain(about["chain"], tuple(about["atoms"])), tuple(map(tuple, about["observed"])))
    lengths = ContaminatedNormal(arrays["mean"], arrays["factor"], about["epsilon"])
    tilt = PairFunctions(about["low"], about["spacing"], arrays["tilt"])
    ceiling, log_mass = about["ceiling"], about["log_mass"]
    return ConformationProposal(
        shapes, Untilted(lengths, TorsionHistograms(arrays["torsions"])), tilt, ceiling, log_mass, about["version"]
    )


_UNPACK: dict[str, Callable[[Tensors, FileHeader], Proposal]] = {
    "mixture": _unpack_mixture,
    "wrapped": _unpack_mixture,
    "shapes": _unpack_shapes,
    "labelled": _unpack_labelled,
    **{each.kind: _unpack_learned for each in ARCHITECTURES},
}
