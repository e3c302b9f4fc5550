"""What a prediction says and no claim holds, which a report would pass over in silence: numbers,
and what is to be so in every case.

    unheld("near 1.5 nats a character", claims, axes)  ->  ["near 1.5 nats a character"]

A number is held if a claim has it (in its range, its margin, its condition, ...), and a range if
both of its ends are of one claim. Not predictions, and left out:

- what others found: numbers in a clause that cites a name and a year, or in brackets after it;
- the grid: values of its axes, and counts (of parameters, examples, steps, ...);
- numbers that name things: years, sections, figures, 8x8, 5-gram, e10, arXiv numbers;
- sentences about the rule of the recipe, and about an earlier grid.

What is to be so never, always or at every N is held by an ordering or a share, if there is one.

This reads English by its surface. It is made to be wrong seldom on the side of too many.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

WORDS = {"half": 0.5, "double": 2.0, "twice": 2.0, "thrice": 3.0, "tenfold": 10.0}
UNIVERSAL = re.compile(r"\b(?:never|always|everywhere|(?:at|in|for) every)\b", re.IGNORECASE)
OF_CASES = ("ordering", "share")  # kinds of claim about every case
AROUND = 3  # words that are shown before and after a number

_NUMBER = r"[-+]?(?:\d+/\d+|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?"
_YEAR = r"(?:1[89]|20)\d\d"
_NUMERAL = re.compile(_NUMBER)
# A number stands alone: it is no part of a name (e10, 5-gram, 8x8), a power of ten, a date or an
# identifier. An exponent, as in N^-0.5, is one.
_FOUND = re.compile(
    rf"(?<![\w./])(?<!\d\^)(?<!\d\^-)({_NUMBER}%?)(?:\s*(?:to|and|-|–|or)\s*({_NUMBER}%?))?(?![\w^/]|-[a-z]|\.\d)"
    rf"|\b({'|'.join(WORDS)})\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.?!])(?<!al\.)\s+(?=[A-Z(])")
_CLAUSE = re.compile(r"(\([^()]*\))|[,;:]\s+|\s+(?:but|while|whereas)\s+")
_CITED = re.compile(
    rf"[A-Z][\w'’-]+(?: (?:and|&) [A-Z][\w'’-]+| et al\.?)*,? {_YEAR}\b"
    r"|[A-Z][a-z]+['’]s\b|arXiv|doi"
)
_ASIDE = re.compile(
    r"\bfollows? (?:a|the) rule\b"
    r"|\b(?:first|earlier|previous|pilot)\b[^.;]*\b(?:grid|run|trial)s?\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:sections?|figures?|fig\.|tables?|equations?|eq\.|appendix|chapters?|pages?|seeds?|steps?)"
    r"\s+$",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"^\s+(?:\w+\s+)?(?:parameters?|examples?|tokens?|characters?|words?|pictures?|images?|pairs?|"
    r"steps?|updates?|runs?|seeds?|layers?|units?|digits|classes|sizes|epochs?|passes|decades?|"
    r"FLOPs?|points?|levels?|budgets?|models?|sentences?|pixels?|games?|s|seconds|minutes|hours)\b",
    re.IGNORECASE,
)


class Number(NamedTuple):
    """A number or a range in a text: its ends, and the words that show it."""

    ends: tuple[float, ...]
    shown: str


HEADING = "What the prediction says and no claim holds"


def of(definition: Mapping[str, Any]) -> list[str]:
    """The same for an experiment's definition, as experiment.json has it."""
    return unheld(
        str(definition.get("prediction") or ""),
        definition.get("claims") or (),
        definition.get("axes") or {},
    )


def unheld(
    prediction: str, claims: Iterable[Mapping[str, Any]], axes: Mapping[str, Sequence[Any]]
) -> list[str]:
    """The numbers of a prediction that no claim holds, each with the words around it.

    Then the clauses about every case, if no claim is. claims: as experiment.json has them. axes:
    axis of the grid -> its values.
    """
    claims = list(claims)
    held = [set(_numbers_in(claim)) for claim in claims]
    universal = any(claim.get("kind") in OF_CASES for claim in claims)
    grid = set(_numbers_in(list(axes.values())))
    alone = [
        number.shown
        for number in numbers(prediction)
        if not any(_holds(known, number.ends) for known in held) and not _holds(grid, number.ends)
    ]
    return list(dict.fromkeys([*alone, *([] if universal else of_every_case(prediction))]))


