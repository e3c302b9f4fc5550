"""One row an exponent: those of the fits in results folders, with the evidence for each.

A fit's card (fits/*.json) names its law; the law says which parameters are exponents, of which
variable, and whether it has a floor. What a study found is read from its card's `exponents`. The
verdict and the registration are those of the claim that the fit was made for, from verdicts.json.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from scaling_lab import conditions
from scaling_lab.errors import LabError

from .. import laws, studies
from ..checks import Finding, Severity
from ..checks.finding import worst_first
from ..experiment_tables import Tables
from ..fitting.parameter import Parameter
from ..laws import Law, Scale
from ..registration import REGISTERED
from ..report.findings import Findings, card_name
from ..report.read import read

CLAIM, SLICE, STUDY, PUBLISHED = "claim", "slice", "study", "published"
Z = 1.959964  # half-width of a 95% interval in standard errors


@dataclass(frozen=True)
class Exponent:
    """An exponent with its evidence.

    kind          claim, slice (a fit that no claim asked for), study or published
    variable      N, D or C; `of` what falls with it: loss, error, N*
    floor         whether the law has a floor
    counting      what N counts; "" where the variable is not N
    low, high     95% interval; infinite where not determined, NaN where none was published
    decades       of the variable
    clusters      independent points that the interval rests on; 0 if unknown
    verdict       held, refuted, undecided, insufficient; "" without a claim
    registration  registered, amended, exploratory; "" without a claim
    error         standard error of the exponent's logarithm; NaN if the interval has no end
    doubt         the worst that the checks found; "" if nothing
    is_invalid    whether it says that the number should not be used
    """

    experiment: str
    name: str
    kind: str
    domain: str
    architecture: str
    optimizer: str
    variable: str
    of: str
    law: str
    floor: bool
    value: float
    low: float
    high: float
    counting: str = ""
    decades: float = math.nan
    clusters: int = 0
    verdict: str = ""
    registration: str = ""
    error: float = math.nan
    doubt: str = ""
    is_invalid: bool = False
    source: str = ""

    @property
    def is_determined(self) -> bool:
        """Whether the interval has two positive, finite ends."""
        return math.isfinite(self.high) and self.low > 0

    @property
    def is_poolable(self) -> bool:
        """Whether it answers a question registered before its runs, and its number may be used."""
        asked = self.kind == CLAIM and self.registration == REGISTERED
        return asked and self.is_determined and not self.is_invalid


def of_folders(folders: Sequence[Path]) -> tuple[list[Exponent], list[str]]:
    """The exponents of these results folders, and a line for each folder that has none."""
    rows: list[Exponent] = []
    missing: list[str] = []
    for folder in folders:
        try:
            found = list(_of_folder(folder))
        except LabError as error:
            missing.append(str(error))
            continue
        rows += found
        if not found:
            name = folder.name
            missing.append(
                f"{name} has no fitted exponent; make its report: scaling-lab report {name}"
            )
    return rows, missing


def frame(rows: Iterable[Exponent]) -> pd.DataFrame:
    """The rows as a table, a column for each field."""
    return pd.DataFrame([vars(row) for row in rows], columns=list(Exponent.__dataclass_fields__))


def pools(rows: Iterable[Exponent]) -> dict[tuple[str, str, bool], list[Exponent]]:
    """(variable, what falls, floor) -> the rows that may be pooled.

    Laws with and without a floor are never pooled: they answer different questions. Of one
    experiment and architecture the first claim counts, as others rest on the same runs.
    """
    found: dict[tuple[str, str, bool], dict[tuple[str, str], Exponent]] = {}
    for row in rows:
        if row.is_poolable:
            group = found.setdefault((row.variable, row.of, row.floor), {})
            group.setdefault((row.experiment, row.architecture), row)
    return {key: list(group.values()) for key, group in found.items()}


def _of_folder(folder: Path) -> Iterator[Exponent]:
    known = read(folder)
    verdicts = _verdicts(folder)
    claims = {card_name(one["claim"]["name"]): one for one in verdicts}
    titles = {card_name(study.TITLE): study.TITLE for study in studies.found().values()}
    for path in sorted((folder / "fits").glob("*.json")):
        card = _json(path)
        if not isinstance(card, dict):
            raise LabError(f"{path} is not the card of a fit; make the report again")
        verdict, title = claims.get(path.name), titles.get(path.name)
        kind = CLAIM if verdict else STUDY if title else SLICE
        name = verdict["claim"]["name"] if verdict else title or path.stem.replace("_", " ")
        for parts in _exponents(card):
            yield _row(known, card, verdict, **{"name": name, "kind": kind} | parts)


def _exponents(card: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The exponents of one card: parameter, variable, of, floor, perhaps a name."""
    declared = card.get("exponents")
    if isinstance(declared, dict):
        for parameter, about in declared.items():
            name = f"{about['of']}, {parameter.partition('_')[2]}"
            yield {"parameter": parameter, "floor": False, "name": name, **about}
        return
    if not (law := _law(card)):
        return
    floor = any(isinstance(kind, Scale) and not kind.variable for kind in law.parameters.values())
    for kind in law.parameters.values():
        if isinstance(kind, Scale) and kind.exponent and kind.exponent in card.get("params", {}):
            variable = kind.variable if kind.variable != "x" else card["variables"][0]
            of = law.response
            yield {"parameter": kind.exponent, "variable": variable, "of": of, "floor": floor}


