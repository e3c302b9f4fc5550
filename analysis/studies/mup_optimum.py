"""The best learning rate against width, under the standard parametrisation and under muP.

    best rate = A width^s

For each family, parametrisation, width and seed the best rate is where a parabola has its minimum,
fitted to the logarithm of the validation loss against that of the rate, over the rates within a
factor of REACH of the lowest (`recipes.smooth_minimum`). The slope s is that of a straight line
through the logarithms, by least squares: expected is -1 under the standard parametrisation of wide
networks trained by Adam, and 0 under muP, where the rate of a narrow one suits a wide one (Yang, Hu
et al. 2022, "Tensor Programs V").

Its 95% interval is the wider of two, both Student's. One is over the seeds, each of which has a
slope of its own, since runs of one seed see their data in one order at all widths. The other is
over the widths, from the distances of the mean best rates to the line, so that a bent law has a
wide interval. The difference, muP less standard, is taken seed by seed and width by width.

Parameters are named FAMILY.PARAMETRISATION, as in "mlp.mup", and "mlp.difference".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from scaling_lab.errors import LabError, NotApplicable

from ..experiment_tables import Tables
from ..fitting.parameter import Parameter
from ..recipes import FEWEST, smooth_minimum

SLUG = "mup_optimum"
TITLE = "Best rate against width"
REACH = 4.0  # rates within this factor of the lowest: the bottom of the curve
STANDARD, MUP, DIFFERENCE = "standard", "mup", "difference"
WIDTH, CHOICE, RATE = "model.width", "model.parametrization", "learning_rate"
LEVEL = 0.95


@dataclass(frozen=True)
class MupOptimum:
    """Slopes of the best rate, and the sweeps that they are read from.

    params   FAMILY.PARAMETRISATION -> slope
    best     a row for each family, parametrisation, width and seed: its best rate
    sweeps   a row for each family, parametrisation, width and rate: the mean validation loss of the
             seeds, and how many there are
    rows     the runs of the run table, the best choice of each size
    without  why other families have no slope, a sentence each
    """

    params: dict[str, Parameter]
    best: pd.DataFrame
    sweeps: pd.DataFrame
    rows: Any
    without: tuple[str, ...] = ()

    def card(self) -> dict[str, Any]:
        found = self.best.groupby(["family", "parametrization", "width"], as_index=False)
        mean = found["log2_rate"].mean()
        return {
            "study": SLUG,
            "parameters": {name: slope.as_json() for name, slope in self.params.items()},
            "best_log2_rate": mean.to_dict("records"),
            "without": list(self.without),
        }


def analyse(tables: Tables) -> MupOptimum:
    """Find the best rates and their slopes.

    Raises NotApplicable unless the runs differ in their parametrisation; LabError for fewer than
    three widths or two seeds with a sweep at each, or a sweep whose lowest loss is at its end, in
    every family.
    """
    runs = tables.runs
    if CHOICE not in runs or runs[CHOICE].nunique() < 2:
        raise NotApplicable(f"{TITLE} compares parametrisations, and these runs have one")
    metric = tables.loss.replace("test", "valid", 1)
    done = runs[(runs["status"] == "done") & np.isfinite(runs[metric])]
    sweeps = (
        done.groupby(["model", CHOICE, WIDTH, RATE], as_index=False)
        .agg(loss=(metric, "mean"), seeds=("seed", "nunique"))
        .set_axis(["family", "parametrization", "width", "rate", "loss", "seeds"], axis=1)
    )
    params, best, without = {}, [], []
    for family, mine in done.groupby("model"):
        try:
            found = {
                name: _best(part, metric, f"{family} under {name}")
                for name, part in mine.groupby(CHOICE)
            }
            slopes = {f"{family}.{name}": slope(one) for name, one in found.items()}
            if {STANDARD, MUP} <= set(found):
                slopes[f"{family}.{DIFFERENCE}"] = slope((found[MUP] - found[STANDARD]).dropna())
        except LabError as error:
            without.append(str(error))
            continue
        params |= slopes
        for name, one in found.items():
            long = one.stack().rename("log2_rate").reset_index()
            best.append(long.assign(family=family, parametrization=name))
    if not best:
        raise LabError("; ".join(without))
    table = pd.concat(best, ignore_index=True)
    shown = sweeps[sweeps["family"].isin(table["family"])]
    return MupOptimum(params, table, shown, tables.families, tuple(without))


def slope(best: pd.DataFrame) -> Parameter:
    """The slope of log2 of the best rate against that of the width. best: rows seeds, by width.

    Raises LabError for fewer than three widths or two seeds.
    """
    y, x = best.to_numpy(float), np.log2(best.columns.to_numpy(float))
    seeds, widths = y.shape
    if seeds < 2 or widths < 3:
        raise LabError(
            f"{TITLE} needs three widths and two seeds with a sweep at each; here are "
            f"{widths} and {seeds}"
        )
    x = x - x.mean()
    square = float(x @ x)
    slopes = y @ x / square
    value, mean = float(slopes.mean()), y.mean(0)
    away = mean - mean.mean() - value * x
    over_seeds = float(slopes.std(ddof=1)) / math.sqrt(seeds)
    over_widths = math.sqrt(float(away @ away) / (widths - 2) / square)
    quantile = (1 + LEVEL) / 2
    halves = [
        (float(special.stdtrit(seeds - 1, quantile)) * over_seeds, over_seeds),
        (float(special.stdtrit(widths - 2, quantile)) * over_widths, over_widths),
    ]
    half, error = max(halves)
    return Parameter(value, value - half, value + half, error)


def _best(runs: Any, metric: str, what: str) -> pd.DataFrame:
    """log2 of the best rate, a row for each seed that has a sweep at every width, by width."""
    found: dict[tuple[Any, Any], float] = {}
    for (width, seed), part in runs.groupby([WIDTH, "seed"]):
        rates, losses = part[RATE].to_numpy(float), part[metric].to_numpy(float)
        if len(rates) < FEWEST or (losses <= 0).any():
            continue
        step = float(np.median(np.diff(np.sort(np.log(rates)))))
        window = max(1, round(math.log(REACH) / step))
        at = smooth_minimum(rates, np.log(losses), window)
        if math.isinf(at):
            side = "below" if at < 0 else "above"
            raise LabError(
                f"the best rate of {what} at width {width:g} with seed {seed:g} lies {side} its "
                "sweep; sweep the rate further there"
            )
        found[seed, width] = at / math.log(2)
    if not found:
        raise LabError(f"{TITLE} needs {FEWEST} rates for a seed; {what} has fewer at every width")
    table = pd.Series(found).rename_axis(["seed", "width"]).unstack("width")
    return table.dropna()
