"""`summary.json` as it is documented."""

import json
import types
import typing
from pathlib import Path

import pytest
from pydantic import ValidationError

from cvflow.estimate.schema import INFINITY, Part, RHat, Summary
from cvflow.estimate.summary import summarise
from tests.report.conftest import THIN
from tests.report.synthetic import fake_record

PAGE = Path(__file__).parents[2] / "docs" / "summary.md"
NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


@pytest.fixture(scope="module")
def summary():
    return summarise(fake_record())


def is_part(annotation):
    return isinstance(annotation, type) and issubclass(annotation, Part)


def places(model, before=""):
    """Every key of `summary.json` that holds a value, with its type and description."""
    for name, field in model.model_fields.items():
        key = f"{before}{field.serialization_alias or name}"
        inner = list(filter(is_part, typing.get_args(field.annotation)))
        if is_part(field.annotation):
            yield from places(field.annotation, f"{key}.")
        elif inner:
            of = "[]" if typing.get_origin(field.annotation) is tuple else ".<state>" if key == "states" else ".<cv>"
            yield from places(inner[0], f"{key}{of}.")
        else:
            yield key, field.annotation, field.description


PLACES = list(places(Summary))


def nullable(annotation):
    return type(None) in typing.get_args(annotation) or any(map(nullable, typing.get_args(annotation)))


def in_words(annotation):
    if annotation in NAMES:
        return NAMES[annotation]
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return str(arguments[0])
    if typing.get_origin(annotation) is tuple:
        return "list of texts"
    if typing.get_origin(annotation) is dict:
        return "number of each" if arguments[1] is RHat else "whole number of each"
    assert typing.get_origin(annotation) in (types.UnionType, typing.Union), annotation
    return in_words(arguments[0])


@pytest.mark.parametrize(("key", "annotation", "description"), PLACES, ids=[key for key, *_ in PLACES])
def test_every_key_stands_in_the_page(key, annotation, description):
    row = f"| `{key}` | {in_words(annotation)} | {' '.join(description.split())} |"
    assert row in PAGE.read_text(encoding="utf-8").splitlines()
    assert nullable(annotation) == ("null" in description), "when it is null is said, and only then"


def test_the_page_has_no_other_keys():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) == len(PLACES)


@pytest.mark.parametrize("name", THIN)
def test_the_file_reads_back_as_it_was(name):
    found = summarise(THIN[name]())
    assert Summary.model_validate_json(found.text()) == found


def test_values_are_found_by_their_keys_in_the_file(summary):
    assert summary["delta_f"][0]["from"] == summary.delta_f[0].start == "compact"
    assert summary["jumps"]["between_states"]["accepted"] == summary.jumps.between_states.accepted > 0
    with pytest.raises(KeyError, match="start"):
        summary.delta_f[0]["start"]


def test_nothing_in_it_changes(summary):
    with pytest.raises(ValidationError, match="frozen"):
        summary.mode_changes = 0


def test_what_is_not_determined_is_null(summary):
    data = summary.model_dump()
    data["path_steps_per_s"] = float("nan")
    data["steps_per_mode_change"] = float("inf")
    data["rhat"] = {"a": float("inf"), "b": float("nan")}
    found = json.loads(Summary.model_validate(data).text())
    assert found["path_steps_per_s"] is found["steps_per_mode_change"] is None
    assert found["rhat"] == {"a": INFINITY, "b": None}


def test_another_layout_is_refused(summary):
    with pytest.raises(ValidationError, match="schema_version"):
        Summary.model_validate(summary.model_dump() | {"schema_version": 1})
