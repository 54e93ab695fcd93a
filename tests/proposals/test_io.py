"""Flows as files: data, the same density here and elsewhere, and a clear word about anything else."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from cvflow.proposals import GaussianMixture
from cvflow.proposals.flows.base import Architecture
from cvflow.proposals.io import FLOW_FORMAT, from_bytes, to_bytes
from cvflow.proposals.labelled import LabelledProposal
from tests.proposals.cases import SPACES, learned

NAMES = ["a", "b", "c"]
ELSEWHERE = """
import sys
import numpy as np, torch
torch.set_num_threads(3)
from cvflow.proposals.io import from_bytes
folder = sys.argv[1]
proposal = from_bytes(open(folder + "/flow.safetensors", "rb").read())
np.save(folder + "/found.npy", proposal.log_density(np.load(folder + "/points.npy")))
"""


@pytest.mark.parametrize("name", SPACES)
def test_a_saved_proposal_is_the_same_bit_by_bit(name):
    proposal = learned(name)
    again = from_bytes(to_bytes(proposal, NAMES[: len(SPACES[name].periods)]))
    points = proposal.draw(500, np.random.default_rng(0))
    np.testing.assert_array_equal(again.log_density(points), proposal.log_density(points))
    np.testing.assert_array_equal(again.draw(50, np.random.default_rng(1)), proposal.draw(50, np.random.default_rng(1)))
    assert again.version == proposal.version
    assert again.architecture == proposal.architecture
    assert to_bytes(again, NAMES) == to_bytes(proposal, NAMES)


def test_another_process_with_other_threads_finds_the_same(tmp_path):
    proposal = learned("three")
    points = proposal.draw(3000, np.random.default_rng(2))
    (tmp_path / "flow.safetensors").write_bytes(to_bytes(proposal, NAMES))
    np.save(tmp_path / "points.npy", points)
    environment = os.environ | {"OMP_NUM_THREADS": "3"}
    subprocess.run([sys.executable, "-c", ELSEWHERE, str(tmp_path)], check=True, env=environment)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), proposal.log_density(points), rtol=0, atol=1e-6)


def test_a_fixed_mixture_is_stored_too():
    mixture = GaussianMixture(((3.5,), (5.7,)), ((0.2,), (0.35,)), (0.7, 0.3), version=2)
    assert from_bytes(to_bytes(mixture, ["r"])) == mixture


@pytest.mark.parametrize("damage", [lambda d: b"", lambda d: d[:40], lambda d: b"x" * 100, lambda d: d[:-8]])
def test_damaged_data_is_refused(damage):
    with pytest.raises(ValueError, match="flow: "):
        from_bytes(damage(to_bytes(learned("line"), ["r"])))


def test_an_older_format_is_named():
    old = to_bytes(learned("line"), ["r"]).replace(FLOW_FORMAT.encode(), b"cvflow-flow-1")
    with pytest.raises(ValueError, match=f"unknown format 'cvflow-flow-1', this version reads {FLOW_FORMAT}"):
        from_bytes(old)


def test_it_is_data():
    data = to_bytes(learned("mixed"), ["phi", "r"])
    assert b"pickle" not in data
    assert b'"cvs\\": [\\"phi\\", \\"r\\"]' in data
    assert b'"axes\\": [\\"circle\\", \\"line\\"]' in data


def changed(data, **about):
    """The same file with another header."""
    from safetensors.torch import load, save

    length = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["cvflow"]) | about
    return save(load(data), metadata={"cvflow": json.dumps(header)})


def with_tensor(data, name, change):
    from safetensors.torch import load, save

    length = int.from_bytes(data[:8], "little")
    tensors = load(data)
    return save(tensors | {name: change(tensors[name])}, metadata=json.loads(data[8 : 8 + length])["__metadata__"])


HEADERS = {
    "a million transforms": {"transforms": 10**6},
    "as many as fit the limits": {"transforms": 100},
    "transforms beyond all": {"transforms": 10**400},
    "no transforms": {"transforms": -3},
    "transforms in words": {"transforms": "three"},
    "layers without end": {"hidden": [32] * 10**5},
    "a wide layer": {"hidden": [10**9, 32]},
    "many bins": {"bins": 10**8},
    "many axes": {"axes": ["line"] * 10**6},
    "an axis of another kind": {"axes": ["spiral"]},
    "epsilon": {"epsilon": float("nan")},
    "a kind of its own": {"kind": "trojan"},
    "a kind that is a list": {"kind": []},
    "as a mixture": {"kind": "mixture"},
    "as shapes": {"kind": "shapes"},
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_header_that_does_not_fit_is_refused_before_anything_is_made(what, monkeypatch):
    def made(*arguments):
        raise AssertionError("a network was made")

    monkeypatch.setattr(Architecture, "build", made)
    with pytest.raises(ValueError, match="flow: ") as caught:
        from_bytes(changed(to_bytes(learned("line"), ["r"]), **HEADERS[what]))
    assert "\n" not in str(caught.value)


TENSORS = {
    "centre of nan": ("centre", lambda x: x * torch.nan),
    "scale of inf": ("scale", lambda x: x + torch.inf),
    "two centres": ("centre", lambda x: torch.cat([x, x])),
    "a scale of none": ("scale", lambda x: 0 * x),
    "weights of nan": ("flow.splines.0.conditioner.bias", lambda x: x * torch.nan),
    "weights of another shape": ("flow.splines.0.conditioner.bias", lambda x: x[:-1]),
}


@pytest.mark.parametrize("what", TENSORS)
def test_numbers_that_are_none_and_other_shapes_are_refused(what):
    with pytest.raises(ValueError, match="flow: ") as caught:
        from_bytes(with_tensor(to_bytes(learned("line"), ["r"]), *TENSORS[what]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("numbers", [{"means": ((np.nan,),)}, {"sigmas": ((np.inf,),)}, {"weights": (np.nan,)}])
def test_a_mixture_is_of_numbers(numbers):
    with pytest.raises(ValueError, match="a mixture's"):
        GaussianMixture(**{"means": ((0.0,),), "sigmas": ((1.0,),), "weights": (1.0,)} | numbers)


LABELS = LabelledProposal(("a", "b"), (learned("line"), learned("line", seed=1)), (0.7, 0.3), False, 0)
WRONG_LABELS = {
    "one weight": lambda data: with_tensor(data, "weights", lambda x: x[:1]),
    "weights of nan": lambda data: with_tensor(data, "weights", lambda x: x * torch.nan),
    "a weight of none": lambda data: with_tensor(data, "weights", lambda x: x.clamp(max=0.0)),
    "a part cut short": lambda data: with_tensor(data, "part.1", lambda x: x[:-8]),
    "a part of text": lambda data: with_tensor(data, "part.1", lambda x: torch.zeros_like(x)),
    "three states": lambda data: changed(data, states=["a", "b", "c"]),
    "no states": lambda data: changed(data, states=None),
    "within perhaps": lambda data: changed(data, within="perhaps"),
    "labels of labels": lambda data: with_tensor(
        data, "part.1", lambda x: torch.frombuffer(bytearray(to_bytes(LABELS, ["r"])), dtype=torch.uint8)
    ),
}


@pytest.mark.parametrize("what", WRONG_LABELS)
def test_labels_that_do_not_go_together_are_refused(what):
    data = to_bytes(LABELS, ["r"])
    assert from_bytes(data).states == LABELS.states
    with pytest.raises(ValueError, match=r"flow: |labels") as caught:
        from_bytes(WRONG_LABELS[what](data))
    assert "\n" not in str(caught.value)
