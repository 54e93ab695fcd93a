"""flow.cvf in Python: the same density, bit by bit, and a clear word about anything else."""

import struct
import zlib
from dataclasses import replace
from math import inf, pi

import numpy as np
import pytest

from cvflow.proposals import GaussianMixture
from cvflow.proposals.export import CVF_FORMAT, MAGIC, InexpressibleError, exported, from_cvf, to_cvf
from cvflow.proposals.io import to_bytes
from cvflow.proposals.labelled import LabelledProposal
from tests.proposals.cases import SPACES, learned

NAMES, UNITS = ("a", "b", "c"), ("nm", "", "rad")
LINES = GaussianMixture(((3.5, 1.0), (5.7, -2.0)), ((0.2, 1.0), (0.35, 0.4)), (0.7, 0.3), version=2)
CIRCLES = GaussianMixture(((3.0, 1.0), (0.2, -2.0)), ((0.5, 1.0), (0.35, 0.4)), (0.7, 0.3), (2 * pi, inf), version=4)
LABELS = LabelledProposal(("near", "far"), (learned("mixed"), learned("mixed", 1)), (0.7, 0.3), False, 5)
PROPOSALS = {name: learned(name) for name in SPACES} | {"mixture": LINES, "wrapped": CIRCLES, "labelled": LABELS}


def cvf(proposal):
    cvs = proposal.draw(1, np.random.default_rng(0)).shape[1]
    return to_cvf(proposal, NAMES[:cvs], UNITS[:cvs])


def signed(payload, form=CVF_FORMAT):
    return MAGIC + struct.pack("<IIQ", form, zlib.crc32(payload), len(payload)) + payload


@pytest.mark.parametrize("name", PROPOSALS)
def test_what_is_read_is_what_was_written(name):
    proposal = PROPOSALS[name]
    again = from_cvf(cvf(proposal))
    points = proposal.draw(200, np.random.default_rng(0))
    np.testing.assert_array_equal(again.proposal.log_density(points), proposal.log_density(points))
    assert again.proposal.version == proposal.version
    assert again.names == NAMES[: points.shape[1]]
    assert again.units == UNITS[: points.shape[1]]
    assert cvf(again.proposal) == cvf(proposal)


def test_mixtures_are_read_back_as_they_were():
    assert from_cvf(cvf(LINES)).proposal == LINES
    assert from_cvf(cvf(CIRCLES)).proposal == CIRCLES


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda d: b"", "does not begin like one"),
        (lambda d: b"x" * 100, "does not begin like one"),
        (lambda d: d.replace(b"\r\n", b"\n", 1), "does not begin like one"),
        (lambda d: d[:20], "does not begin like one"),
        (lambda d: d[:-8], "damaged or cut short"),
        (lambda d: d + b"\0", "damaged or cut short"),
        (lambda d: d[:-1] + bytes([d[-1] ^ 1]), "damaged or cut short"),
        (lambda d: signed(d[24:], CVF_FORMAT + 1), "format is 2, this version reads 1"),
        (lambda d: signed(d[24:-8]), "not what its checksum promises"),
        (lambda d: signed(struct.pack("<I", 9) + d[28:]), "unknown kind of density 9"),
        (lambda d: signed(d[24:36] + struct.pack("<I", 9) + d[40:]), "not what its checksum promises"),
    ],
)
def test_damaged_data_is_refused(damage, match):
    with pytest.raises(ValueError, match=match):
        from_cvf(damage(cvf(learned("mixed"))))


def test_names_and_units_are_counted():
    with pytest.raises(ValueError, match="1 CVs with 2 names and 1 units"):
        to_cvf(learned("line"), ["a", "b"], [""])
    with pytest.raises(ValueError, match="longer than 255 bytes"):
        to_cvf(learned("line"), ["é" * 200], [""])


def test_what_the_file_has_no_form_for_is_refused_by_its_name():
    proposal = learned("mixed", kind="coupling-spline")
    with pytest.raises(InexpressibleError, match='no form of the architecture "coupling-spline": run with'):
        to_cvf(proposal, NAMES[:2], UNITS[:2])
    assert exported(to_bytes(proposal, ["a", "b"]), NAMES[:2], UNITS[:2]) == {}


def test_labels_of_what_the_file_has_no_form_for_are_refused():
    coupling = learned("mixed", kind="coupling-spline")
    with pytest.raises(InexpressibleError, match='no form of the architecture "coupling-spline": run with'):
        to_cvf(replace(LABELS, parts=(coupling, coupling)), NAMES[:2], UNITS[:2])
    with pytest.raises(InexpressibleError, match="labels whose densities are not splines"):
        to_cvf(replace(LABELS, parts=(CIRCLES, CIRCLES)), NAMES[:2], UNITS[:2])


def test_names_of_labels_come_back():
    again = from_cvf(cvf(LABELS)).proposal
    assert again.states == LABELS.states
    assert again.weights == LABELS.weights


def test_a_stored_flow_becomes_the_file_beside_it():
    flow = to_bytes(learned("mixed"), ["phi", "r"])
    assert exported(flow, ["phi", "r"], ["rad", "nm"]) == {
        "flow.cvf": to_cvf(learned("mixed"), ["phi", "r"], ["rad", "nm"])
    }
