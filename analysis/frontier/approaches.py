"""Approaches: the frontier from runs alone, without fitting a law to their losses.

The first (envelope of learning curves) and second (minima at equal compute) of Hoffmann et al.
2022, on a table and on tables resampled from it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError

from ..checks.tautology import follows
from ..checks.thresholds import DEFAULTS
from ..fitting.result import Fit
from . import allocation, curves, isoflop
from .pairs import SCALES, Pairs, laws, regressed, through, widened
from .regression import power_law


@dataclass(frozen=True, eq=False)
class Resampled:
    """A table and its bootstrap replicates.

    frame    N, D, C, L and, if known, cluster, noise, budget
    count    replicates; 0 gives one, the table itself
    """

    frame: pd.DataFrame
    count: int
    seed: int

    @functools.cached_property
    def members(self) -> np.ndarray:
        """The index of each row's run [rows]."""
        rows = self.frame["cluster"] if "cluster" in self.frame else np.arange(len(self.frame))
        return pd.factorize(rows)[0]

    @functools.cached_property
    def runs(self) -> np.ndarray:
        """How often each run is drawn [replicates, runs]."""
        runs = int(self.members.max()) + 1
        if not self.count:
            return np.ones((1, runs), dtype=int)
        random = np.random.default_rng(self.seed)
        return random.multinomial(runs, np.full(runs, 1 / runs), self.count)

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights and losses [replicates, rows].

        If the noise is known, it is added to the losses. Otherwise clusters, or else rows, are
        resampled within their budget; whole clusters, if a cluster has rows of several budgets.
        """
        loss = np.broadcast_to(self.frame["L"].to_numpy(), (max(self.count, 1), len(self.frame)))
        ones = np.ones(loss.shape)
        random = np.random.default_rng(self.seed)
        if not self.count:
            return ones, loss
        if "noise" in self.frame:
            noise = self.frame["noise"].to_numpy() * random.standard_normal(loss.shape)
            return ones, loss * np.exp(noise)
        budget, members = self.frame["budget"].to_numpy(), self.members
        if self.frame.groupby(members)["budget"].nunique().max() > 1:
            return self.runs[:, members].astype(float), loss
        for number in np.unique(budget):
            at = np.flatnonzero(budget == number)
            if isoflop.count_sizes(self.frame["N"].to_numpy()[at]) < isoflop.SIZES:
                continue  # without one of three sizes there is no parabola
            _, own = np.unique(members[at], return_inverse=True)
            clusters = int(own.max()) + 1
            drawn = random.multinomial(clusters, np.full(clusters, 1 / clusters), self.count)
            ones[:, at] = drawn[:, own]
        return ones, loss


def fit_approach(name: str, tables: Resampled, level: float) -> Pairs:
    """The first approach ("envelope") or the second (a method of `isoflop`).

    Raises LabError, with the reason, if it does not apply to the table.
    """
    if name == "envelope":
        return _enveloped(tables, level)
    return _isoflop(name, tables, level)


def bias(
    tables: Mapping[str, Resampled], names: Iterable[str], fit: Fit, k: float, level: float
) -> pd.DataFrame:
    """The bias of approaches: their error on noise-free losses of the fitted law, at the same runs.

    Columns approach, N_low and N_high (smallest and largest ratio of the N* found to the law's),
    a (the exponent found minus the law's).
    """
    p = {name: parameter.value for name, parameter in fit.params.items()}
    rows = []
    for name in names:
        frame = tables[name].frame
        exact = frame.assign(L=fit.predict({"N": frame["N"], "D": frame["D"]}).center)
        try:
            made = fit_approach(name, Resampled(exact, 0, 0), level)
        except LabError:
            continue
        C = made.points["C"].to_numpy()
        best = allocation.optimum(fit.law, p, C, k)["N"]
        truth = power_law(C, best, np.ones(len(C))).exponent
        ratio = made.points["N"].to_numpy() / best
        a = made.params["a"].value - float(truth)
        rows.append((name, float(ratio.min()), float(ratio.max()), a))
    return pd.DataFrame(rows, columns=["approach", "N_low", "N_high", "a"])


def _enveloped(tables: Resampled, level: float) -> Pairs:
    points = curves.candidates(tables.frame)
    r2, power = follows(points["C"].to_numpy(), points["N"].to_numpy())
    if r2 > DEFAULTS.follows:
        raise LabError(
            f"every C has one N here (N goes as C^{power:.4g}, r^2 = {r2:.5f}), so that no run "
            "shows which is best; use learning curves, or vary the steps at each N"
        )
    columns = {name: points[name].to_numpy() for name in points}
    edge = curves.edge(columns, np.ones(int(columns["member"].max()) + 1, dtype=bool))
    found = points.iloc[edge].rename(columns={"member": "cluster"}).assign(weight=1.0)
    sizes = found["N"].nunique()
    if sizes < SCALES:
        raise LabError(
            f"the envelope has {sizes} sizes between its smallest and largest; "
            f"it needs {SCALES} or more"
        )
    on = np.zeros((len(tables.runs), len(points)))
    for mask, included in zip(on, tables.runs > 0, strict=True):
        mask[curves.edge(columns, included)] = 1
    draws = laws(columns["C"], {"N": columns["N"], "D": columns["D"]}, on)
    found = found.reset_index(drop=True)
    if tables.count:
        draws = widened(found, draws, sizes, tables.seed)
    return through("envelope", found, draws, level)


def _fewest(frame: pd.DataFrame) -> str:
    """That three sizes determine a parabola without a check; "" if every budget has more."""
    sizes = [isoflop.count_sizes(rows["N"].to_numpy()) for _, rows in frame.groupby("budget")]
    few = sum(count == 3 for count in sizes)
    if not few:
        return ""
    return (
        f"{few} of {len(sizes)} budgets have three sizes, through which a parabola goes exactly: "
        "nothing checks its shape"
    )


def _isoflop(method: str, tables: Resampled, level: float) -> Pairs:
    sizes = isoflop.FEWEST[method]
    rich = [
        number
        for number, rows in tables.frame.groupby("budget")
        if number >= 0 and isoflop.count_sizes(rows["N"].to_numpy()) >= sizes
    ]
    count = int(tables.frame["budget"].max()) + 1
    if len(rich) < SCALES:
        raise LabError(
            f"{len(rich) or 'no'} budgets of equal compute with {sizes} or more sizes; "
            f"it needs {SCALES}"
        )
    weights, losses = tables.rows()
    found = isoflop.minima(tables.frame, method, weights, losses)
    if len(found.C) < SCALES:
        why = "; ".join(dict.fromkeys(reason for _, reason in found.left_out))
        raise LabError(f"{len(found.C)} of {count} budgets have an optimum ({why})")
    points = pd.DataFrame({"C": found.C, "N": found.N, "D": found.D, "L": found.L})
    points["weight"] = 1 / found.log_std**2

    def weighted(points: pd.DataFrame) -> Pairs:
        if "noise" in tables.frame:
            weight = np.broadcast_to(points["weight"], found.draws["N"].shape)
            draws = laws(found.C, found.draws, weight)
        else:
            draws = regressed(points, tables.count, tables.seed)
        return through(method, points, draws, level)

    made = weighted(points)
    if np.ptp(points["weight"]) > 1e-9 * points["weight"].max():
        made = replace(made, plain=weighted(points.assign(weight=1.0)).params)
    if fewest := _fewest(tables.frame):
        made.warnings.append(fewest)
    if found.left_out:
        at = ", ".join(f"{C:.3g}" for C, _ in found.left_out)
        made.warnings.append(f"no optimum at C = {at}: {found.left_out[0][1]}")
    return made
