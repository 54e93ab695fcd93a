"""What goes out comes back as it was: headers, rows, states, flows, tables; and what is none of them is refused."""

import json
import struct
import zlib
from dataclasses import asdict, replace
from math import inf, nan
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.torch import load, save

from cvflow.core.cv_space import Domain
from cvflow.core.frames import Frame
from cvflow.cv.selection import AtomNames, group, places
from cvflow.proposals.export import CVF_FORMAT, MAGIC, from_cvf, to_cvf
from cvflow.proposals.flows import ARCHITECTURES
from cvflow.proposals.flows.spline import AutoregressiveSpline
from cvflow.proposals.io import from_bytes, to_bytes
from cvflow.proposals.learned import LearnedProposal
from cvflow.proposals.standard_coordinates import StandardCoordinates
from cvflow.report.plumed_text import plumed_text
from cvflow.store import Commit, FlowEntry, HDF5Store, Header, MemoryStore, turn_type
from cvflow.store.reading import read_record
from tests.proposals.flows.cases import takes
from tests.setup.test_cvs import topology
from tests.test_odd_settings import NAMES, QUICK, refusal

FLOATS = st.floats()
TEXT = st.text(max_size=40)

FEW = settings(QUICK, max_examples=15)
"""Of what makes networks."""

# --- selections

WORDS = st.sampled_from(
    [
        "name",
        "resid",
        "index",
        "(",
        ")",
        "and",
        "or",
        "not",
        "around",
        "same",
        "as",
        "byres",
        "prop",
        "x",
        "<",
        ">=",
        "all",
        "CA",
        "1",
        "0-3",
        "1:2",
        "1e999",
        "nan",
        "global",
        "group",
        "point",
        "sphzone",
        "protein",
        "*",
        "",
        "\n",
        "\\",
    ]
)
SELECTIONS = st.one_of(TEXT, st.lists(WORDS, max_size=8).map(" ".join))
ALANINE = AtomNames(topology())


@QUICK
@given(SELECTIONS)
def test_any_text_is_a_selection_or_refused_in_one_line(text):
    said = refusal(lambda: ALANINE.group("d", group(text)))
    assert "\n" not in said
    assert not said or said.startswith("CV d: ")


@QUICK
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=9, unique=True))
def test_indices_stay_as_they_are(atoms):
    for given_as in (atoms, tuple(atoms), np.array(atoms)):
        assert places([given_as]) == group(given_as) == tuple(atoms)
    assert places(atoms) == ALANINE.group("d", tuple(atoms)) == ALANINE.atoms("d", tuple(atoms)) == tuple(atoms)


# --- headers

NUMBERS = st.floats(allow_nan=False)
HEADER = Header(
    seed=1, system="s", engine="e", cvs=["a"], units=["nm"], states={}, kT=1.0, kappa=[1.0], timestep=0.1,
    local_steps=5, walkers=2, workers=1, adapt_jumps=0, exact=True, exact_reason="why", notes=[], config="",
    version="0",
)  # fmt: skip
HEADERS = st.builds(
    dict,
    cvs=st.lists(NAMES, min_size=1, max_size=4).map(lambda names: [f"{name}_{i}" for i, name in enumerate(names)]),
    seed=st.integers(0, 2**64),
    system=TEXT,
    units=st.lists(TEXT, max_size=4),
    states=st.dictionaries(TEXT, TEXT, max_size=3),
    kT=NUMBERS,
    kappa=st.lists(NUMBERS, max_size=4),
    notes=st.lists(TEXT, max_size=4),
    config=st.text(st.characters(), max_size=300),
    periods=st.lists(st.one_of(st.none(), NUMBERS), max_size=4),
    inputs=st.dictionaries(TEXT, TEXT, max_size=3),
)


@QUICK
@given(HEADERS)
def test_a_header_comes_back(values):
    header = replace(HEADER, **values)
    assert Header.from_json(header.to_json()) == header


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)


@QUICK
@given(JSON, st.sampled_from(sorted(asdict(HEADER))))
def test_another_header_is_refused_in_one_line(value, name):
    """JSON of anything, and a header that has anything under one name, or lacks it, or has a name more."""
    values = json.loads(HEADER.to_json())
    short = {key: kept for key, kept in values.items() if key != name}
    for other in (value, values | {name: value}, short, values | {"new": value}):
        assert "\n" not in refusal(lambda other=other: Header.from_json(json.dumps(other)))
    with pytest.raises(ValueError, match="store: "):
        Header.from_json(json.dumps(value))


