"""Claims: an experiment's predictions, evaluated on its tables. One kind of claim per file.

A claim is a mapping, as stored in experiment.json, with a `name` and a `kind`: the name of a file
in this folder, "parameter" by default. The file of a kind defines

    EXAMPLE    a claim of this kind about tables that have N, D, C, seeds and losses
    FIELDS     the fields of `Claim` that it reads besides those that all kinds share (`SHARED`);
               a claim that sets others is refused. Optional: without it any may be set
    GATE       the lines of `gate` that it must pass; optional, by default those about runs
    evaluate(claim, tables, fits, studies) -> Verdict
    check(claim, columns) -> None
    plan(claim, rows) -> Support | None        optional
    WHOLE      the words that need all planned runs of the claim, as "held" does where something is
               said of every cell; optional. A sequential experiment withholds them before that

`evaluate` gets the experiment's Tables, its fits by name and its studies by slug (results or
Refusals). It compares what it finds with the prediction, and says in the verdict's `support` what
that rests on; the gate may then make the word `insufficient`. If the claim cannot be evaluated it
raises LabError, and the verdict is `insufficient`, with the reason.

`check` gets only the names of the columns that the run table will have, and raises LabError for a
law, parameter or column that does not exist and for a claim that cannot fail, before any compute is
spent. `plan` gets the planned runs as a table, and says what the claim would rest on.

Files without `evaluate` are not kinds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, Protocol, cast

from scaling_lab import conditions, plugins
from scaling_lab.claim import Claim
from scaling_lab.errors import LabError, NotApplicable, TooFewPoints, unknown

from ..experiment_tables import Tables
from ..studies import Refusal, Result
from . import gate
from .cells import NoRuns
from .gate.requirements import of_claim
from .verdict import INSUFFICIENT, Verdict

DEFAULT, NOUN = "parameter", "kind of claim"
SHARED = ("name", "kind", "where", "loss", "published", "source", "reason", "gate", "options")


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
    definition: Mapping[str, Any] | None = None,
) -> Verdict:
    """The verdict on a claim after its gate; if it cannot be evaluated, the verdict says why.

    definition: the experiment's, for the checks of its tables.
    """
    claim = completed(claim)
    try:
        kind = get(claim["kind"])
        verdict = kind.evaluate(claim, tables, fits, studies)
        return gate.judged(verdict, getattr(kind, "GATE", gate.RUNS), tables, definition)
    except TooFewPoints as error:
        return Verdict(claim, INSUFFICIENT, f"There are too few points: {error}.")
    except (LabError, NotApplicable) as error:
        return Verdict(claim, INSUFFICIENT, f"It could not be evaluated: {error}.")


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError, with the claim's name, if it is wrong in a way that shows before any run.

    `columns` are the names of the columns that the run table will have.
    """
    with _named(claim):
        claim = completed(claim)
        kind = get(claim["kind"])
        _refuse_fields(claim, kind)
        of_claim(claim)
        kind.check(claim, columns)


def plan(claim: Mapping[str, Any], rows: Any) -> list[gate.GateLine]:
    """The lines of the gate that the planned runs cannot pass, whatever comes out.

    rows: the planned runs (pandas), with the columns that are known beforehand. Raises LabError,
    with the claim's name, if the grid makes the claim a tautology.
    """
    with _named(claim):
        claim = completed(claim)
        kind = get(claim["kind"])
        texts = [str(claim[name]) for name in ("where", "against") if claim[name]]
        known = set(map(str, rows.columns))
        if any(set(conditions.parse(text).names) - known for text in texts):
            return []  # a condition on what is measured
        planned = getattr(kind, "plan", None)
        try:
            support = planned(claim, rows) if planned else None
        except NoRuns as error:
            return [gate.GateLine("runs", False, str(error), "some", "Add runs to the grid")]
        if support is None:
            return []
        case = gate.Case(claim, of_claim(claim), support)
        return gate.shortfalls(getattr(kind, "GATE", gate.RUNS), case)


def completed(claim: Mapping[str, Any]) -> dict[str, Any]:
    """The claim with every field of `Claim`; older definitions lack the newer ones."""
    return DEFAULTS | dict(claim) | {"kind": claim.get("kind") or DEFAULT}


@contextmanager
def _named(claim: Mapping[str, Any]) -> Iterator[None]:
    """Inside, errors begin with the claim's name."""
    try:
        yield
    except LabError as error:
        raise LabError(f"claim '{claim.get('name', '')}': {error}") from error


def _refuse_fields(claim: Mapping[str, Any], kind: Kind) -> None:
    """Raise LabError if the claim sets a field that its kind does not read."""
    read = getattr(kind, "FIELDS", None)
    if read is None:
        return
    for name, default in DEFAULTS.items():
        if name not in (*SHARED, *read) and claim[name] != default:
            raise LabError(
                f"a claim of kind {claim['kind']} does not read {name}; it reads {', '.join(read)}"
            )


DEFAULTS = {field.name: getattr(Claim(name="", kind="none"), field.name) for field in fields(Claim)}
