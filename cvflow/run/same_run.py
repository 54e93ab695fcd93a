"""A run goes on as it was begun: its folder's config, files and programs against what the store's header says."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cvflow.config.settings import Config, ConfigError, load, parse
from cvflow.setup.fingerprints import fingerprint
from cvflow.setup.versions import versions
from cvflow.store import Header

ALLOWED = "run.jumps"
"""The one setting that may change: the chain is the same, however long it gets."""

_SHOWN = 5
"""Differences that are listed."""


def begun_config(header: Header) -> Config:
    """The settings that a run was begun with.

    Raises:
        ConfigError: they are none, so the store was made up.
    """
    try:
        return parse(tomllib.loads(header.config), "the run's own config")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the run's own config is damaged: {error}") from error


def checked_config(header: Header, file: Path) -> Config:
    """The settings to go on with: those that the run was begun with, and as many jumps as the file has now.

    Args:
        header: of the run's store.
        file: the run's config.resolved.toml; one that is not there says nothing.

    Raises:
        ConfigError: anything else in the file differs, or a file that the run needs has changed.
    """
    begun = begun_config(header)
    now = load(file) if file.exists() else begun
    faults = _faults(header, begun, now, file)
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise ConfigError(
            f"{file.parent}: {'; '.join(faults[:_SHOWN])}{more}: a run goes on as it was begun; take the change back, "
            "or begin another with `cvflow run`"
        )
    return begun.changed(run={"jumps": now.run.jumps})


def differences(header: Header, file: Path) -> list[str]:
    """Every setting and file that is another than the run was begun with, in words.

    Raises:
        ConfigError: the settings, there or in the store, cannot be read.
    """
    begun = begun_config(header)
    return _faults(header, begun, load(file) if file.exists() else begun, file)


def checked_versions(header: Header, folder: Path, accept: bool, turns: int) -> Header:
    """The header to go on with, once the packages' versions have been looked at.

    Args:
        header: of the run's store.
        folder: for the message.
        accept: whether others may go on; a note then says from where on.
        turns: committed so far.

    Raises:
        ConfigError: they are others, and may not.
    """
    here = versions(begun_config(header))
    known = {name: header.versions.get(name, "not known") for name in here}
    others = [f"{name} {here[name]} in place of {known[name]}" for name in here if here[name] != known[name]]
    if not others:
        return header
    listed = ", ".join(others)
    if not accept:
        raise ConfigError(
            f"{folder}: this is {listed}: random numbers and rounding may be others from here on, the chain is "
            f"as exact as before; go on with `cvflow resume {folder} --accept-versions`, or with what it was begun with"
        )
    note = f"gone on after {turns:,} turns with {listed}"
    return replace(header, versions=header.versions | here, notes=[*header.notes, note])


def _faults(header: Header, begun: Config, now: Config, file: Path) -> list[str]:
    old, new = (config.model_dump(exclude_none=True) for config in (begun, now))
    return [*edited(old, new, file.name), *_changed(header, file.parent)]


def edited(begun: Mapping[str, Any], now: Mapping[str, Any], name: str) -> Iterator[str]:
    """Every setting whose value is another, by its key; `name` is where those of now stand."""
    old, new = dict(_flat(begun)), dict(_flat(now))
    for key in old | new:
        if old.get(key) != new.get(key) and key != ALLOWED:
            there, then = (_shown(values, key) for values in (new, old))
            yield f"{key} is {there} in {name} and {then} in the run"


def _flat(values: Mapping[str, Any] | list[Any], place: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their full keys; the entries of lists of tables are counted from 0."""
    for key, value in values.items() if isinstance(values, Mapping) else enumerate(values):
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield from _flat(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", value


def _shown(values: Mapping[str, Any], key: str) -> str:
    text = repr(values[key]) if key in values else "missing"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _changed(header: Header, folder: Path) -> Iterator[str]:
    """Every file whose content is another."""
    for name, then in header.inputs.items():
        now = fingerprint(folder / name)
        if now != then:
            yield f"{name} has changed since the run began" if now else f"{name} is missing"
