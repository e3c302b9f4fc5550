"""Whether an axis is a function of another in the table, so that a law of it says nothing new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .finding import Finding, Severity
from .subject import Experiment, Fitted
from .thresholds import Thresholds


class Tautology:
    """Squared correlation of the logarithms of C, or D, and N over the rows of a fit.

    With C a function of N there is no best N for a C; with D a function of N a law of one is a law
    of both, and a law of both cannot tell its terms apart.
    """

    name, of = "tautology", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """A finding for variables that move together, or for a column that follows the only one."""
        if len(subject.x) != 1:
            return self._together(subject, thresholds)
        (role, values), findings = next(iter(subject.x.items())), []
        for other in {"N": ("D",), "D": ("N",), "C": ("N",)}.get(role, ()):
            column = subject.columns.get(other, other)
            if column not in subject.source or subject.source[column].dtype.kind not in "iuf":
                continue
            r2, power = follows(values, subject.source[column].to_numpy(float))
            if r2 > thresholds.follows:
                findings.append(
                    Finding(
                        self.name,
                        Severity.DOUBT,
                        f"{other} follows {role} in these rows, so the law of {role} is that of "
                        "both",
                        f"{other} goes as {role}^{power:.3g}, r^2 = {r2:.5f}",
                        f"hold {other} fixed with --where, or fit a law of both",
                        r2,
                        thresholds.follows,
                    )
                )
        return findings

    def _together(self, subject: Fitted, limits: Thresholds) -> list[Finding]:
        alike = subject.certificate["together"]
        if alike <= limits.together:
            return []
        return [
            Finding(
                self.name,
                Severity.INVALID,
                f"{' and '.join(_pair(subject))} move together in this table, so their terms "
                "cannot be separated",
                f"r^2 = {alike:.5f}",
                "fit a law of one of them, or add runs in which they differ",
                alike,
                limits.together,
            )
        ]


def _pair(subject: Fitted) -> list[str]:
    """The two variables that move together most; there are at least two, and each varies."""
    roles = list(subject.x)
    alike = np.corrcoef(np.log(list(subject.x.values()))) ** 2
    first, second = np.unravel_index(np.argmax(np.triu(alike, 1)), alike.shape)
    return [roles[int(first)], roles[int(second)]]


class FixedLength:
    """Whether C is a function of N over an experiment's chosen runs: every run equally long."""

    name, of = "fixed_length", "tables"

    def examine(
        self, tables: Experiment, definition: Mapping[str, Any], thresholds: Thresholds
    ) -> list[Finding]:
        """A doubt about exponents of N*(C) and L(C); a note if there are learning curves."""
        rows = tables.chosen
        if not {"N", "C"} <= set(rows) or rows.empty:
            return []
        r2, power = follows(rows["C"].to_numpy(float), rows["N"].to_numpy(float))
        if r2 <= thresholds.follows:
            return []
        return [
            Finding(
                self.name,
                Severity.NOTE if has_curves(tables.curves) else Severity.DOUBT,
                "all runs of one N have one C, so final losses do not show which N is best at a C",
                f"N goes as C^{power:.4f}, r^2 = {r2:.5f}",
                "read N*(C) off learning curves, or vary the steps at each N",
                r2,
                thresholds.follows,
            )
        ]


def has_curves(curves: Any) -> bool:
    """Whether runs have a loss at several C, so that small and large N are seen at one C."""
    if not {"run", "C"} <= set(curves):
        return False
    spent = curves[curves["C"] > 0]
    return bool(len(spent)) and int(spent.groupby("run")["C"].nunique().max()) > 1


def follows(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Squared correlation of the logarithms, and the exponent of y in x; zeros if one is fixed."""
    sound = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    a, b = np.log(x[sound]), np.log(y[sound])
    if len(np.unique(np.round(a, 6))) < 3 or np.ptp(a) < 1e-6 or np.ptp(b) < 1e-6:
        return 0.0, 0.0
    r = float(np.corrcoef(a, b)[0, 1])
    return r * r, r * float(np.std(b) / np.std(a))