# --- stores


def _any_turns(cvs, walkers, rng):
    """Rows of any values, each walker's jumps counted from 0, in any order."""
    rows = np.zeros(sum(walkers), turn_type(cvs))
    odd = {
        "f": [nan, inf, -inf, 0.0, -0.0, 5e-324, 0.1, -1 / 3, 1e308],
        "i": [0, -1, 2**31 - 1, -(2**31)],
        "u": [0, 255],
        "b": [False, True],
    }
    for name in rows.dtype.names:
        kind = rows[name].dtype.kind
        with np.errstate(over="ignore"):
            rows[name] = rng.choice(odd[kind], rows[name].shape).astype(rows[name].dtype)
    rows["walker"] = np.repeat(np.arange(len(walkers)), walkers)
    rows["jump"] = np.concatenate([np.arange(count) for count in walkers])
    return rows[rng.permutation(len(rows))]


FLOWS = st.lists(
    st.tuples(
        FLOATS, FLOATS, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), FLOATS,
        st.binary(max_size=60), FLOATS, st.integers(0, 2**31 - 1), FLOATS,
    ),
    max_size=4,
)  # fmt: skip
SHAPES = st.one_of(st.tuples(st.integers(1, 4), st.just(3)), st.tuples(st.integers(1, 5)), st.just((2, 2, 2)))
BOXES = arrays.arrays(np.float64, (3, 3))


@st.composite
def frames(draw, walkers):
    """Where all walkers stand: numbers with and without a box, or files of any length."""
    if draw(st.booleans()):
        files = draw(st.lists(st.binary(max_size=80), min_size=walkers, max_size=walkers))
        return [(np.frombuffer(data, np.uint8), None) for data in files]
    shape, boxed = draw(SHAPES), draw(st.booleans())
    arrayed = arrays.arrays(np.float64, shape)
    return [(draw(arrayed), draw(BOXES) if boxed else None) for _ in range(walkers)]


@st.composite
def runs(draw):
    """Turns of some walkers, flows, where the walkers stand, and after how many rows a commit comes."""
    walkers = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    cvs = draw(st.integers(1, 3))
    pilot = draw(arrays.arrays(np.float64, (len(walkers), 2, cvs)))
    seed, cut = draw(st.integers(0, 999)), draw(st.integers(0, sum(walkers)))
    return walkers, pilot, seed, draw(FLOWS), draw(frames(len(walkers))), cut


def _same(record, header, pilot, turns, flows, stand):
    expected = turns[np.lexsort((turns["jump"], turns["walker"]))]
    assert record.header == header
    assert record.pilot.tobytes() == pilot.tobytes()
    assert record.turns.tobytes() == expected.tobytes()
    assert list(map(repr, record.flows)) == list(map(repr, flows))  # by the digits: NaN is not equal to itself
    for mine, theirs in zip(record.commit.frames, stand, strict=True):
        assert mine.positions.dtype == theirs.positions.dtype
        assert mine.positions.shape == theirs.positions.shape
        assert mine.positions.tobytes() == theirs.positions.tobytes()
        assert (mine.box is None) == (theirs.box is None)
        assert mine.box is None or mine.box.tobytes() == theirs.box.tobytes()


def _filled(store, turns, flows, stand, cut):
    """With a commit between the rows; what each walker's frame holds is of any length in both."""
    store.append_turns(turns[:cut])
    store.commit(Commit(stand[::-1], 0.5))
    for flow in flows:
        store.append_flow(flow)
    store.append_turns(turns[cut:])
    store.commit(Commit(stand, 1.5))
    return store


