"""Whether the points scatter about the law as noise would."""

from __future__ import annotations

from .finding import Finding, Severity
from .subject import Fitted
from .thresholds import Thresholds


class LackOfFit:
    """The rank correlation of residuals with each variable, and their size beside known noise."""

    name, of = "lack_of_fit", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """Findings about the residuals."""
        found, findings, response = subject.certificate, [], subject.law.response
        for role, trend in found["trends"].items():
            if abs(trend) > thresholds.trend:
                findings.append(
                    Finding(
                        self.name,
                        Severity.DOUBT,
                        f"the residual {'rises' if trend > 0 else 'falls'} with {role}",
                        f"rank correlation {trend:.2f}",
                        f"the {response} does not depend on it in this way",
                        abs(trend),
                        thresholds.trend,
                    )
                )
        if found.get("noise_ratio", 1.0) > thresholds.noise_ratio:
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT,
                    f"the points scatter {found['noise_ratio']:.2g} times as much as the given "
                    "noise",
                    what_to_do="the law misses something, or the noise is larger",
                    measured=found["noise_ratio"],
                    threshold=thresholds.noise_ratio,
                )
            )
        return findings
