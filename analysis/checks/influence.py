"""Whether a few points or the penalty decide the result."""

from __future__ import annotations

import math

from .counting import count
from .finding import Finding, Severity
from .subject import Fitted
from .thresholds import Thresholds


class Influence:
    """How the parameters change with Huber's delta, without the outliers, and without one row.

    `fitting/influence` refits; a change counts if it exceeds both a share of the parameter and its
    standard error.
    """

    name, of = "influence", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """Findings about each parameter in which the law is not linear."""
        every = [self._of(name, subject, thresholds) for name in subject.law.nonlinear]
        return [one for some in every for one in some]

    def _of(self, name: str, subject: Fitted, limits: Thresholds) -> list[Finding]:
        found, parameter, findings = subject.certificate, subject.params[name], []
        value, error = parameter.value, parameter.se if math.isfinite(parameter.se) else 0.0
        at = {delta: others[name] for delta, others in found["delta"].items()}
        far = max((abs(v - value) for v in at.values()), default=0.0)
        if far > max(2 * error, limits.delta * abs(value)):
            shown = ", ".join(f"{v:#.3g} with delta {delta}" for delta, v in at.items())
            what = f"{name} depends on delta: {value:#.3g} here, {shown}"
            findings.append(Finding(self.name, Severity.DOUBT, what, measured=far))
        without = found["outliers"]["without"].get(name, value)
        if abs(without - value) > max(error, limits.outliers * abs(value)):
            number = count(found["outliers"]["count"], "point")
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT,
                    f"{name} is {value:#.3g}, and {without:#.3g} without {number} far off the "
                    "curve",
                    measured=abs(without - value),
                    rows=tuple(found["outliers"]["rows"]),
                )
            )
        for one in found["influence"]:
            if abs(one[name] - value) > max(2 * error, limits.point * abs(value)):
                findings.append(
                    Finding(
                        self.name,
                        Severity.DOUBT,
                        f"{name} is {value:#.3g}, and {one[name]:#.3g} without row {one['row']}",
                        measured=abs(one[name] - value),
                        rows=(one["row"],),
                    )
                )
                break
        return findings