@QUICK
@given(runs())
def test_a_run_comes_back_from_a_store(run):
    walkers, pilot, seed, flows, stand, cut = run
    header = replace(HEADER, walkers=len(walkers), cvs=[f"q{i}" for i in range(pilot.shape[2])])
    turns = _any_turns(pilot.shape[2], walkers, np.random.default_rng(seed))
    flows = [FlowEntry(version, *values) for version, values in enumerate(flows)]
    stand = [Frame(*frame) for frame in stand]
    _same(_filled(MemoryStore(header, pilot), turns, flows, stand, cut).record(), header, pilot, turns, flows, stand)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        store = _filled(HDF5Store(path, header, pilot, stand[-1]), turns, flows, stand, cut)
        store.close()
        _same(read_record(path), header, pilot, turns, flows, stand)
        again = HDF5Store.reopen(path)
        again.commit(Commit(stand, 2.5))
        again.close()
        _same(read_record(path), header, pilot, turns, flows, stand)


# --- PLUMED's text

COLUMNS = st.integers(0, 5).flatmap(
    lambda rows: st.dictionaries(
        NAMES,
        st.one_of(
            arrays.arrays(st.sampled_from([np.float64, np.float32]), rows),
            arrays.arrays(st.sampled_from([np.int32, np.uint8, np.bool_]), rows),
        ),
        min_size=1,
        max_size=4,
    )
)


@QUICK
@given(COLUMNS, st.dictionaries(NAMES, NAMES, max_size=3), st.integers(0, 3))
def test_columns_come_back_exactly(columns, constants, block):
    lines = plumed_text(columns, constants, block).splitlines()
    head = [line.split() for line in lines if line.startswith("#!")]
    rows = [line.split() for line in lines if line and not line.startswith("#!")]
    assert head[0] == ["#!", "FIELDS", *columns]
    assert [words[2:] for words in head[1:]] == [[*pair] for pair in constants.items()]
    for index, column in enumerate(columns.values()):
        read = np.array([float(row[index]) for row in rows]).astype(column.dtype)
        np.testing.assert_array_equal(read, column)
        told = ~np.isnan(column)
        np.testing.assert_array_equal(np.signbit(read[told]), np.signbit(column[told]))


# --- flows

SIZES = st.fixed_dictionaries(
    {
        "transforms": st.integers(2, 4),
        "hidden": st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple),
        "bins": st.integers(2, 5),
    }
)
SPLINES = SIZES.map(lambda sizes: AutoregressiveSpline(**sizes))
ANY = st.sampled_from(ARCHITECTURES).flatmap(
    lambda kind: SIZES.map(lambda sizes: kind(**{word: sizes[word] for word in kind.model_fields}))
)
AXES = st.lists(st.sampled_from(list(Domain)), min_size=1, max_size=4).map(tuple)


OTHERS = (st.integers(0, 999), st.floats(0.1, 30), st.floats(1e-6, 0.5), st.integers(0, 2**31 - 1))
LEARNED = st.tuples(AXES, SPLINES, *OTHERS)