def _law(card: Mapping[str, Any]) -> Law | None:
    try:
        return laws.get(card["law"]) if isinstance(card.get("law"), str) else None
    except LabError:
        return None  # a law of a plugin that is not installed here


def _row(
    known: Findings,
    card: Mapping[str, Any],
    verdict: Mapping[str, Any] | None,
    *,
    name: str,
    kind: str,
    parameter: str,
    variable: str,
    of: str,
    floor: bool,
) -> Exponent:
    found = Parameter.from_json(card["params"][parameter])
    low, high = found.low, found.high
    certificate = card.get("certificate", {})
    rows = _rows(known.tables, str(card.get("where") or ""))
    columns = card.get("columns", {})
    standing = (verdict or {}).get("registration") or {}
    loss = str(columns.get("L", "")).removeprefix("best_test_").replace("_", " ")
    return Exponent(
        experiment=known.name,
        name=name,
        kind=kind,
        domain=_values(rows, "data"),
        architecture=_values(rows, "model"),
        optimizer=_values(rows, "optimizer"),
        variable=variable,
        of=loss if of == "loss" and loss not in ("", "L") else of,
        law=str(card.get("equation", "")),
        floor=floor,
        value=found.value,
        low=low,
        high=high,
        counting=str(columns.get(variable, variable)) if variable == "N" else "",
        decades=_number(certificate.get("scales", {}).get(variable, {}).get("decades")),
        clusters=int(certificate.get("clusters") or 0),
        verdict=str(verdict["word"]) if verdict else "",
        registration=str(standing.get("status") or ""),
        error=math.log(high / low) / (2 * Z) if 0 < low < high < math.inf else math.nan,
        **_doubt(card),
        source=known.name,
    )


def _rows(tables: Tables, where: str) -> pd.DataFrame:
    """The chosen runs that a fit's condition selects; all, if it does not fit the table."""
    every = tables.families if tables.families is not None else tables.chosen
    try:
        return every[conditions.parse(where).mask(every)] if where else tables.chosen
    except LabError:
        return tables.chosen


def _values(rows: pd.DataFrame, name: str) -> str:
    """The values of a column, the first three; "" if it is missing."""
    found = [str(one) for one in rows[name].dropna().unique()] if name in rows else []
    return ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")


def _doubt(card: Mapping[str, Any]) -> dict[str, Any]:
    """The worst finding of a card that is more than a note; the first warning of a study's."""
    if "findings" not in card:
        return {"doubt": str(next(iter(card.get("warnings", ())), ""))}
    found = worst_first(Finding.from_card(one) for one in card["findings"])
    if not found or found[0].severity < Severity.DOUBT:
        return {}
    return {"doubt": found[0].what, "is_invalid": found[0].severity >= Severity.INVALID}


def _verdicts(folder: Path) -> list[Mapping[str, Any]]:
    path = folder / "verdicts.json"
    if not path.is_file():
        raise LabError(
            f"{folder} has no verdicts; make its report: scaling-lab report {folder.name}"
        )
    found = _json(path)
    if not (
        isinstance(found, list) and all(isinstance(one, dict) and "claim" in one for one in found)
    ):
        raise LabError(f"{path} is not a list of verdicts; make the report again")
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise LabError(f"{path} cannot be read ({error}); make the report again") from error


def _number(value: Any) -> float:
    """A number of a card, where null is infinite or missing."""
    return math.nan if value is None else float(value)
