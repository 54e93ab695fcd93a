"""The page of the config's words, from the models that check them."""

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from griffe import Docstring, DocstringSectionKind
from pydantic import BaseModel

from cvflow.config.cv_section import SECTIONS
from cvflow.config.cv_words import AtomsSection, CvSection, kind_of
from cvflow.config.engine_section import EngineSection
from cvflow.config.explore_section import METHODS
from cvflow.config.flow_section import FlowSection
from cvflow.config.pull_section import PullSection
from cvflow.config.settings import Config, PathSection, ProposalSection, RunSection
from cvflow.config.system_section import SolventSection, SystemSection
from cvflow.config.wall_section import WallSection
from cvflow.proposals.flows import ARCHITECTURES

HEAD = """# The config's words

Made from the models that check a config, when this site is built. File names are relative to the config. Unknown words
are refused, in one line that says which are known. [Which settings](settings.md) has a whole config, and what to
choose.
"""

ENGINES = {
    "OpenMMSection": "inside cvflow, and the default",
    "LammpsSection": "inside cvflow: [LAMMPS](lammps.md)",
    "LammpsProgramSection": "a program with PLUMED: [external programs](drive.md)",
    "AseSection": "inside cvflow: [ASE](ase.md)",
    "BatchSection": "inside cvflow, many chains of torch functions at once",
}


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    yield from _section("[run]", RunSection)
    yield from _section("[system]", SystemSection)
    yield from _section("[system.solvent]", SolventSection)
    for engine in map(_first_argument, get_args(_first_argument(EngineSection))):
        where = ENGINES.get(engine.__name__, "a program with PLUMED: [external programs](drive.md)")
        name = engine.model_json_schema()["properties"]["name"]["const"]
        title = f'[engine] name = "{name}"{", a program" if engine.__name__ == "LammpsProgramSection" else ""}'
        yield from _section(title, engine, f"{where[0].upper()}{where[1:]}.")
    yield from _cvs()
    yield from _section("[path]", PathSection)
    yield from _section("[flow]", FlowSection, "[The learned density](flow.md) says what they do.")
    for architecture in ARCHITECTURES:
        yield from _section(f'[flow] architecture = "{architecture.kind}"', architecture)
    yield from _section("[proposal]", ProposalSection)
    yield from ("## [states]", "", f"{_meanings(Config)['states'][:1].upper()}{_meanings(Config)['states'][1:]}", "")
    yield from _section("[[wall]]", WallSection)
    for method, section in METHODS.items():
        yield from _section(f'[explore] method = "{method}"', section, "Batch engine: [explorers](explorers.md).")
    yield from _section("[pull]", PullSection, "For [`cvflow pull`](pull.md).")


def _cvs() -> Iterator[str]:
    common = set(AtomsSection.model_fields)
    yield from _section("[[cv]]", AtomsSection, "[Collective variables](cvs.md) has their formulas.")
    for section in SECTIONS:
        title = f'type = "{kind_of(section)}"' if section.typed else kind_of(section)
        yield from (f"### {title}", "", _first_line(section), "")
        own = set(section.model_fields) - (common if issubclass(section, AtomsSection) else set(CvSection.model_fields))
        yield from _table(section, own)


def _section(title: str, model: type[BaseModel], note: str = "") -> Iterator[str]:
    yield from (f"## {title}", "", f"{_first_line(model)} {note}".rstrip(), "")
    yield from _table(model, set(model.model_fields) - ({"type"} if issubclass(model, CvSection) else set()))


def _table(model: type[BaseModel], words: set[str]) -> Iterator[str]:
    """A row a word.

    Raises:
        ValueError: nothing says what a word means.
    """
    schema, meanings = model.model_json_schema(), _meanings(model)
    schema = schema.get("$defs", {}).get(model.__name__, schema)  # where it is in the schema of a section of its own
    rows = []
    for word, field in model.model_fields.items():
        if word not in words:
            continue
        meaning = (meanings.get(word) or field.description or "").rstrip(".")
        if not meaning and word != "name":
            raise ValueError(f"{model.__name__}: nothing says what {word} means")
        written = field.alias or word
        given = schema["properties"][written]
        default = "needed" if field.is_required() else _value(given.get("default"))
        rows.append(f"| `{written}` | {_kind(given)} | {default} | {meaning or 'which engine'} |")
    if rows:
        yield from ("| word | value | default | meaning |", "|---|---|---|---|", *rows, "")


def _kind(given: Mapping[str, Any]) -> str:
    """What may be given, in words."""
    if "anyOf" in given:
        return " or ".join(_kind(each) for each in given["anyOf"] if each.get("type") != "null")
    if "$ref" in given or "oneOf" in given:
        return "a section"
    if "const" in given or "enum" in given:
        return " or ".join(_value(value) for value in given.get("enum", [given.get("const")]))
    if given.get("type") == "array":
        return f"a list of {_several(given.get('items', {}))}"
    if given.get("type") == "object":
        return "a table"
    if given.get("type") in ("integer", "number"):
        return f"{'a whole number' if given['type'] == 'integer' else 'a number'}{_bounds(given)}"
    return {"string": "text", "boolean": "true or false"}.get(given.get("type", ""), "atoms")


def _several(given: Mapping[str, Any]) -> str:
    """Of "a number" it is "numbers"."""
    if "anyOf" in given:
        return " or ".join(map(_several, given["anyOf"]))
    word = {"array": "list", "object": "table", "integer": "number", "number": "number"}.get(given.get("type", ""), "")
    return _kind(given).removeprefix("a ").replace(word, f"{word}s", 1) if word else _kind(given)


def _bounds(given: Mapping[str, Any]) -> str:
    """Those that are not there for the file format's sake alone."""
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    found = [f"{word} {given[key]:,g}" for key, word in words.items() if key in given and abs(given[key]) < 2**53]
    return f" {' '.join(found)}" if found else ""


def _value(value: Any) -> str:
    """As TOML has it; nothing where there is none."""
    return "" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """What docstrings say of the fields, those of the classes above included."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, BaseModel) and kind is not BaseModel:
            for section in Docstring(inspect.cleandoc(kind.__doc__ or "")).parse("google", warn_missing_types=False):
                if section.kind is DocstringSectionKind.attributes:
                    found |= {item.name: " ".join(item.description.split()) for item in section.value}
    return found


def _first_line(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").split("\n")[0]


def _first_argument(annotated: Any) -> Any:
    return get_args(annotated)[0]
