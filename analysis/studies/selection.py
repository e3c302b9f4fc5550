"""Selection: the law that forecasts best, chosen inside the table.

The law that fits best need not forecast best: more parameters always fit better. So the rows beyond
a cut in scale are held out, and every law is fitted below the cut and scored above it. Scores are
averaged over several late cuts: one cut is a small sample, and an early one leaves too few rows to
fit. The best law is then fitted to all rows. `combined` averages the forecasts of all laws, with
inverse squared errors as weights, which does not always beat the best law. Nothing beyond the table
is used, so forecasts can still be tested there.

Tashman 2000, "Out-of-sample tests of forecasting accuracy" (a rolling origin); Bates & Granger
1969, "The combination of forecasts".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scaling_lab.errors import LabError

from .. import laws
from ..fitting import residuals, starts
from ..fitting.fit import fit
from ..fitting.penalty import Penalty
from ..fitting.result import Fit
from ..laws import Law
from ..tables import OUTCOMES, Table

CUTS = (0.7, 0.8, 0.9)  # as shares of the largest value


@dataclass(frozen=True)
class Selection:
    """Laws fitted to all rows, and how well each forecast the rows held out.

    fits     law's name -> its fit, the best forecaster first
    errors   law's name -> root mean square residual of the rows held out, averaged over the cuts
    along    the role along which rows were held out
    """

    fits: dict[str, Fit]
    errors: dict[str, float]
    along: str

    @property
    def fit(self) -> Fit:
        """The chosen law's fit."""
        return next(iter(self.fits.values()))

    @property
    def law(self) -> Law:
        return self.fit.law

    def combined(self, at: Mapping[str, Any]) -> np.ndarray:
        """The forecast of all laws together: their mean, in the space of the residuals.

        Weights are 1 / error^2. Shapes are those of the columns in `at`.
        """
        weights = np.array([1 / max(self.errors[name], 1e-12) ** 2 for name in self.fits])
        predicted = np.stack([fit.predict(at).center for fit in self.fits.values()])
        raw = self.fit.settings["space"] == "raw"
        mean = np.average(predicted if raw else np.log(predicted), axis=0, weights=weights)
        return mean if raw else np.exp(mean)

    def summary(self) -> str:
        """Error of each law on the rows held out, and the fit of the best."""
        wide = max(map(len, self.errors))
        lines = [f"{name:<{wide}}  {error:.3%}" for name, error in self.errors.items()]
        return "\n".join(
            [f"error beyond the cuts along {self.along}", *lines, "", self.fit.summary()]
        )


def choose(
    names: Sequence[str],
    table: Table,
    *,
    along: str = "",
    cuts: Sequence[float] = CUTS,
    bootstrap: int = 400,
    **options: Any,
) -> Selection:
    """Score the laws `names` on the rows beyond each cut, fitted to those below it.

    A cut is a share of the largest value of `along`: by default C if the table has it, else its one
    variable. `options` are those of `fitting.fit`, the same for all; bounds of a parameter that a
    law lacks are left out for it. A law that has too many parameters for the rows below a cut is
    not scored. Only the chosen law's fit has intervals.
    Raises LabError if no law is named, `along` is not in the table or no cut can be made.
    """
    if not names:
        raise LabError("no law to choose from; name two or more")
    along = along or _axis(table)
    if along not in table.frame:
        raise LabError(f"cannot hold out rows along {along}: the table has no such role; give one")
    x = table.frame[along].to_numpy()
    below = [x <= cut * x.max() for cut in cuts]
    below = [known for known in below if 0 < known.sum() < len(x)]
    if not below:
        raise LabError(f"no cut leaves rows on both sides of it along {along}; give other cuts")
    enough = min(known.sum() for known in below)
    fits = {
        name: fit(name, table, bootstrap=0, **_meant_for(name, options))
        for name in names
        if enough > len(laws.get(name).parameters)
    }
    if not fits:
        raise LabError(f"too few rows below the cuts along {along} for any of {', '.join(names)}")
    errors = {name: _error(fit, below) for name, fit in fits.items()}
    order = sorted(fits, key=errors.__getitem__)
    fits = {name: fits[name] for name in order}
    if bootstrap:
        best = order[0]
        fits[best] = fit(best, table, bootstrap=bootstrap, **_meant_for(best, options))
    return Selection(fits, {name: errors[name] for name in order}, along)


def _axis(table: Table) -> str:
    variables = [role for role in table.columns if role not in OUTCOMES]
    if "C" in variables:
        return "C"
    if len(variables) != 1:
        raise LabError(f"say along which of {', '.join(variables)} to hold out rows")
    return variables[0]


def _error(fit: Fit, below: Sequence[np.ndarray]) -> float:
    """Root mean square residual beyond the cuts, of the law fitted below them."""
    whole, penalty = fit.problem, Penalty(*fit.settings["numbers"])
    assert whole is not None  # only a fit from a card has none
    found = []
    for known in below:
        part, held = whole.part(known), whole.part(~known)
        first = starts.spread(part, fit.settings["starts"])
        theta, _ = starts.search(part, penalty, first).best()
        predicted = residuals.predict(part.law, part.named(theta), held.x)
        missed = predicted - held.y if whole.space == "raw" else np.log(predicted) - np.log(held.y)
        found.append(np.sqrt(np.mean(missed**2)))
    return float(np.mean(found))


def _meant_for(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options without the bounds of parameters that this law lacks."""
    if "bounds" not in options:
        return options
    parameters = laws.get(name).parameters
    bounds = {p: ends for p, ends in options["bounds"].items() if p in parameters}
    return options | {"bounds": bounds}
