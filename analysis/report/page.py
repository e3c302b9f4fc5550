"""The page of a report: findings as one self-contained HTML file.

The template escapes text; the run table is embedded as JSON that cannot close its script element,
pictures as data URIs. A content security policy blocks every outside request.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scaling_lab.registration import summary

from .. import encoding, experiment_tables, figures, studies, style, unheld_numbers
from ..checks import Finding, Severity
from ..checks.finding import worst_first
from ..claims.verdict import HELD, INSUFFICIENT, REFUTED, UNDECIDED, WORDS
from ..estimates import figures as estimated
from ..numbers import human, symbol
from ..recipes import typical
from . import dark_mode, differences, verdict_card
from .run_table import run_table
from .typography import duration, equation, interval, number, raised, short

if TYPE_CHECKING:
    from .findings import Findings
    from .magnitudes import Magnitudes

MARKS = {
    HELD: "✓",
    REFUTED: "✕",
    UNDECIDED: "?",
    INSUFFICIENT: "…",
    "diverged": "∞",
    "failed": "!",
}

# The classifier whose features measure generated pictures: its own test error, and the feature
# distance of real training pictures from test pictures.
CLASSIFIER = (
    ("judge_error", "classifier's test error", "{:.2%}"),
    ("real_distance", "real pictures' feature distance", "{:.3g}"),
)
FITTED = ("frontier", "best_n")  # studies whose parameters are listed among the fits
LISTED = 100  # unfinished runs shown one by one


def page(found: Sequence[Findings], magnitudes: Magnitudes) -> str:
    """The whole page as text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "human": human, "raised": raised}
    sections = [_section(one) for one in found]
    return environment.get_template("report.html.j2").render(
        sections=sections, magnitudes=_magnitudes(magnitudes), marks=MARKS
    )


def _magnitudes(drawn: Magnitudes) -> dict[str, Any]:
    """The section that closes the page: orders of magnitude."""
    pictures = [
        picture(name, estimated.get(name), paths) | {"shape": "wide"}
        for name, paths in drawn.pictures.items()
    ]
    return {
        "closings": drawn.closings,
        "laws": drawn.laws,
        "talk": drawn.talk,
        "pictures": pictures,
        "undrawn": [(estimated.get(name).TITLE, why) for name, why in drawn.undrawn.items()],
    }


def _section(one: Findings) -> dict[str, Any]:
    definition, runs = one.definition, one.tables.runs
    text = ("name", "title", "question", "prediction", "cost", "command")
    return {
        **{key: str(definition.get(key) or "") for key in text},
        "id": re.sub(r"[^a-z0-9]+", "-", definition["name"].lower()).strip("-"),
        "title": str(definition.get("title") or definition["name"]),
        "headline": one.headline,
        "checked": [verdict_card.shown(finding) for finding in one.checked],
        "facts": _facts(one),
        "family": _family(one),
        "notes": one.notes,
        "registered": summary.short(one.log, one.total),
        "registration": summary.sentence(one.log, one.total),
        "looks": _looks(one),
        "rounds": _rounds(one),
        "extended": _extended(one),
        "amendments": differences.amendments(one.log, one.total),
        "unheld": unheld_numbers.of(definition),
        "verdicts": [verdict_card.card(verdict) for verdict in one.verdicts],
        "fits": _fits(one),
        "slices": [group for x, at in (("N", "D"), ("D", "N")) if (group := _slices(one, x, at))],
        "pictures": _pictures(one),
        "undrawn": [(figures.get(name).TITLE, why) for name, why in one.undrawn.items()],
        "choices": [table for name in one.choose if (table := _choice(one, name))],
        "choose": [name.replace("_", " ") for name in one.choose],
        "chosen_by": one.tables.chosen_by,
        "unfinished": _unfinished(runs),
        "unfinished_count": int((runs["status"] != "done").sum()),
        "runs": run_table(one),
        "run_count": len(runs),
        "provenance": _provenance(one),
    }


