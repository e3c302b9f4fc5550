"""Whether the law leaves out a column that decides the response: rows of several kinds pooled."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from . import groups
from .correlated_residuals import TOGETHER
from .finding import Finding, Severity
from .lack_of_fit import exceeds_rounding
from .linear import Linear, Test, dummies, levels, linear, together
from .subject import Fitted
from .thresholds import Thresholds

# What is measured, not chosen, and what says where a row comes from.
MEASURED = re.compile(
    r"loss|err|acc|bits|metric|score|perplex|ppl|bleu|_s$|energy|time|date|best_|start|finish|"
    r"device|commit|version|digest|fingerprint|program|status|reason|_target$|split|fold|"
    r"N_|C_|width$|steps$|examples$|epochs$|updates$|environment|code",
    re.I,
)

MOST_CELLS = 500


class Pooled:
    """The share of the residuals' variance between the values of each column that is not used.

    Columns with few values count, such as a learning rate, a size or an optimiser; seeds, the
    names of runs, and what validation data chose for each scale (`recipes.chosen`) do not. Tested
    by the F test of the values' means in the linearised fit, and within cells, where a wrong law
    does not matter.
    """

    name, of = "pooled", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """A finding about the column that explains most, if it explains much."""
        model = linear(subject)
        if model.freedom < 3 or not exceeds_rounding(subject, model, thresholds):
            return []
        tried = _columns(subject)
        cell = groups.cells(subject)
        within = _within(model, cell)
        found: list[tuple[str, Test, int]] = []
        for name, number in tried.items():
            tests = [one.test(dummies(number)) for one in (model, within) if one.freedom > 3]
            if within.freedom > 3:
                tests.append(groups.pure_error(within, together([cell, number])))
            test = max(tests, key=lambda test: test.share)
            sure = test.p * 2 * len(tried) < thresholds.pooled_certain
            if sure and test.share > thresholds.pooled:
                found.append((name, test, int(number.max()) + 1))
        if not found:
            return []
        name, test, count = max(found, key=lambda one: one[1].share)
        others = [f"'{one[0]}'" for one in found if one[0] != name]
        also = f"; so do {', '.join(others)}" if others else ""
        return [
            Finding(
                self.name,
                Severity.INVALID if test.share > thresholds.pooled_most else Severity.DOUBT,
                f"rows of {count} values of '{name}' are pooled, and it decides the response{also}",
                f"it explains {test.share:.0%} of their scatter; {test.text}",
                f"choose rows with --where, or use a law with {name}",
                test.share,
                thresholds.pooled,
            )
        ]


def _within(model: Linear, cell: np.ndarray) -> Linear:
    """The residuals about the means of cells: what any law of its variables would leave."""
    size = np.bincount(cell)
    if size.max() == 1 or len(size) > MOST_CELLS:
        return Linear(np.empty((len(cell), 0)), np.zeros(0), model.weights)
    basis = dummies(cell) / np.sqrt(size)
    return Linear(basis, model.residual - model.means(cell)[cell], np.ones(len(cell)))


def _columns(subject: Fitted) -> dict[str, np.ndarray]:
    """Name -> the number of each row's value, for columns that the law might have used."""
    used = [*subject.x.values()]
    found: dict[str, np.ndarray] = {}
    source = subject.source
    chosen = source.attrs.get("choose", ())
    for name in map(str, source.columns):
        known = name in subject.columns.values() or name in subject.columns or name in chosen
        if known or TOGETHER.fullmatch(name) or MEASURED.search(name):
            continue
        column = source[name]
        if isinstance(column, pd.DataFrame):
            continue
        number = pd.factorize(column, use_na_sentinel=False)[0]
        if not 1 < number.max() + 1 <= max(len(number) / 3, 2):
            continue
        numeric = column.dtype.kind in "iuf"
        if numeric and any(_same(column.to_numpy(float), values) for values in used):
            continue
        number = levels(number.astype("float64"))
        if not groups.covered(groups.cells(subject), number):  # it varies within cells
            found[name] = number
        elif len(subject.x) == 1 and together([number, groups.cells(subject)]).max() > number.max():
            continue  # a function of the law's variable
    return found


def _same(column: np.ndarray, values: np.ndarray) -> bool:
    return bool(np.allclose(column, values, rtol=0.2))
