"""Whether a few points or the penalty decide the result."""

from __future__ import annotations

import functools
import math

import numpy as np

from ..numbers import human
from ..shared_error import spread
from .counting import count
from .counting import runs as named
from .finding import Finding, Severity
from .subject import Fitted
from .thresholds import Thresholds


class Influence:
    """How the parameters change with Huber's delta, without the outliers, and without one row.

    `fitting/influence` refits. A change counts if it exceeds a share of the parameter and leaves
    its interval; without the outliers, its standard error. (In clean tables of 8 points one row of
    them moves an exponent by 2.5 standard errors one time in ten, but rarely out of its interval.)
    """

    name, of = "influence", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """Findings about each parameter in which the law is not linear."""
        every = [self._of(name, subject, thresholds) for name in subject.law.nonlinear]
        return [one for some in every for one in some]

    def _of(self, name: str, subject: Fitted, limits: Thresholds) -> list[Finding]:
        found, parameter, findings = subject.certificate, subject.params[name], []
        value, error = parameter.value, parameter.se if math.isfinite(parameter.se) else 0.0
        known = math.isfinite(parameter.se)
        doubt = Severity.DOUBT if known else Severity.NOTE

        def leaves(other: float, share: float) -> bool:
            beyond = limits.leaves * (parameter.high - parameter.low)
            inside = parameter.low - beyond <= other <= parameter.high + beyond
            return not (known and inside) and abs(other - value) > share * abs(value)

        at = {delta: others[name] for delta, others in found["delta"].items()}
        if any(leaves(other, limits.delta) for other in at.values()):
            shown = ", ".join(f"{v:#.3g} with delta {delta}" for delta, v in at.items())
            what = f"{name} depends on delta: {value:#.3g} here, {shown}"
            far = max(abs(other - value) for other in at.values())
            findings.append(Finding(self.name, doubt, what, measured=far))
        without = found["outliers"]["without"].get(name, value)
        if abs(without - value) > max(error, limits.outliers * abs(value)):
            number = count(found["outliers"]["count"], "point")
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT,
                    f"{name} is {value:#.3g}, and {without:#.3g} without {number} far off the "
                    "curve",
                    named(found["outliers"]["rows"], subject.rows, subject.source),
                    measured=abs(without - value),
                    rows=tuple(found["outliers"]["rows"]),
                )
            )
        for one in found["influence"]:
            if leaves(one[name], limits.point):
                findings.append(
                    Finding(
                        self.name,
                        doubt,
                        f"{name} is {value:#.3g}, and {one[name]:#.3g} without "
                        + named([one["row"]], subject.rows, subject.source),
                        measured=abs(one[name] - value),
                        rows=(one["row"],),
                    )
                )
                break
        return findings


def _remedy(subject: Fitted, far: np.ndarray, residual: np.ndarray) -> str:
    """Runs that crashed lie anywhere; several at one end of an axis, on one side, are a bend."""
    for role, values in subject.x.items():
        at, rest = values[far], np.delete(values, far)
        apart = len(rest) and (at.min() > rest.max() or at.max() < rest.min())
        if apart and len(np.unique(at)) > 1 and abs(np.sign(residual[far]).sum()) == len(far):
            return f"they lie together at an end of {role}: compare a law with a break"
    return "leave out a run that crashed, or one that was mistyped"


class Outliers:
    """Points so far from the law that they are crashed runs, or typing errors.

    Their distance is counted in robust standard deviations: 1.4826 times the median size of the
    residuals, without as many of the smallest as the law has parameters.
    """

    name, of = "outliers", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """One finding that names the rows, the farthest first."""
        if len(subject) < subject.free + thresholds.outlier_freedom:
            return []
        residual = subject.residual if subject.noise is None else subject.residual / subject.noise
        unit = spread(residual, subject.free)
        size = np.abs(residual)
        least = thresholds.outlier_share
        if subject.space == "raw":
            least *= float(np.std(subject.y))
        if subject.noise is not None:
            least /= float(np.median(subject.noise))
        far = np.flatnonzero((size > thresholds.outlier * unit) & (size > least))
        if not len(far):
            return []
        far = far[np.argsort(-size[far])]
        first, numbers = far[0], tuple(int(subject.rows[i]) for i in far)
        response, y = subject.law.response, subject.y[first]
        call = functools.partial(named, table=subject.rows, source=subject.source)
        where = ", ".join(f"{role} = {human(float(v[first]))}" for role, v in subject.x.items())
        distance = f"{size[first] / unit:.0f}" if unit > 0 else "far more than 100"
        return [
            Finding(
                self.name,
                Severity.DOUBT if size[first] > 5 * least else Severity.NOTE,
                f"{call(numbers[:1])} has {response} {y:.4g} where the law gives "
                f"{subject.fitted[first]:.4g}, at {where}"
                + (f"; so have {call(numbers[1:])}" if len(far) > 1 else ""),
                f"{distance} times the usual distance",
                _remedy(subject, far, residual),
                float(size[first] / unit) if unit > 0 else math.inf,
                thresholds.outlier,
                numbers,
            )
        ]
