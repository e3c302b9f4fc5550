"""The tables of one experiment, in the form that studies, claims and figures use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from scaling_lab.errors import LabError

from .frontier.curves import envelope, inner
from .recipes import chosen

CHOSEN_COLUMNS = ("N", "D", "seed", "status", "best_step")


@dataclass(frozen=True)
class Tables:
    """The tables of one experiment, as pandas frames.

    The frames are typed Any because pandas' own types do not survive frame[mask].

    runs       the whole run table, diverged and failed runs included
    chosen     the finished runs of the best recipe for each (N, D), one row per seed; if the
               experiment compares families of models, those of one family
    curves     the curve rows of the chosen runs, with N, D, seed and best_step of their run
    loss       the column of `chosen` that holds the loss
    families   like `chosen`, but for all families; the column `family` names them
    auxiliary  the other tables and arrays of the results folder, by file stem: `baselines` (name,
               D, L), `samples`, `pictures`
    """

    runs: Any
    chosen: Any
    curves: Any
    loss: str = "best_test_loss"
    families: Any = None
    auxiliary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def quantity(self) -> str:
        """The label of the loss axis: `loss`, or the name of another measure."""
        name = self.loss.removeprefix("best_test_")
        return name if name == "loss" else f"test {name.replace('_', ' ')}"

    @property
    def chosen_by(self) -> str:
        """How the swept recipe was chosen: "learning rate: chosen by ..."; "" if none was swept."""
        return str(self.families.attrs.get("chosen_by", "")) if self.families is not None else ""

    @property
    def measure(self) -> str:
        """The column of `curves` that holds the loss: test_loss, or another measure."""
        return self.loss.removeprefix("best_")

    def values(self, variable: str) -> list[float]:
        """The distinct values of N or D among the chosen runs, ascending; [] if it is missing."""
        if variable not in self.chosen:
            return []
        return sorted(float(v) for v in self.chosen[variable].dropna().unique())

    def mean_curves(self) -> Any:
        """Learning curves averaged over seeds: N, D, step, C, L.

        Steps missing from any seed are dropped, so every mean covers the same seeds.
        `attrs["loss"]` names the loss, which tells the check of units that a learner measured it.
        """
        needs(self.curves, ("C", "N", self.measure), "a mean of learning curves")
        by = [name for name in ("N", "D") if name in self.curves]
        rows = self.curves[self.curves["C"] > 0].dropna(subset=[self.measure, *by])
        groups = rows.groupby([*by, "step"], as_index=False)
        means = groups.agg(C=("C", "mean"), L=(self.measure, "mean"), seeds=("run", "nunique"))
        full = means.groupby(by)["seeds"].transform("max")
        means = means[means["seeds"] == full].drop(columns="seeds").reset_index(drop=True)
        means.attrs["loss"] = self.loss
        return means

    def frontier(self) -> Any:
        """The least loss at each C: C, N, D, L, and `inner`, true in the frontier's interior.

        In the interior neither the smallest nor the largest N is best. Where one of them is, a size
        beyond the grid might do better, so laws of the frontier are fitted to the interior alone.
        """
        edge: Any = envelope(self.mean_curves())
        edge["inner"] = inner(edge["N"].to_numpy())
        return edge


def tables(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    choose: Sequence[str] = ("learning_rate",),
    families: Mapping[str, Any] | None = None,
    auxiliary: Mapping[str, Any] | None = None,
    objective: str = "valid_loss",
    direction: str = "min",
    rule: str = "",
) -> Tables:
    """The tables of one experiment, from its run table and curve table.

    choose: the swept recipe columns; validation data picks a value of each for every (N, D).
    families: the columns that tell families of models apart, with their values in the family that
    the figures show. objective: the metric that decides `best_step`; direction: "min" if lower is
    better, "max" if higher is.
    """
    kinds = {name: value for name, value in (families or {}).items() if name in runs}
    by = [name for name in (*kinds, "N", "D") if name in runs]
    metric = f"best_{objective}"
    every: Any = chosen(
        runs, choose=tuple(choose), by=by, metric=metric, direction=direction, rule=rule
    )
    every["family"] = _families(every, list(kinds))
    best = every
    if kinds and not every.empty:
        shown = pd.DataFrame(
            {
                name: every[name].isna() if value is None else every[name] == value
                for name, value in kinds.items()
            }
        )
        first = every["family"][shown.all(axis=1)]
        if len(first):
            best = every[every["family"] == first.iloc[0]].reset_index(drop=True)
    best.attrs = dict(every.attrs)
    loss = f"best_{objective.replace('valid', 'test', 1)}"
    further = {"loss": loss, "families": every, "auxiliary": dict(auxiliary or {})}
    if best.empty or curves.empty:
        return Tables(runs, best, curves.iloc[:0], **further)
    known = [name for name in CHOSEN_COLUMNS if name in best and name != "status"]
    mine = curves.drop(columns=[name for name in known if name in curves])
    return Tables(runs, best, mine.merge(best[["run", *known]], on="run"), **further)


def _families(rows: Any, kinds: list[str]) -> Any:
    """A name for each row's family: the model, then whatever else distinguishes families."""
    if not kinds:
        return rows.get("model", "")
    names = sorted(kinds, key=lambda name: name != "model")
    needed: list[str] = []
    for name in names:
        if rows.groupby([*needed, name], dropna=False).ngroups > (
            rows.groupby(needed, dropna=False).ngroups if needed else 1
        ):
            needed.append(name)
    texts = [_told(rows, name) for name in needed or names[:1]]
    return texts[0].str.cat(texts[1:], sep=", ") if texts[1:] else texts[0]


def _told(rows: Any, name: str) -> Any:
    """What a column says about each row's family."""
    if name == "parent_experiment":
        return ("from " + rows[name]).fillna("from scratch")
    texts = rows[name].map(str)
    return name.split(".")[-1] + " " + texts if "." in name else texts


def slice_name(x: str, at: str, value: float) -> str:
    """The name of the law of loss against `x` at a fixed value of `at`: L(N) at D = 1000."""
    return f"L({x}) at {at} = {value:.15g}"


def makes_pictures(runs: pd.DataFrame) -> bool:
    """Whether the runs are generative models of images: they report bits per dim or a distance."""
    return not {"test_bits_per_dim", "test_distance"}.isdisjoint(runs)


def needs(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raise LabError unless the frame has a value in each of the columns."""
    for name in columns:
        if name not in frame or not frame[name].notna().any():
            raise LabError(f"{what} needs the column {name}, which is missing or empty here")
