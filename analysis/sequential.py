"""Sequential experiments: a registered look at the claims, and which of them are decided.

An interval that decides has the level of its look (`scaling_lab.looks`). Three rules come on top:

- A word that needs all planned runs of a claim (`WHOLE` of its kind) is withheld before they are
  recorded. It is then said once, whatever looks follow, and so at the full 95%. "Held" of a curve
  means not rejected: at an early look too little is measured to reject any.
- A word is withheld if the claim's condition selects other runs now than it does in the whole grid:
  the largest N so far is not the largest N.
- A claim that was decided at a look stays decided: intervals of all looks hold together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scaling_lab.looks import Looks
from scaling_lab.registration.path import Look

from . import claims
from .claims import level
from .claims.verdict import HELD, INSUFFICIENT, REFUTED, UNDECIDED, Verdict
from .design import rounds
from .experiment_tables import Tables

DECIDED = (HELD, REFUTED)


def evaluated(
    claim: Mapping[str, Any],
    tables: Tables,
    *rest: Any,
    planned: Any,
    evaluate: Any = claims.evaluate,
) -> tuple[Verdict, float]:
    """The verdict on a claim at a look, and the level of its interval.

    rest: as for `evaluate`, the tables follow the claim. The level in force is that of the look.
    """
    once = getattr(claims.get(claims.completed(claim)["kind"]), "WHOLE", ())
    if once and not _left(claim, tables, planned):
        with level.at(level.USUAL):
            verdict = evaluate(claim, tables, *rest)
        if verdict.word in once:
            return withheld(verdict, tables, planned), level.USUAL
    return withheld(evaluate(claim, tables, *rest), tables, planned), level.now()


def withheld(verdict: Verdict, tables: Tables, planned: Any) -> Verdict:
    """The verdict, undecided if its word must wait for further runs."""
    if verdict.word not in DECIDED:
        return verdict
    claim = claims.completed(verdict.claim)
    own = rounds.about(claim, planned)
    rows = tables.runs if claim["kind"] == "share" else tables.families
    if others := rounds.about(claim, rows) - own:
        why = f"It is about runs that are not trained yet: {len(others)} of those here are others"
    elif verdict.word in getattr(claims.get(claim["kind"]), "WHOLE", ()) and (
        left := _left(claim, tables, planned)
    ):
        why = f"{len(left)} of the {len(own)} runs that it is about are not trained"
    else:
        return verdict
    return replace(verdict, word=UNDECIDED, why=f"{why}. So far it reads {verdict.word}.")


def _left(claim: Mapping[str, Any], tables: Tables, planned: Any) -> set[str]:
    """The planned runs of the claim that are not recorded."""
    return rounds.about(claim, planned) - set(tables.runs["run"])


def seen(verdict: Verdict, its_level: float) -> dict[str, Any]:
    """What a look records of a verdict."""
    low, high = (end if math.isfinite(end) else None for end in verdict.interval)
    found = {"name": verdict.claim["name"], "word": verdict.word, "low": low, "high": high}
    return found | {"level": its_level, "why": verdict.why}


def decided(looks: Sequence[Look]) -> dict[str, tuple[str, Look]]:
    """Claim -> the word that the looks have given it, and the look that gave it first.

    A claim that one look held and another refuted is not decided.
    """
    found: dict[str, tuple[str, Look]] = {}
    for one in looks:
        for claim in one.claims:
            if claim["word"] in DECIDED:
                found.setdefault(claim["name"], (claim["word"], one))
    return {
        name: (word, one)
        for name, (word, one) in found.items()
        if all(
            claim["word"] == word
            for each in looks
            for claim in each.claims
            if claim["name"] == name and claim["word"] in DECIDED
        )
    }


def standing(verdict: Verdict, looks: Sequence[Look]) -> Verdict:
    """A verdict on the tables as they are, by what the registered looks have said of its claim.

    `insufficient` remains: what the gate finds now is worth more than what it did not find before.
    """
    if not looks or verdict.word == INSUFFICIENT:
        return verdict
    name = verdict.claim["name"]
    if name in (settled := decided(looks)):
        word, one = settled[name]
        if word == verdict.word:
            return verdict
        why = f"It was {word} at the look at {one.share:.0%} of the budget, which stands."
        return replace(verdict, word=word, why=f"{why} Now: {verdict.why}")
    last = _last(name, looks)
    if not last or verdict.word not in DECIDED:
        return verdict
    why = f"The last registered look, at {looks[-1].share:.0%} of the budget, left it open."
    return replace(verdict, word=UNDECIDED, why=f"{why} {last.get('why', '')}".rstrip())


def level_now(name: str, looks: Sequence[Look]) -> float:
    """The level of the interval that the page shows for a claim: that of the last look."""
    return float(_last(name, looks).get("level", looks[-1].level)) if looks else level.USUAL


def _last(name: str, looks: Sequence[Look]) -> Mapping[str, Any]:
    """What the last look saw of a claim; empty if it was not there."""
    return next((claim for claim in looks[-1].claims if claim["name"] == name), {})


def level_of(looks: Looks, before: Look | None, spent: float) -> float:
    """The level of the intervals of a look when so much of the budget is spent."""
    return looks.level(looks.reached(spent), looks.reached(before.spent) if before else 0.0)
