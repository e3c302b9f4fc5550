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
    tenth of the distances to the law, or lie far closer in pairs than independent runs would: they
    count as so many rows and say no more than one.
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
        mean = np.bincount(near, subject.residual) / np.bincount(near)
        within = np.sqrt(np.sum((subject.residual - mean[near]) ** 2) / extra)
        around = float(np.std(mean))
        test = groups.pure_error(model, near)
        close = within < limits.near_scatter * around and test.p < limits.near_certain
        paired = _paired(subject.residual, near, model.std, limits.near_gap)
        if paired > limits.near_pairs:
            within, around = limits.near_gap * model.std / np.bincount(near).max(), model.std
        elif not close:
            return []
        covered = groups.covered(near, levels(subject.clusters.astype("float64")))
        size = f"{within:.2%}" if subject.space == "log" else f"{within:.2g}"
        whole = f"{around:.2%}" if subject.space == "log" else f"{around:.2g}"
        return [
            Finding(
                self.name,
                Severity.NOTE if covered else Severity.DOUBT,
                f"{count(extra, 'row')} of {len(near)} nearly repeat another"
                + ("" if covered else ", so the intervals are too narrow"),
                f"they differ by {size} or less, and from the law by {whole}",
                "" if covered else "keep one row of each, or cluster them",
                within / around,
                limits.near_scatter,
            )
        ]


def _paired(residual: np.ndarray, near: np.ndarray, scatter: float, limit: float) -> float:
    """The share of rows much closer to another of their group than independent rows would be.

    Of n independent rows the nearest two are about scatter / n apart; 5% are ten times as close.
    """
    order = np.lexsort((residual, near))
    gap = np.where(np.diff(near[order]) == 0, np.diff(residual[order]), np.inf)
    nearest = np.minimum(np.append(np.inf, gap), np.append(gap, np.inf))
    size = np.bincount(near)[near[order]]
    repeated = size > 1
    return float(np.mean(nearest[repeated] * size[repeated] < limit * scatter))


class LeftOut:
    """Rows without a usable number, and those that the caller dropped."""

    name, of = "left_out", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """A finding that names the rows."""
        if not subject.left_out:
            return []
        return [Finding(self.name, Severity.NOTE, f"left out: {subject.left_out}")]
