"""The config of a record, as `config.to_dict` gave it then, beside that of the run today."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def parsed(text: str | None) -> dict[str, Any]:
    """The config of a record; empty if it has none that can be read."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(path, old, new) of each field that differs between two runs, given as by `to_dict`."""

    def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            f"{part}.{key}": value
            for part, inner in values.items()
            for key, value in (inner.items() if isinstance(inner, Mapping) else [("", inner)])
        }

    a, b = flatten(old), flatten(new)
    return [
        (key.rstrip("."), a.get(key), b.get(key))
        for key in sorted(a.keys() | b.keys())
        if a.get(key) != b.get(key)
    ]


def had_defaults(recorded: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a recorded run, as `to_dict` gave it, had today's `defaults`.

    A field that it lacks is newer than the record, and its default keeps the behaviour of before.
    """
    for part, values in defaults.items():
        old = (recorded.get(part) or {}) if part else recorded
        if any(old.get(name, value) != value for name, value in values.items()):
            return False
    return True


def completed(
    recorded: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """A recorded run with today's `defaults` in place of the fields that it lacks."""
    own = {**defaults.get("", {}), **recorded}
    return {
        name: {**defaults.get(name, {}), **value} if isinstance(value, Mapping) else value
        for name, value in own.items()
    }
