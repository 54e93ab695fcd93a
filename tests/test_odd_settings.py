"""Any value for any key of the config, and any text for what is parsed: taken, or refused in one line."""

import tomllib
from datetime import date
from functools import partial
from math import inf, nan, pi
from pathlib import Path
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from cvflow.config.settings import Config, ConfigError, _override, load, parse
from cvflow.core import periodic
from cvflow.core.schedule import Cosine, Linear
from cvflow.core.states import States
from cvflow.cv import (
    angle,
    anisotropy,
    centre_distance,
    combination,
    coordination,
    distance,
    gyration,
    native_contacts,
    torsion,
)
from cvflow.proposals import GaussianMixture
from cvflow.proposals.io import from_bytes, to_bytes
from cvflow.setup import cv_section
from cvflow.setup.molecules.cvs import cvs_from
from cvflow.setup.programs.plumed_input import check_plumed
from tests.setup.test_cvs import topology

QUICK = settings(
    max_examples=40, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip

BATCH = {"system": {"name": "angle"}, "engine": {"name": "batch"}, "states": {"a": "theta < 1", "b": "theta >= 1"}}
ODD = {
    "nothing": None, "nan": nan, "inf": inf, "minus one": -1, "zero": 0, "no text": "", "a text": "𝜉\nx" * 200,
    "empty": [], "nested": [[[[]]]], "a table": {"a": {"b": 1}}, "huge": 10**400, "large": 10**19, "large float": 1e308,
    "bytes": b"a",
    "true": True, "a date": date(2026, 1, 1), "complex": 1j, "an object": object(), "mixed": [1, "a", None, nan],
}  # fmt: skip


def keys(model=Config, place=()):
    """Every key, as a path of names; lists of tables by the key of their first."""
    for name, field in model.model_fields.items():
        yield (*place, name)
        inner = [kind for kind in _kinds(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        for kind in inner:
            if len(place) < 3:
                yield from keys(kind, (*place, name))


def _kinds(annotation):
    if get_origin(annotation) in (Union, UnionType, Annotated, list):
        return [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation]


def refusal(call):
    """What is said where it is refused; nothing where it is taken. Anything but a ValueError fails the test."""
    try:
        call()
    except ValueError as error:
        return str(error)
    return ""


def with_value(place, value):
    """A config that holds the value there."""
    for name in reversed(place):
        value = {name: value}
    merged = {key: dict(section) for key, section in BATCH.items()}
    for key, inner in value.items():
        listed = key == "cv" and len(place) > 1
        both = isinstance(inner, dict) and isinstance(merged.get(key), dict) and len(place) > 1
        merged[key] = [{"name": "z", **inner}] if listed else merged[key] | inner if both else inner
    return merged


@pytest.mark.parametrize("odd", ODD)
def test_odd_values_are_refused_in_one_line(odd):
    for place in keys():
        said = refusal(lambda place=place: parse(with_value(place, ODD[odd]), "config.toml"))
        assert "\n" not in said, place
        assert len(said) < 700, place


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000 + "]" * 5000,
        "a = " + "9" * 10_000,
        "a = " + "{a=" * 3000,
        "a.b = 1\na = 2",
        "\x00",
        "a" * 10**6,
    ],
)
def test_odd_toml_is_refused_in_one_line(text, tmp_path):
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.toml")
    assert "\n" not in str(caught.value)


@QUICK
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_override_is_taken_or_refused(key, value):
    values = {"run": {"seed": 1}}
    said = refusal(lambda: _override(values, f"{key}={value}"))
    assert not said or said.startswith("--set")


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COMPARISONS = st.builds(
    lambda cv, sign, number: f"{cv} {sign} {number!r}",
    st.sampled_from(["a", "b"]),
    st.sampled_from(["<", "<=", ">", ">="]),
    NUMBERS,
)
EXPRESSIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=8,
)


@QUICK
@given(EXPRESSIONS, st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_an_expression_means_what_python_means_by_it(text, points):
    table = np.array(points, dtype=float)
    found = States({"s": text}, ["a", "b"]).assign(table)
    assert found.tolist() == [0 if eval(text, {"a": a, "b": b}) else -1 for a, b in points]


@QUICK
@given(st.text(alphabet=st.sampled_from("ab<>=()andornot 0123456789.e-+*/[]{}'\"\\\n,:xξ"), max_size=60))
def test_any_text_for_a_state_is_taken_or_refused(text):
    assert "\n" not in refusal(lambda: States({"s": text}, ["a", "b"]).assign(np.zeros((1, 2))))


@QUICK
@given(st.lists(st.text(alphabet="abMETADINCLUDEFILE=UNITS #.:{}", max_size=30), max_size=5))
def test_any_lines_of_plumed_are_taken_or_refused(lines):
    said = refusal(lambda: check_plumed(lines, {}, Path("/nowhere")))
    assert not said or "PLUMED's" in said


VALUES = st.floats(-1e6, 1e6)
PERIODS = st.floats(1e-3, 1e3)


@QUICK
@given(st.lists(VALUES, min_size=1, max_size=5), PERIODS)
def test_wrapping(values, period):
    """Into half a period around zero, by whole turns; twice is once; single numbers and arrays agree."""
    x, periods = np.array(values)[:, None], np.array([period])
    wrapped = periodic.wrapped(x, periods)
    assert (np.abs(wrapped) <= 0.5 * period * (1 + 1e-9) + 1e-9 * np.abs(x)).all()
    turns = (x - wrapped) / period
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-6)
    np.testing.assert_allclose(periodic.wrapped(wrapped, periods), wrapped, atol=1e-9 * period)
    inside = np.array([periodic.into_period(value, period) for value in values])
    assert (np.abs(periodic.wrapped(inside[:, None] - wrapped, periods)) <= 1e-9 * (1 + np.abs(x))).all()
    np.testing.assert_array_equal(periodic.wrapped(x, np.array([inf])), x)


