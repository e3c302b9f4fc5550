"""Critical batch: how many steps reach a loss, against the batch size, at the best learning rates.

For each model and target, the learning rate of each batch size is the one whose validation loss
reaches the target first; the law `noise_tradeoff` is fitted to the steps in which the test loss of
its runs does,

    S = S_min (1 + B_crit / B),    or    (S / S_min - 1) (E / E_min - 1) = 1    with E = B S

(McCandlish et al. 2018). Its parameters are named `B_crit.TARGET.N`, and over all curves of one
learner

    N_exponent.LEARNER  d ln B_crit / d ln N from its smallest to its largest model, the mean over
                        targets; the interval is that of a jackknife that leaves out a batch size
    rms.LEARNER         root mean square of the log residuals of means over seeds, with the interval
                        of their squares' mean over cells of one model and batch size
    interior.LEARNER    share of batch sizes whose best rate lies inside its sweep, with that of
                        Clopper & Pearson

Passages of one run at several targets share its noise; both intervals allow for that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

from scaling_lab.errors import LabError, NotApplicable

from ..experiment_tables import Tables
from ..recipes import chosen
from ..tables import checked

if TYPE_CHECKING:
    from ..fitting.parameter import Parameter
    from ..fitting.result import Fit

SLUG = "critical_batch"
TITLE = "Critical batch size"
LAW = "noise_tradeoff"
PASSAGE = re.compile(r"valid_steps_to_(.+)")
FEWEST = 4  # batch sizes that a curve needs
FREE = 2  # parameters of the law
BOOTSTRAP = 400
ITERATIONS = 60


class Curve(NamedTuple):
    """The steps to one target against the batch size, of one model.

    rows: of the run table, those of the best rates. interior: batch size -> whether its best rate
    lies inside the sweep. logs: batch size -> mean over seeds of the logarithm of the steps.
    """

    learner: str
    N: int
    target: str
    rows: Any
    fit: Fit
    interior: Mapping[float, bool]
    logs: Mapping[float, float]

    @property
    def name(self) -> str:
        """As parameters end: TARGET.N."""
        return f"{self.target}.{self.N}"


Cells = Mapping[str, Mapping[float, float]]  # target -> batch size -> mean logarithm of the steps


@dataclass(frozen=True)
class CriticalBatch:
    """The curves, in the order of learner, target and N."""

    curves: list[Curve]
    level: float = 0.95
    findings: list[Any] = field(default_factory=list)

    equation = "S = S_min (1 + B_crit / B)"

    @property
    def n(self) -> int:
        """The number of points of all fits."""
        return sum(curve.fit.n for curve in self.curves)

    @property
    def learners(self) -> list[str]:
        """The learners, in order."""
        return list(dict.fromkeys(curve.learner for curve in self.curves))

    @property
    def params(self) -> dict[str, Parameter]:
        """Name -> estimate, as the module says."""
        found = {f"B_crit.{one.name}": one.fit.params["B_crit"] for one in self.curves}
        found |= {f"S_min.{one.name}": one.fit.params["S_min"] for one in self.curves}
        for learner in self.learners:
            mine = [one for one in self.curves if one.learner == learner]
            cells: dict[int, dict[str, Mapping[float, float]]] = {}
            for one in mine:
                cells.setdefault(one.N, {})[one.target] = one.logs
            if len(cells) > 1:
                found[f"N_exponent.{learner}"] = exponent(cells, self.level)
            found[f"rms.{learner}"] = rms(cells, self.level)
            found[f"interior.{learner}"] = self._interior(mine)
        return found

    @property
    def warnings(self) -> list[str]:
        """The warnings of all fits."""
        return [f"{one.name}: {said}" for one in self.curves for said in one.fit.warnings]

    def summary(self) -> str:
        """Warnings, then the parameters, one a line."""
        from ..numbers import aligned

        rows = [("", "value", "interval")]
        for name, found in self.params.items():
            rows.append((name, f"{found.value:.3g}", f"{found.low:.3g} to {found.high:.3g}"))
        return "\n".join([f"! {warning}" for warning in self.warnings] + aligned(rows))

    def card(self) -> dict[str, Any]:
        """The study as JSON, in full precision. NaN becomes null."""
        return {
            "study": SLUG,
            "level": self.level,
            "params": {name: found.as_json() for name, found in self.params.items()},
            "warnings": self.warnings,
            "fits": {f"{one.learner}.{one.name}": one.fit.card() for one in self.curves},
        }

    def _interior(self, curves: list[Curve]) -> Parameter:
        from ..fitting.parameter import Parameter

        inside = [found for one in curves for found in one.interior.values()]
        share, holds, n, tail = (
            float(np.mean(inside)),
            sum(inside),
            len(inside),
            (1 - self.level) / 2,
        )
        low = float(special.betaincinv(holds, n - holds + 1, tail)) if holds else 0.0
        high = float(special.betaincinv(holds + 1, n - holds, 1 - tail)) if holds < n else 1.0
        return Parameter(share, low, high, math.sqrt(share * (1 - share) / len(inside)))


def exponent(cells: Mapping[int, Cells], level: float) -> Parameter:
    """d ln B_crit / d ln N from the smallest to the largest N, the mean over their targets."""
    from ..fitting.parameter import Parameter

    ends = [cells[min(cells)], cells[max(cells)]]
    targets = [target for target in ends[0] if target in ends[1]]
    apart = math.log(max(cells) / min(cells))
    values, variance, df = [], 0.0, 0
    for part in ends:
        sizes = sorted(set.intersection(*(set(part[target]) for target in targets)))
        logs = np.array([[part[target][size] for size in sizes] for target in targets])
        kept = np.concatenate([np.ones((1, len(sizes))), 1 - np.eye(len(sizes))])[:, None, :]
        found = log_critical(np.array(sizes), logs, kept).mean(axis=1)  # whole, then without each
        values.append(found[0])
        n = len(sizes)
        variance += (n - 1) / n * float(np.sum((found[1:] - found[1:].mean()) ** 2))
        df += n - FREE
    value, error = float(values[1] - values[0]) / apart, math.sqrt(variance) / apart
    half = float(special.stdtrit(df, (1 + level) / 2)) * error
    return Parameter(value, value - half, value + half, error)


def rms(cells: Mapping[int, Cells], level: float) -> Parameter:
    """Root mean square of the log residuals, and its interval."""
    from ..fitting.parameter import Parameter

    squares: dict[tuple[int, float], list[float]] = {}
    for N, curves in cells.items():
        for logs in curves.values():
            sizes, y = np.array([*logs]), np.array([*logs.values()])
            residuals = y - np.log1p(np.exp(log_critical(sizes, y)) / sizes)
            residuals -= residuals.mean()
            # The parameters of a curve fit part of its noise.
            share = len(sizes) / (len(sizes) - FREE)
            for size, value in zip(sizes, residuals, strict=True):
                squares.setdefault((N, float(size)), []).append(share * float(value) ** 2)
    means = np.array([np.mean(values) for values in squares.values()])
    mean, error = float(means.mean()), float(means.std(ddof=1)) / math.sqrt(len(means))
    half = float(special.stdtrit(len(means) - 1, (1 + level) / 2)) * error
    low, high = (math.sqrt(max(0.0, end)) for end in (mean - half, mean + half))
    return Parameter(math.sqrt(mean), low, high, error / (2 * math.sqrt(mean)))


def log_critical(sizes: np.ndarray, logs: np.ndarray, weights: np.ndarray | None = None) -> Any:
    """ln B_crit of least log residuals, by Gauss and Newton's iteration.

    sizes [n], logs [..., n] of the steps, weights broadcast to them. Returns [...].
    """
    w = np.ones_like(logs) if weights is None else np.broadcast_arrays(weights, logs)[0]
    logs = np.broadcast_arrays(logs, w)[0]

    def centred(values: np.ndarray) -> np.ndarray:
        mean = (w * values).sum(-1, keepdims=True) / w.sum(-1, keepdims=True)
        return values - mean

    at = np.full(logs.shape[:-1], np.log(sizes).mean())
    for _ in range(ITERATIONS):
        ratio = np.exp(at)[..., None] / sizes
        slope = centred(ratio / (1 + ratio))
        residual = centred(logs - np.log1p(ratio))
        step = (w * slope * residual).sum(-1) / np.maximum((w * slope**2).sum(-1), 1e-30)
        at = at + np.clip(step, -1.0, 1.0)
    return at


def analyse(tables: Tables) -> CriticalBatch:
    """Fit every curve that has four batch sizes or more.

    Raises NotApplicable if no targets were recorded, LabError if no curve has enough batch sizes.
    """
    runs = tables.runs
    if "targets" not in runs or "batch_size" not in runs or "learning_rate" not in runs:
        raise NotApplicable("a critical batch size needs runs with targets at several batch sizes")
    curves = list(_curves(runs))
    if not curves:
        raise LabError(
            f"a critical batch size needs {FEWEST} batch sizes whose runs reach a target; add some"
        )
    return CriticalBatch(curves)


def _curves(runs: Any) -> Iterator[Curve]:
    from ..fitting.fit import fit

    aimed = runs[runs["targets"].fillna("") != ""]
    for (learner, targets), group in aimed.groupby(["learner", "targets"], sort=True):
        for target in targets.split(", "):
            choice, measured = f"valid_steps_to_{target}", f"test_steps_to_{target}"
            if choice not in group or measured not in group:
                continue
            for N, rows in group.groupby("N"):
                best = chosen(rows, by=["batch_size"], metric=choice)
                best = best[best[measured].notna()].reset_index(drop=True)
                if best["batch_size"].nunique() < FEWEST:
                    continue
                columns = {"B": "batch_size", "L": measured}
                found = fit(LAW, checked(best, columns), penalty="squares", bootstrap=BOOTSTRAP)
                logs = np.log(best[measured]).groupby(best["batch_size"].astype(float)).mean()
                interior = _interior(rows, choice)
                yield Curve(learner, int(N), target, best, found, interior, logs.to_dict())


def _interior(rows: Any, metric: str) -> dict[float, bool]:
    """Batch size -> whether the rate of the lowest mean lies between others that were tried.

    A rate of which a run never arrives is behind all others.
    """
    found = {}
    for size, tried in rows[rows["status"] != "failed"].groupby("batch_size"):
        means = tried.groupby("learning_rate")[metric].agg(lambda steps: steps.mean(skipna=False))
        means = means.fillna(np.inf).sort_index()
        at = int(np.argmin(means.to_numpy()))
        if np.isfinite(means.iloc[at]):
            found[float(size)] = 0 < at < len(means) - 1
    return found
