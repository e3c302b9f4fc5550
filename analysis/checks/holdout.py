"""Whether held-out rows lie where the fit predicts them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import special

from . import groups
from .finding import Finding, Severity
from .lack_of_fit import evidence_against
from .linear import Linear, linear
from .subject import Fitted, Held
from .thresholds import Thresholds

FEWEST_DRAWS = 40
WIDER = 1.6  # variance of a median over that of a mean, for a fit without draws


class HoldOut:
    """The distance of held-out rows from the law, with the law's error and the rows' own scatter.

        T = e' (V + s^2)^-1 e / m       compared with Fisher's F with m and n - p degrees

    e are the m rows' residuals, V is the covariance of the law's values there over the bootstrap's
    draws, and s the fitted rows' scatter: Hotelling's T^2 of a prediction. Where the law does not
    fit even those rows, V and s^2 are shrunk to what is left once smooth terms are added.
    """

    name, of = "holdout", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """A finding if the rows lie too far from the law."""
        held = subject.held
        if held is None:
            return []
        model = linear(subject)
        error = held.residual
        if not np.isfinite(error).all():
            what = f"the law has no value at {int((~np.isfinite(error)).sum())} held-out rows"
            return [Finding(self.name, Severity.INVALID, what)]
        if model.freedom < 1:
            return []
        unit = np.median(subject.noise) if subject.noise is not None else 1.0
        variance = (model.std * unit) ** 2 + (1e-9 * float(np.std(subject.y) or 1.0)) ** 2
        law = _covariance(held, subject, model, float(unit))
        both = _scatter(subject, model, thresholds) * (law + variance * np.eye(len(error)))
        statistic = float(error @ np.linalg.solve(both, error)) / len(error)
        p = float(special.fdtrc(len(error), model.freedom, statistic))
        if p > thresholds.holdout:
            return []
        width = float(special.stdtrit(model.freedom, 0.975)) * np.sqrt(np.diag(both))
        outside = np.abs(error) > width
        mean = float(error.mean())
        size = f"{abs(mean):.1%}" if subject.space == "log" else f"{abs(mean):.2g}"
        return [
            Finding(
                self.name,
                Severity.INVALID if p < thresholds.holdout_certain else Severity.DOUBT,
                f"the held-out rows are not where the fit predicts them: {outside.sum()} of "
                f"{len(error)} lie outside the 95% band",
                f"{size} {'above' if mean > 0 else 'below'} the law in the mean; {_p(p)}",
                "do not extrapolate this law; compare others on the same rows",
                p,
                thresholds.holdout,
                tuple(int(row) for row in held.rows[outside]),
            )
        ]


class Extrapolation:
    """How far held-out rows lie outside the table, along their most extreme variable.

    No table bears out a law over more decades than it has itself.
    """

    name, of = "extrapolation", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """A finding if the rows lie farther out than the table is wide."""
        found = [] if subject.held is None else beyond(subject.x, subject.held.x)
        found = [one for one in found if one[1] > thresholds.beyond * one[2]]
        if not found:
            return []
        role, out, span = max(found, key=lambda one: one[1])
        return [
            Finding(
                self.name,
                Severity.DOUBT,
                f"the law is used {out:.2g} decades beyond the table along {role}, which spans "
                f"{span:.2g}",
                what_to_do=f"add runs at {role} nearer to where it is used",
                measured=out / span if span else np.inf,
                threshold=thresholds.beyond,
            )
        ]


def beyond(
    table: Mapping[str, np.ndarray], at: Mapping[str, np.ndarray]
) -> list[tuple[str, float, float]]:
    """Role, decades by which points lie outside the table along it, and decades of the table."""
    found = []
    for role, values in table.items():
        low, high = float(np.min(values)), float(np.max(values))
        out = max(np.log10(np.max(at[role]) / high), np.log10(low / np.min(at[role])), 0.0)
        if out > 0:
            found.append((role, float(out), float(np.log10(high / low))))
    return found


def _covariance(held: Held, subject: Fitted, model: Linear, unit: float) -> np.ndarray:
    """The covariance of the law's values at the held-out rows [held, held]."""
    draws = held.draws[np.isfinite(held.draws).all(axis=1)]
    if len(draws) >= FEWEST_DRAWS:
        return np.atleast_2d(np.cov(draws.T))
    weighted = subject.jacobian * np.sqrt(subject.weights)[:, None]
    inverse = np.linalg.pinv(weighted.T @ weighted, hermitian=True)
    law = held.jacobian * (1.0 if subject.noise is None else unit)
    return WIDER * model.std**2 * law @ inverse @ law.T


def _scatter(subject: Fitted, model: Linear, limits: Thresholds) -> float:
    """The share of the fitted rows' variance that is scatter, if the law does not fit them.

    What the law misses would widen its own band.
    """
    axes, cell = groups.axes(subject.x), groups.cells(subject)
    fits = min((one.p for one in evidence_against(subject)), default=1.0) > limits.lack_of_fit
    if fits or not axes or groups.reach_over_cells(subject, cell):
        return 1.0
    test = model.test(groups.surface(list(axes.values())))
    if not test.df[1]:
        return 1.0
    return min(1.0, (1 - test.share) * model.freedom / test.df[1])


def _p(p: float) -> str:
    return f"p = {p:.1g}" if p > 1e-99 else "p < 1e-99"