def _looks(one: Findings) -> list[dict[str, Any]]:
    """What each look of a sequential experiment saw."""
    return [
        {
            "share": f"{look.share:.0%}",
            "spent": f"{look.spent:.3g}",
            "rows": look.rows,
            "level": f"{look.level:.2%}",
            "claims": [
                {"name": claim["name"], "word": claim["word"], "interval": _ends_of(claim)}
                | {"why": claim.get("why", "")}
                for claim in look.claims
            ],
        }
        for look in one.path.looks
    ]


def _rounds(one: Findings) -> list[dict[str, Any]]:
    """Which runs a sequential experiment chose at each turn, and why."""
    return [
        {
            "after": f"after the look at {round_.share:.0%}" if round_.share else "at first",
            "count": len(round_.runs),
            "runs": ", ".join(round_.runs),
            "why": "; ".join(f"{claim}: {why}" for claim, why in round_.why.items()),
        }
        for round_ in one.path.rounds
    ]


def _extended(one: Findings) -> list[tuple[str, str]]:
    """Why sweeps added runs to the grid, and which, in the order of the plan."""
    added: dict[str, list[str]] = {}
    for run, why in (one.definition.get("extended") or {}).items():
        added.setdefault(why, []).append(run)
    return [(why, ", ".join(runs)) for why, runs in added.items()]


def _ends_of(claim: Mapping[str, Any]) -> str:
    low, high = (claim.get(end) for end in ("low", "high"))
    ends = ["open" if end is None else f"{end:.3g}" for end in (low, high)]
    return "" if low is None and high is None else f"{ends[0]} to {ends[1]}"


def _facts(one: Findings) -> list[tuple[str, str | Markup]]:
    """The facts under the title, as (what, how much)."""
    runs = one.tables.runs
    done = runs[runs["status"] == "done"]
    count = runs["status"].value_counts()
    words = Counter(verdict.word for verdict in one.verdicts)
    said = ", ".join(f"{words[word]} {word}" for word in WORDS if words[word])
    facts: list[tuple[str, str | Markup]] = [("claims", said)] if said else []
    facts.append(("runs done", f"{count.get('done', 0):,}"))
    facts += [(kind, f"{count[kind]:,}") for kind in ("diverged", "failed") if kind in count]
    for variable, what in (("N", "parameters N"), ("D", "examples D")):
        if text := _ends(done, variable, human):
            facts.append((what, text))
    facts += [
        (what, text) for name, what, form in CLASSIFIER if (text := _ends(runs, name, form.format))
    ]
    return [
        *facts,
        ("compute", total_compute(one)),
        ("training time", duration(_sum(runs, "wall_s"))),
    ]


def _family(one: Findings) -> str:
    """The family that figures, slices and tables show; "" if there is no other."""
    every, shown = one.tables.families, one.tables.chosen
    if every is None or every.empty or shown.empty or every["family"].nunique() < 2:
        return ""
    return " and ".join(map(str, shown["family"].unique()))


def _ends(runs: pd.DataFrame, name: str, form: Callable[[float], str]) -> str:
    """Minimum and maximum of a column, one if they read the same; "" if it is empty."""
    values = np.asarray(runs[name].dropna() if name in runs else [], float)
    ends = (form(v) for v in (values.min(), values.max())) if len(values) else ()
    return " – ".join(dict.fromkeys(ends))


def _fits(one: Findings) -> list[dict[str, Any]]:
    """The fits that the page shows one by one: those of claims and of some studies."""
    claimed = [claim["name"] for claim in one.definition.get("claims", ())]
    named = dict.fromkeys([*claimed, *(studies.get(slug).TITLE for slug in FITTED)])
    doubtful = {one.claim["name"] for one in one.verdicts if one.is_exploratory}
    made = {name: one.results[name] for name in named if name in one.results}
    return [
        _fit(name, fit) | {"exploratory": name in doubtful}
        for name, fit in made.items()
        if hasattr(fit, "params")
    ]


