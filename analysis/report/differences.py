"""What an amendment changed in an experiment's texts, word by word, as HTML for the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from scaling_lab.registration import summary
from scaling_lab.registration.log import Entry, Log
from scaling_lab.registration.texts import Texts

FIRST = ("law", "x", "parameter", "low", "high")  # fields of a claim that are told first


class Amendment(NamedTuple):
    """One change of the texts: a line that dates it, and the changed texts under their headings."""

    title: str
    changes: list[tuple[str, Markup]]


def amendments(log: Log, total: int) -> list[Amendment]:
    """The amendments of a log, newest first. total: the runs that the experiment asks for."""
    return [
        Amendment(_title(new, total), list(_changes(old.texts, new.texts)))
        for old, new in reversed(log.amendments)
    ]


def words(old: str, new: str) -> Markup:
    """Both texts in one: words of the old one alone in <del>, of the new one alone in <ins>."""
    before, now = old.split(), new.split()
    parts: list[Markup] = []
    for _, a, b, c, d in SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if before[a:b] == now[c:d]:
            parts.append(escape(" ".join(now[c:d])))
            continue
        parts += [_marked(tag, some) for tag, some in (("del", before[a:b]), ("ins", now[c:d]))]
    return Markup(" ").join(part for part in parts if part)


def _title(entry: Entry, total: int) -> str:
    commit = f" (commit {entry.commit[:9]})" if entry.commit and entry.source == "git" else ""
    return f"{summary.moment(entry)} UTC{commit}, {summary.after(entry, total)}"


def _changes(old: Texts, new: Texts) -> Iterator[tuple[str, Markup]]:
    for name in ("question", "prediction"):
        before, now = getattr(old, name), getattr(new, name)
        if before != now:
            yield name.capitalize(), words(before, now)
    if old.claims is None or new.claims is None:
        if old.claims != new.claims:
            yield "Claims", Markup("unknown in one of the two: code made them, and it was not run")
        return
    before, now = _by_name(old.claims), _by_name(new.claims)
    for name in dict.fromkeys([*before, *now]):
        if before.get(name) != now.get(name):
            what = "" if name in before and name in now else _added(name in now)
            yield f"Claim{what}: {name}", words(before.get(name, ""), now.get(name, ""))


def _added(is_new: bool) -> str:
    return " added" if is_new else " withdrawn"


def _by_name(claims: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Name of a claim -> its fields as one text."""
    return {str(claim.get("name", "")): _told(claim) for claim in claims}


def _told(claim: Mapping[str, Any]) -> str:
    fields = [*(f for f in FIRST if f in claim), *(f for f in claim if f not in (*FIRST, "name"))]
    return "; ".join(f"{name} {_plain(claim[name])}" for name in fields)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _marked(tag: str, some: Sequence[str]) -> Markup:
    return Markup(f"<{tag}>{{}}</{tag}>").format(" ".join(some)) if some else Markup("")
