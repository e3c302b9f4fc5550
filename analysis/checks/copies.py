"""Rows that repeat others, and rows that could not be used."""

from __future__ import annotations

import numpy as np

from . import groups
from .counting import count
from .finding import Finding, Severity
from .linear import levels, linear, together
from .subject import Fitted
from .thresholds import Thresholds


class Copies:
    """Rows with the same variables and the same response, or nearly so.

    Near-copies agree in each variable to a thousandth, and their responses scatter by less than a
    tenth of the distances to the law: they count as so many rows and say no more than one.
    """

    name, of = "copies", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """A finding if there are any."""
        repeated = subject.certificate["repeated"]
        if repeated:
            return [
                Finding(
                    self.name,
                    Severity.DOUBT,
                    f"{count(repeated, 'row')} repeat another exactly",
                    what_to_do="drop those that are not separate runs",
                    measured=repeated,
                    threshold=0,
                )
            ]
        return self._near(subject, thresholds)

    def _near(self, subject: Fitted, limits: Thresholds) -> list[Finding]:
        near = together([levels(v, limits.near) for v in subject.x.values()])
        extra = len(near) - int(near.max()) - 1
        model = linear(subject)
        if extra < limits.near_rows or extra < len(near) / 4 or model.freedom < 3:
            return []
        test = groups.pure_error(model, near)
        mean = np.bincount(near, subject.residual) / np.bincount(near)
        within = np.sqrt(np.sum((subject.residual - mean[near]) ** 2) / extra)
        # The law's own change over a thousandth of a variable does not count as scatter.
        around = float(np.std(mean))
        if test.p > limits.near_certain or within > limits.near_scatter * around:
            return []
        if groups.covered(near, levels(subject.clusters.astype("float64"))):
            return []
        size = f"{within:.2%}" if subject.space == "log" else f"{within:.2g}"
        whole = f"{around:.2%}" if subject.space == "log" else f"{around:.2g}"
        return [
            Finding(
                self.name,
                Severity.DOUBT,
                f"{count(extra, 'row')} of {len(near)} nearly repeat another, so the intervals are "
                "too narrow",
                f"they scatter by {size}, and about the law by {whole}",
                "keep one row of each, or cluster them",
                within / around,
                limits.near_scatter,
            )
        ]


class LeftOut:
    """Rows without a usable number, and those that the caller dropped."""

    name, of = "left_out", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """A finding that names the rows."""
        if not subject.left_out:
            return []
        return [Finding(self.name, Severity.NOTE, f"left out: {subject.left_out}")]