def _fit(name: str, fit: Any) -> dict[str, Any]:
    parameters = [
        (symbol(k), number(p.value), _interval(p.low, p.high)) for k, p in fit.params.items()
    ]
    return {
        "name": name,
        "equation": equation(fit),
        "parameters": parameters,
        "n": fit.n,
        "clusters": _clusters(fit),
        "points": _points(fit),
        "findings": _findings(fit),
    }


def _interval(low: float, high: float) -> str:
    """An interval, or that the data do not determine one."""
    if math.isinf(high) and (math.isinf(low) or low <= 0):
        return "not determined"
    return interval(low, high)


def _points(fit: Any) -> str:
    """How many points a fit has, and what they are clustered by."""
    if not (clusters := _clusters(fit)):
        return f"{fit.n} points"
    return f"{fit.n} points in {clusters} clusters ({fit.certificate['clustering']})"


def _clusters(fit: Any) -> int:
    """The number of clusters of a fit; 0 if each point is one."""
    found = getattr(fit, "certificate", {})
    clustered = found.get("clustered_by", "rows") not in ("rows", "none")
    return found["clusters"] if clustered else 0


def _findings(fit: Any) -> list[dict[str, str]]:
    """The findings about a fit; a study's result has sentences, which are doubts."""
    found = getattr(fit, "findings", None)
    if found is None:
        found = [Finding("study", Severity.DOUBT, text) for text in fit.warnings]
    return [verdict_card.shown(one) for one in worst_first(found)]


def _slices(one: Findings, x: str, at: str) -> dict[str, Any] | None:
    """The laws of loss against `x` at each value of `at`, as rows of one table."""
    rows = []
    for value in one.tables.values(at):
        if fit := one.fits.get(experiment_tables.slice_name(x, at, value)):
            rows.append({"value": f"{value:,.15g}", **_fit("", fit)})
    symbols = list(dict.fromkeys(s for row in rows for s, *_ in row["parameters"]))
    if not rows:
        return None
    for row in rows:
        cells = {s: (value, interval) for s, value, interval in row["parameters"]}
        row["cells"] = [cells.get(s) for s in symbols]
    return {"x": x, "at": at, "symbols": symbols, "rows": rows}


def _pictures(one: Findings) -> list[dict[str, Any]]:
    """The figures in page order: narrow ones in pairs, an odd one alone, then wide ones."""
    made = [picture(name, figures.get(name), paths) for name, paths in one.pictures.items()]
    made.sort(key=lambda picture: (picture["shape"] == "wide", picture["place"], picture["name"]))
    narrow = [picture for picture in made if picture["shape"] == "narrow"]
    if len(narrow) % 2:
        narrow[-1]["shape"] = "beside"
    return made


def picture(name: str, drawing: Any, paths: tuple[Path, Path]) -> dict[str, Any]:
    """What the page's template shows of a figure; `drawing` has its TITLE, CAPTION and PLACE."""
    png, svg = paths
    drawn = svg.read_text()
    width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', drawn[:2000])[:2]
    return {
        "name": name,
        "title": drawing.TITLE,
        "caption": drawing.CAPTION,
        "alt": f"{drawing.TITLE}. {drawing.CAPTION.split('. ')[0]}.",
        "png": f"data:image/png;base64,{base64.b64encode(png.read_bytes()).decode()}",
        "svg": encoding.svg_uri(drawn),
        "dark": " ".join(f"{a[1:]}:{b[1:]}" for a, b in dark_mode.colours(drawn).items()),
        "width": round(float(width) * 4 / 3),
        "height": round(float(height) * 4 / 3),
        "shape": "wide" if float(width) > 1.5 * 72 * style.COLUMN else "narrow",
        "place": drawing.PLACE,
    }


