"""Findings: what the report knows about one experiment before it writes the page."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaling_lab.registration.log import Log
from scaling_lab.registration.path import Looked

from ..checks import Finding, Severity
from ..checks.finding import worst_first
from ..claims.verdict import Verdict
from ..experiment_tables import Tables
from ..studies import Refusal, Result, get
from .outcome import Outcome

LONGEST = 100  # characters in the name of a card
VERDICTS = "verdicts.json"  # the verdicts of a results folder, for other programs


@dataclass
class Findings:
    """Everything that the report knows about one experiment.

    folder      its results folder
    home        where its fits and figures are written, by default its results folder
    definition  its experiment.json
    tables      its run table and curve table, and what was chosen from them
    outcome     which runs gave a result, and what was spent
    digest      of all that the tables follow from
    fits        the fits of its claims and slices, by name
    studies     its studies by slug, each a result or a Refusal
    verdicts    one for each claim, in the claims' order
    pictures    name of a figure -> paths of its PNG and SVG
    undrawn     name of a figure -> why it could not be drawn
    path        its looks, if it is sequential
    log         when its question, prediction and claims were registered
    notes       caveats to read before the page, a sentence or two each
    checked     what the checks of tables found, the worst first
    """

    folder: Path
    definition: dict[str, Any]
    tables: Tables
    outcome: Outcome
    digest: str = ""
    fits: dict[str, Result] = field(default_factory=dict)
    studies: dict[str, Result | Refusal] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    pictures: dict[str, tuple[Path, Path]] = field(default_factory=dict)
    undrawn: dict[str, str] = field(default_factory=dict)
    path: Looked = field(default_factory=Looked)
    log: Log = field(default_factory=Log)
    notes: list[str] = field(default_factory=list)
    checked: list[Finding] = field(default_factory=list)
    to: Path | None = None

    @property
    def home(self) -> Path:
        """The folder of its fits and figures."""
        return self.to or self.folder

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.definition["name"]

    @property
    def total(self) -> int:
        """How many runs the experiment asks for."""
        return int(self.definition.get("runs") or len(self.tables.runs))

    @property
    def results(self) -> dict[str, Result]:
        """Fits by name and results of studies by title: everything that has a card."""
        made = {slug: one for slug, one in self.studies.items() if not isinstance(one, Refusal)}
        return self.fits | {get(slug).TITLE: one for slug, one in made.items()}

    @property
    def headline(self) -> str:
        """What the reader must know before anything else; "" if there is nothing.

        Runs that failed, then the worst that a check found: about a claim's fit, or the tables.
        """
        return "; ".join(part for part in (self.outcome.headline, self._worst()) if part)

    def _worst(self) -> str:
        """The worst finding in a sentence, with the number of others as bad; "" if there is none.

        A number that should not be used comes before any doubt, and a claim before its tables.
        """
        about = [(v.claim["name"], one) for v in self.verdicts for one in of_verdict(v)]
        about += [("", one) for one in self.checked]
        about = [pair for pair in about if pair[1].severity >= Severity.DOUBT]
        if not about:
            return ""
        name, worst = max(about, key=lambda pair: pair[1].severity)
        others = len({one.text for _, one in about}) - 1
        word = "Do not use" if worst.severity == Severity.INVALID else "Doubtful"
        subject = f"{word}: {name}, as {worst.what}" if name else f"{word}: {worst.what}"
        how_bad = f" ({worst.how_bad})" if worst.how_bad else ""
        more = f", and {others} more" if others else ""
        return f"{subject}{how_bad}{more}"

    @property
    def choose(self) -> list[str]:
        """The swept recipe columns; validation data picks a value of each."""
        return list(self.definition.get("choose", ()))


def of_verdict(verdict: Verdict) -> list[Finding]:
    """The findings about what a verdict rests on, the worst first."""
    own = verdict.findings or getattr(verdict.evidence, "findings", ())
    return worst_first(own)


def card_name(title: str) -> str:
    """The file name of a card: L(N) at D = 1000 becomes l_n_at_d_1000.json.

    A digest stands for what such a name cannot hold: letters of other alphabets, and great length.
    """
    name = re.sub(r"[^a-z0-9.]+", "_", title.lower()).strip("_.")
    if len(name) > LONGEST or not name or any(c.isalnum() and not c.isascii() for c in title):
        digest = hashlib.sha256(title.encode(errors="replace")).hexdigest()[:8]
        name = f"{name[:LONGEST]}_{digest}".strip("_")
    return f"{name}.json"