@QUICK
@given(st.sampled_from([Linear(), Cosine()]), st.integers(1, 500))
def test_a_schedule_reads_the_same_backwards(schedule, steps):
    fractions = schedule.fraction(np.arange(steps + 1) / steps)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert (np.diff(fractions) > 0).all()
    np.testing.assert_allclose(fractions + fractions[::-1], 1.0, atol=1e-12)


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True).map(lambda name: f"q{name}")
ATOM = st.integers(0, 3)


def _several(count):
    return st.lists(ATOM, min_size=count, max_size=count, unique=True)


HALVES = st.permutations(range(4)).map(lambda order: (sorted(order[:2]), sorted(order[2:])))
CVS = st.one_of(
    st.builds(partial, st.just(distance), NAMES, _several(2)),
    st.builds(partial, st.just(angle), NAMES, _several(3)),
    st.builds(partial, st.just(torsion), NAMES, _several(4)),
    st.builds(partial, st.just(gyration), NAMES, _several(3)),
    st.builds(partial, st.just(anisotropy), NAMES, _several(4)),
    st.builds(lambda name, halves, r0: partial(coordination, name, *halves, r0), NAMES, HALVES, st.floats(0.01, 10)),
    st.builds(
        lambda name, pair, beta: partial(
            native_contacts, name, pair[:1], [[0, 0, 0], [0.3, 0, 0]], pair[1:], pairs=[pair], beta=beta
        ),
        NAMES, _several(2), st.floats(0.1, 100),
    ),
    st.builds(lambda name, halves: partial(centre_distance, name, *halves), NAMES, HALVES),
    st.builds(
        lambda name, atoms, factor: lambda: combination(name, {distance("d", atoms): factor}),
        NAMES, _several(2), st.floats(-5, 5),
    ),
)  # fmt: skip


@QUICK
@given(CVS)
def test_a_cv_goes_into_the_config_and_comes_back(make):
    cv = make()
    section = cv_section(cv)
    written = tomllib.loads(_toml(section))["cv"][0]
    (again,) = cvs_from(Config.model_validate({**BATCH, "cv": [written]}).cv, Path(), topology())
    assert again == cv


def _toml(section):
    return Config.model_validate({**BATCH, "cv": [section.model_dump(exclude_none=True)]}).to_toml()


POSITIVE = st.floats(1e-6, 1e6)
CONFIGS = st.fixed_dictionaries(
    {
        "run": st.fixed_dictionaries({"seed": st.integers(0, 2**63 - 1), "walkers": st.integers(1, 99)}),
        "path": st.fixed_dictionaries(
            {"kappa": st.one_of(st.just("auto"), POSITIVE, st.lists(POSITIVE, max_size=3)), "timestep": POSITIVE}
        ),
        "states": st.dictionaries(st.from_regex(r"[A-Za-z]\w{0,9}", fullmatch=True), COMPARISONS, max_size=3),
    }
)


@QUICK
@given(CONFIGS)
def test_a_config_goes_into_toml_and_comes_back(values):
    config = parse(BATCH | values, "here")
    assert parse(tomllib.loads(config.to_toml()), "there") == config


COMPONENTS = st.lists(st.tuples(VALUES, st.floats(1e-3, 1e3), st.floats(0.1, 1)), min_size=1, max_size=4)


@QUICK
@given(COMPONENTS, st.integers(0, 1000))
def test_a_mixture_is_stored_bit_by_bit(components, version):
    means, sigmas, shares = zip(*components, strict=True)
    weights = tuple(share / sum(shares) for share in shares)
    line = GaussianMixture(tuple((m,) for m in means), tuple((s,) for s in sigmas), weights, version=version)
    assert from_bytes(to_bytes(line, ["r"])) == line
    narrow = tuple((min(s, 1.0),) for s in sigmas)
    ring = GaussianMixture(line.means, narrow, weights, (2 * pi,), version)
    assert from_bytes(to_bytes(ring, ["phi"])) == ring


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes_are_no_flow(data):
    with pytest.raises(ValueError, match="flow: "):
        from_bytes(data)
