"""Measured points lie on a theory's exact curve.

    {"kind": "curve", "name": "the random features of Maloney 2022", "theory": "random_features",
     "x": "N", "where": "D == D.max()", "options": {"latent": 600, "spectrum": 1.0}}

`theory` is a file in analysis/theory/; `options` are the settings of its curve. The theory has no
free parameter here: settings are part of the prediction. `x` names the columns, "N" or ["N", "D"],
whose distinct values are the points; other columns that the theory reads are means over a point.

Each point is a mean over seeds. Its distance from the curve in standard errors is a Student's t,
which is turned into the normal deviate of equal probability; the sum of their squares is chi^2 with
one degree of freedom a point. The claim is held if p >= 5%, refuted if p < 1%, undecided between.
A curve agrees with few and noisy points too easily, so the gate asks for five points, each with
three seeds and a standard error of at most 2% of the excess over the theory's floor. A curve from
which every one of eight points of five seeds lies one standard error off is still held in 69% of
experiments, two off in 5%, three off in none: what is held lies within some 4% of the excess.

To be held is not to be rejected, which looking again does not make safer: few points agree at
first. So a sequential experiment may refute a curve at any look, with a share of the 1%, and holds
it only when all its points are recorded, once and with p >= 5%.

The value shown is the measured excess over the theory's, averaged over the points.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from scaling_lab.errors import LabError, unknown

from .. import theory
from ..experiment_tables import Tables, needs
from ..studies import Refusal, Result
from . import cells, level, parameter, planned
from .gate import RUNS
from .support import Support
from .verdict import HELD, REFUTED, UNDECIDED, Verdict

FIELDS = ("theory", "x")
GATE = ("points", "seeds a cell", "precision", *RUNS)
WHOLE = (HELD,)
EXAMPLE = {
    "name": "the transformer on its law",
    "theory": "chinchilla_curve",
    "x": "N",
    "where": "model == 'transformer' and D == D.max()",
    "options": {"E": 1.7, "A": 60.0, "alpha": 0.35, "B": 400.0, "beta": 0.35},
}
HELD_AT, REFUTED_AT = 0.05, 0.01  # a true curve is refuted in 1% of experiments
MEASURED = ("measured", "se", "seeds")


@dataclass(frozen=True)
class Curve:
    """Points beside a theory's curve: x, measured, se, seeds, theory, floor and z of each."""

    theory: str
    settings: Mapping[str, Any]
    points: Any
    chi2: float
    p: float
    findings: list[Any] = field(default_factory=list)

    def card(self) -> dict[str, Any]:
        """The comparison as JSON."""
        return {
            "theory": self.theory,
            "settings": dict(self.settings),
            "chi2": self.chi2,
            "p": self.p,
            "points": self.points.to_dict("records"),
        }


def evaluate(
    claim: Mapping[str, Any],
    tables: Tables,
    fits: Mapping[str, Result],
    studies: Mapping[str, Result | Refusal],
) -> Verdict:
    """Compare points with the curve. Raises LabError if there is none, or the theory fails."""
    needs(tables.families, [claim["loss"]], "the claim")
    rows = _selected(claim, tables.families)
    settings = dict(claim.get("options") or {})
    points = compared(claim, rows)
    z, floor = points["z"].to_numpy(), theory.floor(claim["theory"], settings)
    chi2 = float(np.sum(z**2))
    p = float(special.chdtrc(len(z), chi2))
    word = HELD if p >= HELD_AT else REFUTED if p < _refuted_at() else UNDECIDED
    value, interval = _scale(points, floor)
    far = int(np.nanargmax(np.abs(z))) if np.isfinite(z).any() else 0
    where = ", ".join(f"{name} = {points[name].iloc[far]:g}" for name in _axes(claim))
    why = (
        f"chi² is {chi2:.3g} at {len(z)} points (p = {p:.2g}); the farthest, at {where}, lies "
        f"{abs(z[far]):.2g} standard errors {'above' if z[far] > 0 else 'below'} the curve."
    )
    named = {
        _name(claim, row): cells.Mean(row["measured"], row["se"], int(row["seeds"]))
        for _, row in points.iterrows()
    }
    support = Support(rows, cells=named, errors=errors(claim, points).tolist())
    return Verdict(
        claim,
        word,
        why,
        value,
        interval,
        "measured / theory",
        Curve(claim["theory"], settings, points, chi2, p),
        prediction=f"the curve of {claim['theory']}{_shown(settings)}",
        support=support,
        turning=_turning(word, len(z), chi2),
    )


