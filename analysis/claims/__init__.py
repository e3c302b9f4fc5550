"""Claims: what an experiment predicted, each evaluated on its tables. One kind of claim a file.

A claim is a mapping, as experiment.json has it, with a `name` and a `kind`: the name of a file of
this folder, "parameter" if it gives none. A kind's file holds

    EXAMPLE    a claim of this kind about tables that have N, D, C, seeds and losses
    evaluate(claim, tables, fits, studies) -> Verdict
    check(claim, columns) -> None

`evaluate` gets the experiment's Tables, its fits by name and its studies by slug (results or
Refusals). It raises LabError where the claim cannot be evaluated; the verdict is then `undecided`,
with the reason, or `insufficient` for too few points. `check` sees only the names of the columns
that the run table will have: it raises LabError for a law, parameter or column that does not exist,
before any training is paid for.

Files without `evaluate` are not kinds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, cast

from scaling_lab import plugins
from scaling_lab.errors import LabError, NotApplicable, TooFewPoints, unknown

from ..experiment_tables import Tables
from .verdict import INSUFFICIENT, UNDECIDED, Verdict

DEFAULT, NOUN = "parameter", "kind of claim"


class Kind(Protocol):
    """What the module of a kind of claim holds."""

    EXAMPLE: Mapping[str, Any]

    def evaluate(
        self,
        claim: Mapping[str, Any],
        tables: Tables,
        fits: Mapping[str, Any],
        studies: Mapping[str, Any],
    ) -> Verdict: ...

    def check(self, claim: Mapping[str, Any], columns: Collection[str]) -> None: ...


def found() -> dict[str, Kind]:
    """The kinds of claims there are, by name: the files of this folder, then those of plugins."""
    modules = {name: plugins.load("claims", name, NOUN) for name in plugins.modules("claims")}
    return {name: cast(Kind, m) for name, m in modules.items() if hasattr(m, "evaluate")}


def get(name: str) -> Kind:
    """One kind of claim. Raises LabError for an unknown one."""
    if name not in found():
        raise unknown(NOUN, name, found())
    return found()[name]


def evaluate(
    claim: Mapping[str, Any],
    tables: Tables,
    fits: Mapping[str, Any],
    studies: Mapping[str, Any],
) -> Verdict:
    """The verdict on a claim, by its kind; one that cannot be evaluated says why."""
    try:
        kind = get(claim.get("kind") or DEFAULT)
        return kind.evaluate(claim, tables, fits, studies)
    except TooFewPoints as error:
        return Verdict(claim, INSUFFICIENT, f"There are too few points: {error}.")
    except (LabError, NotApplicable) as error:
        return Verdict(claim, UNDECIDED, f"It could not be evaluated: {error}.")


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError, with the claim's name, for what is wrong with it before any run is made.

    `columns` are the names of the columns that the run table will have.
    """
    try:
        get(claim.get("kind") or DEFAULT).check(claim, columns)
    except LabError as error:
        raise LabError(f"claim '{claim.get('name', '')}': {error}") from error
