"""What the intervals rest on."""

from __future__ import annotations

from .counting import count
from .finding import Finding, Severity
from .subject import Fitted
from .thresholds import Thresholds


class Intervals:
    """The number of resampled tables and of clusters, and whether the starts agree in each.

    Few clusters' intervals come from an efficient fit, with Huber's penalty at 1.345 standard
    deviations. For normal noise its exponents differ from those of absolute residuals by half of
    its own interval in one of a hundred tables; where they do, the noise is not normal or the law
    does not fit.
    """

    name, of = "intervals", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """Findings about the bootstrap."""
        found, findings = subject.certificate, []
        if not found["replicates"]:
            return [Finding(self.name, Severity.NOTE, "no intervals: bootstrap is 0")]
        if found["replicates"] < thresholds.replicates:
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT,
                    f"the intervals rest on {count(found['replicates'], 'resampled table')}",
                    what_to_do=f"use {thresholds.replicates} or more",
                    measured=found["replicates"],
                    threshold=thresholds.replicates,
                )
            )
        if found.get("freedom", 1.0) < 0.5:
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT,
                    f"{count(found['clusters'], 'cluster')} leave no degree of freedom, so nothing "
                    "is determined",
                    what_to_do="add levels, or runs that are clusters of their own",
                    measured=found["freedom"],
                    threshold=0.5,
                )
            )
        elif found["clusters"] < thresholds.clusters:
            findings.append(
                Finding(
                    self.name,
                    Severity.NOTE,
                    f"the intervals rest on {found['clusters']} independent points or clusters",
                    what_to_do="they are wide for it; more levels make them narrower",
                    measured=found["clusters"],
                    threshold=thresholds.clusters,
                )
            )
        findings += self._at_an_end(subject)
        if found["agreement"] < thresholds.agreement:
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT,
                    f"in {1 - found['agreement']:.0%} of the resampled tables the starts disagree: "
                    "the intervals include the optimiser's own scatter",
                    measured=found["agreement"],
                    threshold=thresholds.agreement,
                )
            )
        return findings

    def _at_an_end(self, subject: Fitted) -> list[Finding]:
        """A finding if the interval reaches an estimate only because it has to."""
        found, ends = subject.certificate, []
        for name in subject.law.exponents if found.get("method") == "confidence" else ():
            value, low, high, _ = subject.params[name][:4]
            free = name not in found["at_bounds"] and name not in subject.bounds
            if free and value in (low, high) and low < high:
                ends.append(f"{name} = {value:#.3g}, at an end of {low:#.3g} to {high:#.3g}")
        if not ends:
            return []
        return [
            Finding(
                self.name,
                Severity.DOUBT,
                "the fit and its interval disagree: points far off the law weigh more in one than "
                "in the other",
                "; ".join(ends),
                "fit again with a larger --delta; look for outliers, or for another law",
            )
        ]
