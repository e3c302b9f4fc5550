"""Whether the search ended at the optimum, and whether another is as good."""

from __future__ import annotations

from .finding import Finding, Severity
from .subject import Fitted
from .thresholds import Thresholds


class Convergence:
    """The share of starts at the optimum, the gradient there, and an independent optimiser.

    The gradient is the relative offset of Bates & Watts 1981 (see `fitting/certificate`).
    """

    name, of = "convergence", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """Findings about the search."""
        found, findings = subject.certificate, []
        other = found["independent"]
        if other["lower_by"] > thresholds.lower_by:
            findings.append(
                Finding(
                    self.name,
                    Severity.INVALID,
                    f"{other['method']} found an objective lower by {other['lower_by']:.1%}",
                    measured=other["lower_by"],
                    threshold=thresholds.lower_by,
                )
            )
        if found["gradient"] > thresholds.gradient:
            findings.append(
                Finding(
                    self.name,
                    Severity.INVALID,
                    f"not converged: the gradient at the optimum is {found['gradient']:.1g}, not 0",
                    measured=found["gradient"],
                    threshold=thresholds.gradient,
                )
            )
        if found["share_of_starts"] < thresholds.share_of_starts:
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT,
                    f"only {found['share_of_starts']:.0%} of {found['starts']} starts reached this "
                    "optimum",
                    what_to_do="there may be a better one",
                    measured=found["share_of_starts"],
                    threshold=thresholds.share_of_starts,
                )
            )
        return findings
