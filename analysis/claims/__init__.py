"""Claims: an experiment's predictions, evaluated on its tables. One kind of claim per file.

A claim is a mapping, as stored in experiment.json, with a `name` and a `kind`: the name of a file
in this folder, "parameter" by default. The file of a kind defines

    EXAMPLE    a claim of this kind about tables that have N, D, C, seeds and losses
    evaluate(claim, tables, fits, studies) -> Verdict
    check(claim, columns) -> None

`evaluate` gets the experiment's Tables, its fits by name and its studies by slug (results or
Refusals). If the claim cannot be evaluated it raises LabError, and the verdict is `undecided`, with
the reason, or `insufficient` for too few points. `check` gets only the names of the columns that
the run table will have, and raises LabError for a law, parameter or column that does not exist,
before any compute is spent.

Files without `evaluate` are not kinds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from scaling_lab import plugins
from scaling_lab.errors import LabError, NotApplicable, TooFewPoints, unknown

from .verdict import INSUFFICIENT, UNDECIDED, Verdict

if TYPE_CHECKING:  # `plan` checks claims without pandas
    from ..experiment_tables import Tables
    from ..studies import Refusal, Result

DEFAULT, NOUN = "parameter", "kind of claim"


class Kind(Protocol):
    """The module of a kind of claim."""

    EXAMPLE: Mapping[str, Any]

    def evaluate(
        self,
        claim: Mapping[str, Any],
        tables: Tables,
        fits: Mapping[str, Result],
        studies: Mapping[str, Result | Refusal],
    ) -> Verdict: ...

    def check(self, claim: Mapping[str, Any], columns: Collection[str]) -> None: ...


def found() -> dict[str, Kind]:
    """All kinds of claims by name: the files of this folder, then those of plugins."""
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
    fits: Mapping[str, Result],
    studies: Mapping[str, Result | Refusal],
) -> Verdict:
    """The verdict on a claim; if the claim cannot be evaluated, the verdict says why."""
    try:
        kind = get(claim.get("kind") or DEFAULT)
        return kind.evaluate(claim, tables, fits, studies)
    except TooFewPoints as error:
        return Verdict(claim, INSUFFICIENT, f"There are too few points: {error}.")
    except (LabError, NotApplicable) as error:
        return Verdict(claim, UNDECIDED, f"It could not be evaluated: {error}.")


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError, with the claim's name, if it is wrong in a way that shows before any run.

    `columns` are the names of the columns that the run table will have.
    """
    try:
        get(claim.get("kind") or DEFAULT).check(claim, columns)
    except LabError as error:
        raise LabError(f"claim '{claim.get('name', '')}': {error}") from error
