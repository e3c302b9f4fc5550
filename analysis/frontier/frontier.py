"""Frontier: the compute-optimal N, D and L for each compute C, by several approaches.

    table = checked(load("runs.csv"), {"N": "params", "C": "flops", "L": "loss"})
    found = optimal(table, fit("chinchilla", table))
    print(found.summary())
    found.predict([1e21, 1e24])

The three approaches of Hoffmann et al. 2022, the second in three ways: the `envelope` of learning
curves; minima at equal compute by `parabola`, `cubic` and `akima` (module `isoflop`); the
`parametric` optimum of a fitted law (module `allocation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError

from .. import plotting
from ..fitting.parameter import Parameter
from ..fitting.result import Fit
from ..numbers import aligned, human
from ..tables import Table, as_table
from . import approaches, isoflop
from .approaches import Resampled, fit_approach
from .pairs import SCALES, Pairs
from .parametric import Parametric, parametric

__all__ = ["Frontier", "optimal"]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

# FLOP per parameter and example: 6 in a plain model, more if parameters are reused.
USUAL = (0.1, 1e3)
SAME = 1e-6  # relative difference of C within which budgets are equal
UNEVEN = 2.0  # the factor within which C / (N D) may vary for C = k N D to hold


@dataclass(frozen=True, eq=False)
class Frontier:
    """What each approach finds, and why the others do not apply.

    approaches    name -> Pairs or Parametric
    refused       name -> why the approach does not apply to this table
    bias          each approach's error on noise-free losses of the fitted law (`approaches.bias`)
    compute       smallest and largest C of the table
    runs          N, D, C, L of the table's rows, and the index of each row's budget (-1: none)
    """

    approaches: dict[str, Pairs | Parametric]
    refused: dict[str, str]
    bias: pd.DataFrame
    compute: tuple[float, float]
    runs: pd.DataFrame
    k: float
    level: float
    seed: int
    source: str = ""

    equation = "N* = N_1 C^a"

    @property
    def n(self) -> int:
        """Number of points in the table."""
        return len(self.runs)

    @property
    def params(self) -> dict[str, Parameter]:
        """The exponent a of N* by each approach: a_parabola, and so on."""
        return {f"a_{name}": found.params["a"] for name, found in self.approaches.items()}

    @property
    def warnings(self) -> list[str]:
        """The warnings of all approaches, and whether they disagree."""
        warnings = [
            f"{name}: {warning}"
            for name, found in self.approaches.items()
            for warning in found.warnings
        ]
        warnings += _of_the_runs(self.runs, self.k)
        known = {n: f.params["a"] for n, f in self.approaches.items() if f.params["a"].se > 0}
        if known:
            last = max(known, key=lambda name: known[name].low)
            first = min(known, key=lambda name: known[name].high)
            if known[last].low > known[first].high:
                warnings.append(f"the intervals of a by {first} and by {last} do not overlap")
        return warnings

    def predict(self, C: ArrayLike, level: float | None = None) -> pd.DataFrame:
        """N, D, L and tokens per parameter, with bands: one row for each approach and C.

        Raises LabError for a C that is not positive.
        """
        at = np.atleast_1d(np.asarray(C, "float64")).ravel()
        if not (np.isfinite(at) & (at > 0)).all():
            raise LabError("a compute C is not greater than 0; give C in FLOP")
        rows = {name: f.at(at, level or self.level) for name, f in self.approaches.items()}
        return pd.concat(rows, names=["approach"]).reset_index("approach").reset_index(drop=True)

    def cost(self, C: float, factors: Sequence[float] = (1 / 4, 1 / 2, 2, 4)) -> pd.DataFrame:
        """The cost of a wrong N at C under the fitted law; see `allocation.cost`.

        Raises LabError if no law of N and D was fitted.
        """
        parametric = self.approaches.get("parametric")
        if not isinstance(parametric, Parametric):
            raise LabError(
                "the cost of a wrong N needs a fitted law of N and D; pass one to optimal()"
            )
        return parametric.cost(C, factors, self.level)

    def summary(self) -> str:
        """As text: warnings, exponents, the optimum at some C, the cost of a wrong N."""
        reach = " to ".join(f"{C:.3g}" for C in self.compute)
        lines = [f"{self.equation}   {self.n} points, C {reach}"]
        lines += [f"! {warning}" for warning in self.warnings]
        lines += ["", *aligned(self._exponents())]
        lines += [f"{name}: not found, {why}" for name, why in self.refused.items()]
        if len(self.bias):
            lines += ["(bias: error of the approach on noise-free losses of the fitted law)"]
        at = np.geomspace(self.compute[1], 100 * self.compute[1], 3)
        lines += ["", *aligned(_optima(self.predict(at)))]
        if "parametric" in self.approaches:
            shown = [(f"at C = {at[0]:.2g}", "loss above the minimum", "compute to make up for it")]
            for row in self.cost(float(at[0])).to_dict("records"):
                more = row["extra_compute"]
                needed = f"{more:.1%} more" if np.isfinite(more) else "no amount of data suffices"
                shown.append(
                    (f"N {row['factor']:g} times the best", f"{row['penalty']:.3g}", needed)
                )
            lines += ["", *aligned(shown)]
        return "\n".join(lines)

    def card(self) -> dict[str, Any]:
        """The frontier as JSON, in full precision. NaN becomes null."""
        return {
            "equation": self.equation,
            "k": self.k,
            "n": self.n,
            "compute": list(self.compute),
            "level": self.level,
            "seed": self.seed,
            "params": _plain({name: p._asdict() for name, p in self.params.items()}),
            "exponents": {name: {"variable": "C", "of": "N*"} for name in self.params},
            "approaches": {
                name: {
                    "params": _plain({key: p._asdict() for key, p in found.params.items()}),
                    "warnings": found.warnings,
                    "plain": _plain(
                        {key: p._asdict() for key, p in getattr(found, "plain", {}).items()}
                    ),
                    "optima": None if found.points is None else _plain(_records(found.points)),
                }
                for name, found in self.approaches.items()
            },
            "refused": self.refused,
            "bias": _plain(_records(self.bias)),
            "warnings": self.warnings,
            "source": self.source,
        }

    def plot(self, ax: Axes | None = None) -> Axes:
        """N* against C: the optima, the power laws through them and their bands."""
        return plotting.draw("optimal_size", self, ax)

    def _exponents(self) -> list[tuple[str, ...]]:
        """a and b by each approach, with its bias."""
        bias = self.bias.set_index("approach")
        interval = f"{self.level:.0%} interval"
        rows: list[tuple[str, ...]] = [("", "a", interval, "b", "bias of a", "bias of N*")]
        for name, found in self.approaches.items():
            a, b = found.params["a"], found.params["b"]
            known = ("", "")
            if name in bias.index:
                own = bias.loc[name]
                known = (f"{own['a']:+.4f}", f"{own['N_low'] - 1:+.1%} to {own['N_high'] - 1:+.1%}")
            interval = f"{a.low:.4f} to {a.high:.4f}" if np.isfinite(a.low) else "-"
            rows.append((name, f"{a.value:.4f}", interval, f"{b.value:.4f}", *known))
            plain = getattr(found, "plain", {})
            if plain:  # weights by variance and none are both in use, and may disagree
                a, b = plain["a"], plain["b"]
                interval = f"{a.low:.4f} to {a.high:.4f}" if np.isfinite(a.low) else "-"
                rows[-1] = (f"{name}, weighted by 1/variance", *rows[-1][1:])
                rows.append((f"{name}, plain", f"{a.value:.4f}", interval, f"{b.value:.4f}"))
                rows[-1] += ("", "")
        return rows


def optimal(
    table: Table | pd.DataFrame,
    fit: Fit | None = None,
    *,
    curves: Table | pd.DataFrame | None = None,
    k: float | None = None,
    bootstrap: int = 400,
    seed: int = 0,
    level: float = 0.95,
) -> Frontier:
    """The frontier of a table by every approach that applies to it.

    table     roles N, L and D or C or both, or a frame with columns of these names, such as a
              fit's points. A missing D or C is computed from C = k N D. A cluster with losses at
              several C is a learning curve. Intervals of the envelope come from resampled
              clusters, those of minima from their scatter about the power law; with a role noise
              (the known standard deviation of a log loss), from losses with noise added.
    fit       a law of N and D fitted to the table, for the parametric approach
    curves    learning curves for the envelope, if the table holds final losses only
    k         FLOP per parameter and example; default: the table's own C / (N D) if that is the
              same everywhere, else 6

    Raises LabError if no approach applies.
    """
    if bootstrap < 0 or not 0 < level < 1 or (k is not None and not k > 0):
        raise LabError("a frontier needs bootstrap >= 0, a level between 0 and 1 and k > 0")
    frame, k, uneven = _complete(table, k)
    frame = frame.assign(C=_rounded(frame["C"].to_numpy()))
    C = frame["C"].to_numpy()
    budget = isoflop.budgets(C, frame["N"].to_numpy())
    if budget.max() + 1 < SCALES:  # too few: three sizes make a parabola, and are told to be few
        budget = isoflop.budgets(C, frame["N"].to_numpy(), sizes=3)
    frame = frame.assign(budget=budget)
    resampled = Resampled(frame, bootstrap, seed)
    paths = resampled if curves is None else Resampled(_complete(curves, k)[0], bootstrap, seed)
    tables = {"envelope": paths, **dict.fromkeys(isoflop.METHODS, resampled)}
    found: dict[str, Pairs | Parametric] = {}
    refused: dict[str, str] = {}
    for name, tried in tables.items():
        try:
            found[name] = fit_approach(name, tried, level)
        except LabError as error:
            refused[name] = str(error)
    compute = (float(C.min()), float(C.max()))
    bias = pd.DataFrame({"approach": [], "N_low": [], "N_high": [], "a": []})
    if fit is None:
        refused["parametric"] = "no law of N and D was fitted"
    elif uneven:
        refused["parametric"] = uneven
    else:
        found["parametric"] = parametric(fit, compute, k, level)
        applied = [name for name in tables if name in found]
        bias = approaches.bias(tables, applied, fit, k, level)
    if not found:
        raise LabError(f"no frontier: {'; '.join(f'{n}: {why}' for n, why in refused.items())}")
    source = table.source if isinstance(table, Table) else ""
    return Frontier(found, refused, bias, compute, frame, k, level, seed, source)


def _complete(table: Table | pd.DataFrame, k: float | None) -> tuple[pd.DataFrame, float, str]:
    """The table's frame with N, D, C and L; k; and why C = k N D does not hold, or ""."""
    frame = as_table(table).frame.reset_index(drop=True)
    for role in ("N", "L"):
        if role not in frame:
            raise LabError(f"a frontier needs the role {role}; say which column it is")
    if "C" not in frame and "D" not in frame:
        raise LabError("a frontier needs the role D or C; say which column it is")
    if "C" not in frame or "D" not in frame:
        k = k or 6.0
        if "D" in frame:
            return frame.assign(C=k * frame["N"] * frame["D"]), k, ""
        return frame.assign(D=frame["C"] / frame["N"] / k), k, ""
    ratio = frame["C"] / frame["N"] / frame["D"]
    if even(frame):
        return frame, k or float(np.exp(np.log(ratio).mean())), ""
    ends = f"{ratio.min():.3g} to {ratio.max():.3g}"
    return frame, k or 6.0, f"C / (N D) is not constant in this table but {ends}"


