"""The tables of one experiment as studies, figures and claims take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from scaling_lab.errors import LabError

FRONTIER = "L(C) on the frontier"
OPTIMA = (
    "Best N for each C"  # studies: what is made of a whole table, under these names among the fits
)
FORECAST = "Forecast"
COUNTING = "Conventions of counting"
ARCHITECTURES = "Architectures"
CHOSEN_COLUMNS = ("N", "D", "seed", "status", "best_step")


class Inapplicable(LabError):
    """A figure of another kind of runs than the tables hold: a report does not speak of it."""


@dataclass(frozen=True)
class Tables:
    """What the figures draw: pandas frames (whose own types do not survive frame[mask]).

    runs:   the whole run table, diverged and failed runs too.
    chosen: the done runs of the best recipe for each (N, D), one row a seed; of one family of
            models, where the experiment compares several.
    curves: the curve rows of the chosen runs, with N, D, seed and best_step of their run.
    loss:   the column of `chosen` that holds the loss.
    families: as `chosen`, of all families, whose names are in its column `family`.
    beside: what else is in the folder, by name: tables of baselines (name, D, L) and of samples,
            arrays of pictures.
    """

    runs: Any
    chosen: Any
    curves: Any
    loss: str = "best_test_loss"
    families: Any = None
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def quantity(self) -> str:
        """What the axis of the loss says: `loss`, or the name of another measure."""
        name = self.loss.removeprefix("best_test_")
        return name if name == "loss" else f"test {name.replace('_', ' ')}"

    @property
    def measure(self) -> str:
        """The column of `curves` that holds the loss: test_loss, or another measure."""
        return self.loss.removeprefix("best_")

    def values(self, variable: str) -> list[float]:
        """The values of N or D among the chosen runs, least first; none where it is missing."""
        if variable not in self.chosen:
            return []
        return sorted(float(v) for v in self.chosen[variable].dropna().unique())

    def mean_curves(self) -> Any:
        """The learning curves with their seeds averaged: N, D, step, C, L.

        A step that some seed of a curve did not reach is left out: a mean never changes its crew.
        """
        needs(self.curves, ("C", "N", self.measure), "a mean of learning curves")
        by = [name for name in ("N", "D") if name in self.curves]
        rows = self.curves[self.curves["C"] > 0].dropna(subset=[self.measure, *by])
        groups = rows.groupby([*by, "step"], as_index=False)
        means = groups.agg(C=("C", "mean"), L=(self.measure, "mean"), crew=("run", "nunique"))
        full = means.groupby(by)["crew"].transform("max")
        return means[means["crew"] == full].drop(columns="crew").reset_index(drop=True)

    def frontier(self) -> Any:
        """The least loss at each C: C, N, D, L, and `inner`, where the grid's ends have no say.

        Where the smallest model is best a smaller one might be better still, and so at the other
        end: a law of the frontier holds between.
        """
        from .frontier.curves import envelope, inner

        edge: Any = envelope(self.mean_curves())
        edge["inner"] = inner(edge["N"].to_numpy())
        return edge


def tables(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    choose: Sequence[str] = ("learning_rate",),
    families: Mapping[str, Any] | None = None,
    beside: Mapping[str, Any] | None = None,
    objective: str = "valid_loss",
    direction: str = "min",
) -> Tables:
    """The tables of one experiment as the figures take them.

    families: the columns in which runs differ in kind, with their values in the family that the
    figures show. objective: the metric that was best at `best_step`; direction: "min" if the
    smallest is best, "max" if the largest is.
    """
    from .tables import chosen

    kinds = {name: value for name, value in (families or {}).items() if name in runs}
    by = [name for name in (*kinds, "N", "D") if name in runs]
    metric = f"best_{objective}"
    every: Any = chosen(runs, choose=tuple(choose), by=by, metric=metric, direction=direction)
    every["family"] = _families(every, list(kinds))
    best = every
    if kinds and not every.empty:
        shown = pd.DataFrame({name: every[name] == value for name, value in kinds.items()})
        first = every["family"][shown.all(axis=1)]
        if len(first):
            best = every[every["family"] == first.iloc[0]].reset_index(drop=True)
    best.attrs = every.attrs = dict(runs.attrs)
    loss = f"best_{objective.replace('valid', 'test', 1)}"
    further = {"loss": loss, "families": every, "beside": dict(beside or {})}
    if best.empty or curves.empty:
        return Tables(runs, best, curves.iloc[:0], **further)
    known = [name for name in CHOSEN_COLUMNS if name in best and name != "status"]
    mine = curves.drop(columns=[name for name in known if name in curves])
    return Tables(runs, best, mine.merge(best[["run", *known]], on="run"), **further)


def _families(rows: Any, kinds: list[str]) -> Any:
    """A name for each row's family: the model, and what else tells families apart."""
    if not kinds:
        return rows.get("model", "")
    names = sorted(kinds, key=lambda name: name != "model")
    told: list[str] = []
    for name in names:
        if rows.groupby([*told, name], dropna=False).ngroups > (
            rows.groupby(told, dropna=False).ngroups if told else 1
        ):
            told.append(name)
    texts = [
        rows[name].map(str) if "." not in name else name.split(".")[-1] + " " + rows[name].map(str)
        for name in told or names[:1]
    ]
    return texts[0].str.cat(texts[1:], sep=", ") if texts[1:] else texts[0]


def slice_name(x: str, at: str, value: float) -> str:
    """The name of the law of loss against `x` with the other variable held: L(N) at D = 1000."""
    return f"L({x}) at {at} = {value:.15g}"


def makes_pictures(runs: Any) -> bool:
    """Whether the runs learn to make pictures: they tell bits a pixel, or a distance."""
    return not {"test_bits_per_dim", "test_distance"}.isdisjoint(runs)


def needs(frame: Any, columns: Sequence[str], what: str) -> None:
    """Raise LabError unless the frame has a value in each of the columns."""
    for name in columns:
        if name not in frame or not frame[name].notna().any():
            raise LabError(f"{what} needs the column {name}, which is missing or empty here")