def _choice(one: Findings, name: str) -> dict[str, Any] | None:
    """The best value of a recipe column at each (N, D), and how many lie at an end of the sweep."""
    best = one.tables.chosen
    if best.empty or name not in best or not {"N", "D"} <= set(best):
        return None
    tried = sorted(_shown(one)[name].dropna().unique())
    grid = typical(best, ["N", "D"], name).set_index(["N", "D"])[name]
    sizes, data = one.tables.values("N"), one.tables.values("D")
    ends = {tried[0]: "↓", tried[-1]: "↑"} if len(tried) > 1 else {}
    cells = {
        (n, d): (short(grid[n, d]), ends.get(grid[n, d], ""))
        for n in sizes
        for d in data
        if (n, d) in grid
    }
    return {
        "name": name.replace("_", " "),
        "tried": ", ".join(short(value) for value in tried),
        "sizes": [human(n) for n in sizes],
        "data": [human(d) for d in data],
        "rows": [[cells.get((n, d)) for d in data] for n in sizes],
        "edge": sum(1 for _, end in cells.values() if end),
        "of": len(cells),
    }


def _shown(one: Findings) -> pd.DataFrame:
    """The runs of the family that the figures show, of every recipe."""
    runs = one.tables.runs
    for name, value in one.definition.get("families", {}).items():
        if name in runs and (runs[name] == value).any():
            runs = runs[runs[name] == value]
    return runs


def _unfinished(runs: pd.DataFrame) -> list[dict[str, str]]:
    """The first of the diverged and failed runs: run, status, reason."""
    rows = runs.loc[runs["status"] != "done", ["run", "status", "reason"]].head(LISTED)
    return rows.astype(object).where(rows.notna(), "").to_dict("records")


def _provenance(one: Findings) -> list[tuple[str, list[str | Markup]]]:
    """Where the numbers come from: (term, all its values)."""
    runs = one.tables.runs
    versions: dict[str, list[str]] = {}
    for text in _known(runs, "versions"):
        for package, version in _json_object(text).items():
            versions.setdefault(package, []).append(str(version))
    stack = [f"{name} {' and '.join(dict.fromkeys(all_))}" for name, all_ in versions.items()]
    changed = {str(commit) for commit, dirty in _pairs(runs, "git_commit", "git_dirty") if dirty}
    commits = [
        commit[:12] + (" with uncommitted changes" if commit in changed else "")
        for commit in _known(runs, "git_commit")
    ]
    devices = [f"{count:g} × {kind}" for kind, count in _pairs(runs, "device", "devices")]
    times = [*_known(runs, "started"), *_known(runs, "finished")]
    programs = runs.drop_duplicates("program") if "program" in runs else runs.iloc[:0]
    energy = _sum(runs, "energy_J")
    entries: list[tuple[str, list[str | Markup]]] = [
        ("Versions", [", ".join(stack)]),
        ("Device", list(devices)),
        ("Commit", list(commits) or ["none: the source was not under git"]),
        ("Compute", [total_compute(one)]),
        ("Training time", [duration(_sum(runs, "wall_s"))]),
        ("Compiling", [f"{duration(_sum(programs, 'compile_s'))}, {len(programs)} programs"]),
        ("Energy", [Markup(f"{number(energy)} J")] if energy else []),
        ("When (UTC)", [f"{min(times)} – {max(times)}"] if times else []),
    ]
    return [(term, texts) for term, texts in entries if any(texts)]


def total_compute(one: Findings) -> Markup:
    """The training compute spent on the runs, without that of failed ones."""
    return Markup(f"{number(float(one.outcome.spent.sum()))} FLOP")


def _sum(runs: Any, name: str) -> float:
    return float(runs[name].sum()) if name in runs else 0.0


def _known(runs: Any, name: str) -> list[str]:
    return [str(v) for v in runs[name].dropna().unique()] if name in runs else []


def _pairs(runs: Any, one: str, other: str) -> Iterable[tuple[Any, Any]]:
    if one not in runs or other not in runs:
        return []
    return runs[[one, other]].dropna().drop_duplicates().itertuples(index=False, name=None)


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
