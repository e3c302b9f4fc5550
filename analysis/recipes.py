"""Recipes: which of the swept recipes stands for a scale, chosen on validation data.

The lowest of several noisy losses is biased downwards: the recipe that had luck wins, and its test
loss shares some of that luck. Two rules avoid most of it:

other seeds   each seed's row is of the recipe that was best on average over the other seeds, so its
              own luck has no part in the choice; the rows of one scale may differ in their recipe
smooth fit    the value of the sweep nearest to the minimum of a parabola, fitted to loss against
              the logarithm of the value at the lowest loss and its neighbours, two on each side

and `lowest`, the lowest mean over seeds, does not. By default a scale with several seeds uses
`other seeds`, one with a single seed and four values or more `smooth fit`, and what is left
`lowest`. benchmarks/selection.py measures the biases.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scaling_lab.errors import unknown

OTHER_SEEDS, SMOOTH_FIT, LOWEST = "other seeds", "smooth fit", "lowest"
RULES = (OTHER_SEEDS, SMOOTH_FIT, LOWEST)
FEWEST = 4  # values that a parabola smooths: through three it passes exactly
WINDOW = 2  # values on each side of the lowest that the parabola is fitted to

SAID = {
    OTHER_SEEDS: "the mean over the other seeds",
    SMOOTH_FIT: "a smooth fit over the sweep",
    LOWEST: "the lowest mean loss, which is biased downwards",
}


def chosen(
    runs: pd.DataFrame,
    choose: Sequence[str] = ("learning_rate",),
    by: Sequence[str] = ("N", "D"),
    metric: str = "best_valid_loss",
    direction: str = "min",
    rule: str = "",
) -> pd.DataFrame:
    """The finished runs of the best recipe for each `by`, in the order of the table.

    The best choice of the columns `choose` has the lowest `metric`, or with direction "max" the
    highest. The metric is measured on validation data; test data is not used. A choice with a
    diverged run loses to any choice without one. Failed runs say nothing and are ignored.

    rule: one of RULES for every scale; by default as the module says. `attrs["chosen_by"]` of the
    result says which were used, and `attrs["choose"]` which columns were chosen. Raises LabError
    for a missing column or an unknown rule.
    """
    if rule and rule not in RULES:
        raise unknown("rule", rule, RULES)
    for name in [*choose, *by, metric, "status"]:
        if name not in runs:
            raise unknown("column", name, map(str, runs.columns))
    tried = runs.loc[runs["status"] != "failed"].reset_index(drop=True)
    measured = tried[metric].to_numpy("float64")
    sound = (tried["status"] == "done").to_numpy() & np.isfinite(measured)
    loss = measured if direction == "min" else -measured
    # A missing value is a choice too, such as no weight decay.
    choice = _numbered(tried, choose)
    seed = _numbered(tried, ["seed"] if "seed" in tried else [])
    values = _values(tried, choose)
    kept, used = np.zeros(len(tried), bool), Counter()
    scale = _numbered(tried, by)
    order = np.argsort(scale, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(scale[order])) + 1):
        if len(rows):
            one = _Scale(rows, choice[rows], seed[rows], loss[rows], sound[rows], values)
            rows, how = one.chosen(rule)
            kept[rows] = True
            used.update([how] if how else [])
    best = tried.loc[kept].reset_index(drop=True)
    best.attrs = dict(runs.attrs) | {"chosen_by": _sentence(choose, used), "choose": tuple(choose)}
    return best


def typical(best: pd.DataFrame, by: Sequence[str], column: str) -> pd.DataFrame:
    """One row for each `by`, with the value of `column` that most of its rows have."""
    counts = best.groupby([*by, column], dropna=False, as_index=False).size()
    ranked = counts.sort_values("size", ascending=False, kind="stable")
    return ranked.drop_duplicates([*by]).sort_index().drop(columns="size").reset_index(drop=True)


@dataclass(frozen=True)
class _Scale:
    """The runs tried at one scale: row, choice, seed and loss (less is better) of each."""

    rows: np.ndarray
    choice: np.ndarray
    seed: np.ndarray
    loss: np.ndarray
    sound: np.ndarray
    values: np.ndarray | None

    def chosen(self, rule: str) -> tuple[np.ndarray, str]:
        """The chosen rows and the rule used; "" if there was nothing to choose from."""
        good = self.sound
        if (whole := good & ~np.isin(self.choice, self.choice[~good])).any():
            good = whole
        choices = np.unique(self.choice[good])
        if len(choices) <= 1:
            return self.rows[good], ""
        means = self._means(good, choices)
        repeated = len(np.unique(self.choice[good])) < len(
            np.unique(np.stack([self.choice[good], self.seed[good]]), axis=1).T
        )
        smooth = self.values is not None and len(choices) >= FEWEST
        rule = rule or (OTHER_SEEDS if repeated else SMOOTH_FIT if smooth else LOWEST)
        if rule == OTHER_SEEDS and repeated:
            return self._by_other_seeds(good, choices, means), rule
        if rule == SMOOTH_FIT and self.values is not None and smooth:
            winner = choices[_by_smooth_fit(self.values[choices], means)]
        else:
            winner, rule = choices[means.argmin()], LOWEST
        return self.rows[good & (self.choice == winner)], rule

    def _means(self, mask: np.ndarray, choices: np.ndarray) -> np.ndarray:
        """The mean loss of each choice over the rows of a mask; NaN where there is none."""
        place = np.searchsorted(choices, self.choice[mask])
        counts = np.bincount(place, minlength=len(choices))
        sums = np.bincount(place, self.loss[mask], len(choices))
        return np.divide(sums, counts, where=counts > 0, out=np.full(len(choices), np.nan))

    def _by_other_seeds(
        self, good: np.ndarray, choices: np.ndarray, means: np.ndarray
    ) -> np.ndarray:
        """For each seed, its rows of the choice with the lowest mean over the other seeds."""
        kept = np.zeros(len(self.rows), bool)
        for seed in np.unique(self.seed[good]):
            own = good & (self.seed == seed)
            ranked = self._means(good & (self.seed != seed), choices)
            tried = np.isin(choices, self.choice[own])
            if not np.isfinite(ranked[tried]).any():  # no other seed tried what this one tried
                ranked = means
            ranked = np.where(tried & np.isfinite(ranked), ranked, np.inf)
            kept |= own & (self.choice == choices[ranked.argmin()])
        return self.rows[kept]


def smooth_minimum(values: np.ndarray, losses: np.ndarray, window: int = WINDOW) -> float:
    """Where the loss is lowest: the logarithm of the value at the minimum of a parabola.

    It is fitted about the lowest loss, `window` values on each side. If it has no minimum among
    them, the value of lowest loss is taken; infinite, with the sign of the side, if that is an end.
    """
    x, part, minimum = _parabola(values, losses, window)
    if x[part].min() <= minimum <= x[part].max():
        return minimum
    lowest = int(losses[np.argsort(values)].argmin())
    if lowest in (0, len(x) - 1):
        return math.inf if lowest else -math.inf
    return float(x[lowest])


def _by_smooth_fit(values: np.ndarray, losses: np.ndarray) -> int:
    """The position of the value nearest to the minimum of the parabola about the lowest loss.

    A parabola without a minimum, and one whose minimum lies beyond its points, names the end that
    is lower by it; the caller's sweep ends there.
    """
    order = np.argsort(values)
    x, part, minimum = _parabola(values, losses, WINDOW)
    if math.isnan(minimum):
        return int(order[losses[order].argmin()])
    nearest = int(np.abs(x[part] - minimum).argmin())
    return int(order[part][nearest])


def _parabola(
    values: np.ndarray, losses: np.ndarray, window: int
) -> tuple[np.ndarray, slice, float]:
    """Logarithms of the values in order, those that are fitted, and the minimum or NaN."""
    order = np.argsort(values)
    x, y = np.log(values[order]), losses[order]
    lowest = int(y.argmin())
    first = max(0, min(lowest - window, len(x) - 2 * window - 1))
    part = slice(first, min(len(x), first + 2 * window + 1))
    centre = x[part].mean()
    curvature, slope, _ = np.polyfit(x[part] - centre, y[part], 2)
    return x, part, centre - slope / (2 * curvature) if curvature > 0 else math.nan


def _values(tried: pd.DataFrame, choose: Sequence[str]) -> np.ndarray | None:
    """The value of each choice, where the one swept column holds positive numbers; else None."""
    swept = [name for name in choose if tried[name].nunique(dropna=False) > 1]
    if len(swept) != 1 or not pd.api.types.is_numeric_dtype(tried[swept[0]]):
        return None
    first = np.unique(_numbered(tried, choose), return_index=True)[1]
    values = tried[swept[0]].to_numpy("float64")[first]
    return values if bool((values > 0).all()) else None


def _numbered(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """The number of each row's group by these columns; 0 for all without columns."""
    if not names or frame.empty:
        return np.zeros(len(frame), int)
    return frame.groupby([*names], dropna=False).ngroup().to_numpy()


def _sentence(choose: Sequence[str], used: Counter[str]) -> str:
    """ "learning rate: chosen by the mean over the other seeds"; "" if nothing was swept."""
    if not used:
        return ""
    names = " and ".join(name.rsplit(".", 1)[-1].replace("_", " ") for name in choose)
    if len(used) == 1:
        return f"{names}: chosen by {SAID[next(iter(used))]}"
    counts = {rule: used[rule] for rule in RULES if used[rule]}
    points = {rule: f"{n} point{'s' if n > 1 else ''}" for rule, n in counts.items()}
    parts = [f"{SAID[rule]} at {text}" for rule, text in points.items()]
    return f"{names}: chosen by {'; by '.join(parts)}"