def of_every_case(prediction: str) -> list[str]:
    """The clauses about every case: "more parameters never hurt"."""
    found = []
    for sentence in _SENTENCE.split(" ".join(prediction.split())):
        if not _ASIDE.search(sentence):
            parts = [clause for clause, _ in _clauses(sentence) if not _CITED.search(clause)]
            found += [part.strip(" .;:") for part in parts if UNIVERSAL.search(part)]
    return found


def numbers(prediction: str) -> Iterator[Number]:
    """The numbers that a text predicts."""
    text = re.sub(rf"\(({_YEAR})\)", r"\1", " ".join(prediction.split()))  # Kaplan (2020)
    for sentence in _SENTENCE.split(text):
        if not _ASIDE.search(sentence):
            yield from _predicted(sentence)


def _predicted(sentence: str) -> Iterator[Number]:
    """The numbers in the clauses of a sentence that cite nobody."""
    cited = compared = False
    for clause, is_bracket in _clauses(sentence):
        cites = bool(_CITED.search(clause))
        # What stands in brackets belongs to the clause before: (0.1), (0.5 to 0.6).
        if not (cites or (is_bracket and (cited or compared))):
            yield from _in_clause(clause)
        if not is_bracket:
            cited, compared = cites, " than " in f" {clause} "


def _clauses(sentence: str) -> Iterator[tuple[str, bool]]:
    """The clauses of a sentence, and whether each stands in brackets."""
    begin = 0
    for mark in _CLAUSE.finditer(sentence):
        yield sentence[begin : mark.start()], False
        if mark.group(1):
            yield mark.group(1)[1:-1], True
        begin = mark.end()
    yield sentence[begin:], False


def _in_clause(clause: str) -> Iterator[Number]:
    for found in _FOUND.finditer(clause):
        before, after = clause[: found.start()], clause[found.end() :]
        first, last, word = found.groups()
        if word:
            yield Number((WORDS[word.lower()],), _shown(clause, *found.span()))
        elif not (_NAMED.search(before) or _COUNTED.match(after) or _is_year(first, last, before)):
            ends = tuple(_value(text) for text in (first, last) if text)
            yield Number(ends, _shown(clause, *found.span()))


def _is_year(first: str, last: str | None, before: str) -> bool:
    """Whether a number is a year: four digits after a name, or after `in` or `since`."""
    return (
        not last
        and re.fullmatch(_YEAR, first) is not None
        and re.search(r"(?:[A-Z][\w.&'’-]*|\bin|\bsince|\bof),?\s+\(?$", before) is not None
    )


def _shown(clause: str, begin: int, end: int) -> str:
    """What stands from `begin` to `end`, in whole words, with the words of the clause around it."""
    begin = clause.rfind(" ", 0, begin) + 1
    end += len(re.split(r"\s", clause[end:], maxsplit=1)[0])
    words = [*clause[:begin].split()[-AROUND:], *clause[begin:end].split()]
    return " ".join([*words, *clause[end:].split()[:AROUND]]).rstrip(" .;")


def _value(text: str) -> float:
    above, _, below = text.rstrip("%").replace(",", "").partition("/")
    number = float(above) / (float(below or 1) or math.nan)
    return number / 100 if text.endswith("%") else number


def _holds(known: Collection[float], ends: Sequence[float]) -> bool:
    """Whether all ends are among these numbers, whatever their signs."""
    return all(any(math.isclose(abs(end), abs(one)) for one in known) for end in ends)


def _numbers_in(value: object) -> Iterator[float]:
    """All numbers in a plain value, those in its texts included."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, str):
        yield from map(_value, _NUMERAL.findall(value))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _numbers_in(one)
    elif isinstance(value, Iterable):
        for one in value:
            yield from _numbers_in(one)