def _rounded(C: np.ndarray) -> np.ndarray:
    """Computes that differ by less than SAME of them as one: 6 N D of whole N and D only nearly is.

    Unequal in the last digits, runs of one budget would each count as a budget of their own.
    """
    order = np.argsort(C, kind="stable")
    group = np.concatenate([[0], np.cumsum(np.diff(C[order]) > SAME * C[order][1:])])
    first = np.unique(group, return_index=True)[1]
    found = np.empty(len(C))
    found[order] = C[order][first][group]
    return found


def even(frame: pd.DataFrame) -> bool:
    """Whether C = k N D holds for the frame with a single k, to within a factor of UNEVEN."""
    ratio = frame["C"] / frame["N"] / frame["D"]
    return bool(ratio.max() <= UNEVEN * ratio.min())


def _of_the_runs(runs: pd.DataFrame, k: float) -> list[str]:
    """Warnings about N, D and C of the table as a whole."""
    warnings = []
    if not USUAL[0] < k < USUAL[1]:
        warnings.append(f"C is {k:.3g} N D in this table, where 6 N D is usual; check the units")
    logs = np.log(runs[["N", "D"]].to_numpy())
    if len(runs) > 2 and logs.std(axis=0).min() > 0 and np.corrcoef(logs.T)[0, 1] > 0.999:
        warnings.append("N and D move together: every C has one N, so no run shows which is best")
    return warnings


def _optima(found: pd.DataFrame) -> list[tuple[str, ...]]:
    rows = [("C", "by", "N*", "interval", "D*", "tokens per parameter", "L*")]
    for row in found.sort_values("C", kind="stable").itertuples():
        N, low, high, D = (human(value) for value in (row.N, row.N_low, row.N_high, row.D))
        interval = f"{low} to {high}" if np.isfinite(row.N_low) else "-"
        cells = (f"{row.C:.2g}", row.approach, N, interval, D)
        rows.append((*cells, f"{row.tokens_per_parameter:.3g}", f"{row.L:.4g}"))
    return rows


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return frame.drop(columns="cluster", errors="ignore").to_dict("records")


def _plain(value: Any) -> Any:
    """JSON-able: numbers that are not finite become null."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