def learned(axes, architecture, seed, factor, epsilon, version):
    """A flow of random weights, as fresh ones are and up to thirty times as large."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        flow = architecture.build(axes)
    with torch.no_grad():
        for parameter in flow.small_at_first():
            parameter.mul_(factor)
    standard = StandardCoordinates(axes, rng.normal(0, 30, len(axes)), rng.lognormal(0, 3, len(axes)))
    return LearnedProposal(flow, architecture, standard, epsilon, version)


def _names(proposal):
    return [f"q{i}" for i in range(len(proposal.standard.domains))]


def cvf(proposal):
    return to_cvf(proposal, _names(proposal), _names(proposal))


@FEW
@given(LEARNED)
def test_a_learned_flow_comes_back_with_its_density(values):
    proposal = learned(*values)
    points = proposal.draw(20, np.random.default_rng(0))
    density = proposal.log_density(points)
    assert np.isfinite(density).all()
    for again in (from_bytes(to_bytes(proposal, _names(proposal))), from_cvf(cvf(proposal)).proposal):
        np.testing.assert_array_equal(again.log_density(points), density)
        np.testing.assert_array_equal(again.draw(20, np.random.default_rng(0)), points)
        assert again.version == proposal.version


@FEW
@given(st.tuples(AXES, ANY, *OTHERS))
def test_a_flow_of_any_architecture_comes_back_with_its_density(values):
    axes, architecture, *_ = values
    assume(takes(architecture.kind, axes))
    proposal = learned(*values)
    again = from_bytes(to_bytes(proposal, _names(proposal)))
    points = proposal.draw(20, np.random.default_rng(0))
    assert again.architecture == proposal.architecture
    np.testing.assert_array_equal(again.log_density(points), proposal.log_density(points))
    np.testing.assert_array_equal(again.draw(20, np.random.default_rng(0)), points)


@FEW
@given(AXES, ANY)
def test_the_numbers_of_a_network_are_known_before_it_is_made(axes, architecture):
    assume(takes(architecture.kind, axes))
    with torch.random.fork_rng():
        flow = architecture.build(axes)
    assert architecture.numbers(axes) == sum(parameter.numel() for parameter in flow.parameters())


def signed(payload):
    return MAGIC + struct.pack("<IIQ", CVF_FORMAT, zlib.crc32(payload), len(payload)) + payload


@FEW
@given(LEARNED, st.floats(0, 1), st.integers(1, 255))
def test_a_changed_byte_is_another_flow_or_refused(values, place, flip):
    """Also where the checksum was made to fit."""
    proposal = learned(*values)
    for whole, read in ((cvf(proposal)[24:], lambda d: from_cvf(signed(d))), (to_bytes(proposal, ["q"]), from_bytes)):
        changed = bytearray(whole)
        changed[min(int(place * 400), len(whole) - 1)] ^= flip
        said = refusal(lambda changed=bytes(changed), read=read: read(changed))
        assert not said or said.startswith("flow")
        assert "\n" not in said


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_are_no_exported_flow(data):
    for other in (data, signed(data), signed(struct.pack("<III", 1, 0, 0) + data)):
        with pytest.raises(ValueError, match="flow"):
            from_cvf(other)


def _cvf_of_sizes(transforms, hidden, bins, cvs=2):
    """A file whose biases promise a network, and whose weights are not there."""
    lines = b"".join(struct.pack("<IdI1sI", 0, inf, 1, b"q", 0) for _ in range(cvs))
    body = struct.pack(f"<d{2 * cvs}d", 0.1, *[1.0] * (2 * cvs)) + struct.pack("<II", transforms, bins)
    layers = [*hidden, cvs * (3 * bins - 1)]
    conditioner = struct.pack("<I", len(layers)) + b"".join(
        struct.pack("<II", rows, 0) + bytes(8 * rows) for rows in layers
    )
    return signed(struct.pack("<III", 1, 0, cvs) + lines + body + conditioner * transforms)


def _stored_of_sizes(transforms, hidden, bins, cvs=2):
    """A stored flow that says the same, with a number for each output."""
    smallest = AutoregressiveSpline(transforms=1, hidden=(1,), bins=bins)
    with torch.random.fork_rng():
        small = smallest.build((Domain.LINE,) * cvs)
    standard = StandardCoordinates((Domain.LINE,) * cvs, np.zeros(cvs), np.full(cvs, 2.0))
    whole = to_bytes(LearnedProposal(small, smallest, standard, 0.1, 0), ["q"] * cvs)
    metadata = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])["__metadata__"]
    about = json.loads(metadata["cvflow"]) | {"transforms": transforms, "hidden": hidden}
    return save(load(whole), metadata={"cvflow": json.dumps(about)})


ABSURD = {
    "wide layers": (1, (10_000,) * 3, 2),
    "as many as there may be": (2, (10_000,) * 10, 2),
    "too wide": (1, (20_000, 1), 2),
    "too many layers": (1, (3,) * 30, 2),
    "too many transforms": (200, (1,), 2),
}


@pytest.mark.parametrize("what", ABSURD)
@pytest.mark.parametrize(("made", "read"), [(_cvf_of_sizes, from_cvf), (_stored_of_sizes, from_bytes)])
def test_absurd_sizes_are_refused_before_anything_is_built(what, made, read, monkeypatch):
    built, data = [], made(*ABSURD[what])
    monkeypatch.setattr(torch.nn.Module, "__init__", lambda *given: built.append(given))
    with pytest.raises(ValueError, match="flow"):
        read(data)
    assert not built


@pytest.mark.parametrize("place", [8, 24, 29])
def test_an_exported_flow_of_endless_parts_is_refused(place):
    """The number of CVs, or the length of a name or of a unit, is 2³² - 1."""
    data = bytearray(_cvf_of_sizes(1, (1,), 2)[24:])
    data[place : place + 4] = b"\xff" * 4
    with pytest.raises(ValueError, match="flow"):
        from_cvf(signed(bytes(data)))
