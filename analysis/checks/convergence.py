"""Whether the search ended at the optimum, and whether another is as good."""

from __future__ import annotations

from .finding import Finding, Severity
from .subject import Fitted
from .thresholds import Thresholds


class Convergence:
    """The share of starts at the optimum, the gradient there, and an independent optimiser.

    The optimiser counts as agreement if it comes back to the same objective to nine digits, not if
    it merely finds nothing lower.

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
        # The gradient need not vanish where a penalty close to absolute values has a kink; that
        # another optimiser comes back to the same objective is evidence enough.
        if found["gradient"] > thresholds.gradient and not other.get("agrees", False):
            failed = f"{other['method']} did not converge either"
            elsewhere = f"{other['method']} did not come back to it"
            findings.append(
                Finding(
                    self.name,
                    Severity.INVALID,
                    f"not converged: the gradient at the optimum is {found['gradient']:.1g}, not 0",
                    elsewhere if other.get("converged", True) else failed,
                    "try more starts, a larger delta or --tie, or a law with fewer parameters",
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
        if not other.get("converged", True) and not findings:
            what = f"no second optimiser confirms the optimum: {other['method']} did not converge"
            findings.append(Finding(self.name, Severity.NOTE, what))
        return findings