def check(claim: Mapping[str, Any], columns: Collection[str]) -> None:
    """Raise LabError for an unknown theory, column or setting, before any run."""
    if not claim.get("theory"):
        raise LabError("it has no theory; give `theory`, a file in analysis/theory/")
    theory.check(claim["theory"], dict(claim.get("options") or {}))
    needed = [*_axes(claim), *theory.get(claim["theory"]).VARIABLES, claim["loss"]]
    for name in needed:
        if name not in columns:
            raise unknown("column", name, columns)
    parameter.condition(claim, columns)


def plan(claim: Mapping[str, Any], rows: Any) -> Support | None:
    """What the claim would rest on in the planned runs."""
    planned.refuse_counted(claim)
    own = _selected(claim, rows)
    groups = cells.by(own, _axes(claim))
    return Support(own, cells={str(key): planned.cell(part) for key, part in groups.items()})


def compared(claim: Mapping[str, Any], rows: Any) -> Any:
    """The points of a claim's rows: its axes, measured, se, seeds, theory and z."""
    made = _points(claim, rows)
    at = {name: made[name].to_numpy("float64") for name in made if name not in MEASURED}
    values = theory.values(claim["theory"], dict(claim.get("options") or {}), at)
    z = theory.deviates(made["measured"] - values, made["se"], made["seeds"])
    return made.assign(theory=values, z=z)


def errors(claim: Mapping[str, Any], points: Any) -> np.ndarray:
    """Standard error over the excess loss of the theory, at each of the points `compared`."""
    floor = theory.floor(claim["theory"], dict(claim.get("options") or {}))
    return (points["se"] / np.abs(points["theory"] - floor)).to_numpy("float64")


def _selected(claim: Mapping[str, Any], rows: Any) -> Any:
    return planned.selected(rows, parameter.condition(claim, list(map(str, rows))))


def _points(claim: Mapping[str, Any], rows: Any) -> Any:
    """A row for each point: the columns of the theory, the mean, its standard error and n."""
    axes = _axes(claim)
    wanted = dict.fromkeys([*axes, *theory.get(claim["theory"]).VARIABLES])
    groups = rows.dropna(subset=[claim["loss"]]).groupby(axes, as_index=False)
    return groups.agg(
        **{name: (name, "mean") for name in wanted if name not in axes},
        measured=(claim["loss"], "mean"),
        se=(claim["loss"], "sem"),
        seeds=(claim["loss"], "count"),
    )


def _scale(points: Any, floor: float) -> tuple[float, tuple[float, float]]:
    """The measured excess over the theory's, as a mean over the points, and its interval.

    Points weigh alike: standard errors of a few seeds are too uncertain for weights.
    """
    excess = points["theory"].to_numpy() - floor
    ratio = (points["measured"].to_numpy() - floor) / excess
    variance = (points["se"].to_numpy() / excess) ** 2
    value, df = float(np.mean(ratio)), points["seeds"].to_numpy() - 1.0
    if not (df > 0).all():
        return value, (-math.inf, math.inf)
    error = math.sqrt(variance.sum()) / len(points)
    if not error:
        return value, (value, value)
    half = cells.quantile(float(variance.sum() ** 2 / np.sum(variance**2 / df)), level.now())
    return value, (value - half * error, value + half * error)


def _refuted_at() -> float:
    """The p value below which a curve is refuted, smaller at a look of a sequential experiment."""
    return REFUTED_AT * (1 - level.now()) / (1 - level.USUAL)


def _axes(claim: Mapping[str, Any]) -> list[str]:
    asked = claim.get("x") or []
    return [asked] if isinstance(asked, str) else list(asked)


def _name(claim: Mapping[str, Any], row: Any) -> str:
    return ", ".join(f"{name} = {row[name]:g}" for name in _axes(claim))


def _shown(settings: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{name} = {value}" for name, value in settings.items())
    return f" ({shown})" if shown else ""


def _turning(word: str, count: int, chi2: float) -> str:
    ends = [float(special.chdtri(count, p)) for p in (HELD_AT, _refuted_at())]
    if word == HELD:
        return f"Not held if chi² exceeded {ends[0]:.3g}."
    return f"Held if chi² were {ends[0]:.3g} or less, refuted above {ends[1]:.3g}."
