"""Proposals as bytes and files: safetensors with JSON metadata, data and never code."""

import json
from functools import singledispatch

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from cvflow.flow.learned import LearnedProposal, spline_flow
from cvflow.flow.mixture import GaussianMixture
from cvflow.flow.proposal import Proposal
from cvflow.flow.wrapped import WrappedMixture

FORMAT = "cvflow-flow-1"


@singledispatch
def to_bytes(proposal: Proposal, cv_names: list[str]) -> bytes:
    """Serialise a proposal; statistics travel as float64 tensors beside the weights.

    Raises:
        TypeError: there is no stored form of this proposal.
    """
    raise TypeError(f"flow: no stored form of {type(proposal).__name__}")


@to_bytes.register
def _learned(proposal: LearnedProposal, cv_names: list[str]) -> bytes:
    tensors = {f"flow.{name}": tensor.contiguous() for name, tensor in proposal.flow.state_dict().items()}
    tensors["mean"] = torch.tensor(proposal.mean)
    tensors["scale"] = torch.tensor(proposal.scale)
    about = {"transforms": proposal.transforms, "epsilon": proposal.epsilon}
    return _pack("spline", proposal, cv_names, tensors, about)


@to_bytes.register
def _mixture(proposal: GaussianMixture, cv_names: list[str]) -> bytes:
    tensors = {
        name: torch.tensor(getattr(proposal, name), dtype=torch.float64) for name in ("means", "sigmas", "weights")
    }
    return _pack("mixture", proposal, cv_names, tensors, {})


@to_bytes.register
def _wrapped(proposal: WrappedMixture, cv_names: list[str]) -> bytes:
    names = ("means", "sigmas", "weights", "periods")
    tensors = {name: torch.tensor(getattr(proposal, name), dtype=torch.float64) for name in names}
    return _pack("wrapped", proposal, cv_names, tensors, {"topology": "mixed"})


def _pack(kind: str, proposal: Proposal, cv_names: list[str], tensors: dict, about: dict) -> bytes:
    common = {"format": FORMAT, "kind": kind, "cvs": cv_names, "topology": "line", "version": proposal.version}
    return save(tensors, metadata={"cvflow": json.dumps(common | about)})


def from_bytes(data: bytes) -> Proposal:
    """Read a proposal back; it has the same log q as the one that was saved.

    Raises:
        ValueError: the data is no cvflow flow, or damaged.
    """
    try:
        header_length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + header_length])["__metadata__"]["cvflow"])
        tensors = load(data)
        if about["format"] != FORMAT:
            raise ValueError(f"flow: unknown format {about['format']!r}, this version reads {FORMAT}")
        unpack = {"mixture": _unpack_mixture, "wrapped": _unpack_wrapped, "spline": _unpack_learned}[about["kind"]]
        return unpack(tensors, about)
    except (SafetensorError, KeyError, TypeError, RuntimeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"flow: not a cvflow flow, or damaged ({error})") from error


def _unpack_mixture(tensors: dict, about: dict) -> GaussianMixture:
    means, sigmas = (tuple(map(tuple, tensors[name].tolist())) for name in ("means", "sigmas"))
    return GaussianMixture(means, sigmas, tuple(tensors["weights"].tolist()), about["version"])


def _unpack_wrapped(tensors: dict, about: dict) -> WrappedMixture:
    means, sigmas = (tuple(map(tuple, tensors[name].tolist())) for name in ("means", "sigmas"))
    weights, periods = (tuple(tensors[name].tolist()) for name in ("weights", "periods"))
    return WrappedMixture(means, sigmas, weights, periods, about["version"])


def _unpack_learned(tensors: dict, about: dict) -> LearnedProposal:
    mean, scale = (tensors.pop(name).numpy() for name in ("mean", "scale"))
    with torch.random.fork_rng():
        flow = spline_flow(len(mean), about["transforms"])
    flow.load_state_dict({name.removeprefix("flow."): tensor for name, tensor in tensors.items()})
    return LearnedProposal(flow, about["transforms"], mean, scale, about["epsilon"], about["version"])
