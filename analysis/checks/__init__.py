"""Checks: reasons to doubt a fit or an experiment's tables. One class a check.

A file of this folder, or of a plugin's folder `checks`, holds one check or a few related ones. A
check is a class with

    name                               what findings and claims call it: "lack_of_fit"
    of                                 "fit" or "tables"
    examine(subject, thresholds)       for a fit: the findings about a `subject.Fitted`
    examine(tables, definition, thresholds)    for tables: about an experiment's tables

and a docstring that says what it tests, with which statistic, and where that comes from. Files
without such a class hold no check. Thresholds are in `thresholds`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Protocol

from scaling_lab import plugins

from .finding import Finding, Severity, worst_first
from .subject import Experiment, Fitted
from .thresholds import DEFAULTS, Thresholds

__all__ = ["Finding", "Severity", "Thresholds", "found", "of_fit", "of_tables"]

NOUN = "check"


class Check(Protocol):
    """A check: it examines a fit or, if `of` is "tables", the tables of an experiment."""

    name: str
    of: str

    def examine(self, *subject: Any) -> list[Finding]: ...


@functools.cache
def found() -> dict[str, Check]:
    """All checks by name: those of this folder's files, then those of plugins."""
    checks: dict[str, Check] = {}
    for file in plugins.modules("checks"):
        module = plugins.load("checks", file, NOUN)
        for one in vars(module).values():
            mine = isinstance(one, type) and one.__module__ == module.__name__
            if mine and hasattr(one, "examine"):
                checks.setdefault(one.name, one())
    return checks


def of_fit(subject: Fitted, thresholds: Thresholds = DEFAULTS) -> list[Finding]:
    """What the checks find wrong with a fit, the worst first."""
    every = [check for check in found().values() if check.of == "fit"]
    return worst_first(one for check in every for one in check.examine(subject, thresholds))


def of_tables(
    tables: Experiment, definition: Mapping[str, Any], thresholds: Thresholds = DEFAULTS
) -> list[Finding]:
    """What the checks find wrong with the tables of an experiment, the worst first."""
    every = [check for check in found().values() if check.of == "tables"]
    return worst_first(
        one for check in every for one in check.examine(tables, definition, thresholds)
    )
