"""Whether the points determine the parameters of the law."""

from __future__ import annotations

import numpy as np

from ..laws import Exponent
from .counting import count
from .finding import Finding, Severity
from .subject import Fitted
from .thresholds import Thresholds


class Identifiability:
    """Levels and range of each variable, intervals and bounds.

    The condition number is that of J'J with the columns of the Jacobian J scaled to norm one.
    """

    name, of = "identifiability", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """Findings about the variables, then about each parameter."""
        return [
            *self._of_the_table(subject, thresholds),
            *self._of_the_intervals(subject, thresholds),
            *self._of_the_parameters(subject, thresholds),
        ]

    def _of_the_table(self, subject: Fitted, limits: Thresholds) -> list[Finding]:
        found, findings, y = subject.certificate, [], subject.y
        if y.min() == y.max():
            what = f"every {subject.law.response} is {y[0]:g}; there is nothing to explain"
            findings.append(Finding(self.name, Severity.INVALID, what))
        for role, scales in found["scales"].items():
            if scales["distinct"] < limits.scales:
                what = f"{role} has {count(scales['distinct'], 'scale')}"
                findings.append(
                    Finding(
                        self.name,
                        Severity.DOUBT,
                        what,
                        what_to_do="a law needs three or more",
                        measured=scales["distinct"],
                        threshold=limits.scales,
                    )
                )
            elif scales["decades"] < limits.decades:
                findings.append(
                    Finding(
                        self.name,
                        Severity.DOUBT,
                        f"{role} spans {scales['decades']:.2g} decades",
                        what_to_do="an exponent needs one or more",
                        measured=scales["decades"],
                        threshold=limits.decades,
                    )
                )
        if found["condition"] > limits.condition:
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT,
                    "these points do not determine all parameters separately",
                    f"condition number {found['condition']:.0e}",
                    measured=found["condition"],
                    threshold=limits.condition,
                )
            )
        if len(subject) <= len(subject.law.parameters) + limits.spare_points:
            findings.append(
                Finding(
                    self.name,
                    Severity.DOUBT,
                    f"{len(subject)} points for {subject.free} parameters: "
                    "too few are left over to test the fit",
                    measured=len(subject) - subject.free,
                    threshold=limits.spare_points,
                )
            )
        return findings

    def _of_the_intervals(self, subject: Fitted, limits: Thresholds) -> list[Finding]:
        law, findings, least = subject.law, [], subject.y.min()
        for name in law.parameters if subject.certificate["replicates"] else ():
            low, high = subject.params[name].low, subject.params[name].high
            if name in law.exponents and high > limits.ratio * low and name not in subject.bounds:
                what = f"{name} is poorly determined: {low:#.3g} to {high:#.3g}"
                ratio = high / low if low > 0 else np.inf
                findings.append(
                    Finding(
                        self.name,
                        Severity.DOUBT,
                        what,
                        measured=ratio,
                        threshold=limits.ratio,
                    )
                )
            floor = name in subject.certificate["floors"]
            if floor and least > 0 and low < limits.floor * least:
                what = f"these points cannot tell the floor {name} from 0"
                findings.append(
                    Finding(
                        self.name,
                        Severity.DOUBT,
                        what,
                        measured=low / least,
                        threshold=limits.floor,
                    )
                )
        return findings

    def _of_the_parameters(self, subject: Fitted, limits: Thresholds) -> list[Finding]:
        law, findings = subject.law, []
        for name in law.nonlinear:
            value, kind = subject.params[name].value, law.parameters[name]
            at_end, what = name in subject.certificate["at_bounds"], ""
            if name in subject.bounds:
                what = f"{name} = {value:#.3g} is at the bound it was given" if at_end else ""
            elif name in law.exponents and isinstance(kind, Exponent):
                if not kind.low / limits.exponent < value < kind.high * limits.exponent:
                    what = f"{name} = {value:#.3g} is far from any exponent seen; "
                    what += "the law may not apply"
            elif at_end:
                what = f"{name} = {value:#.3g} left the table's range; the law may not apply"
            if what:
                findings.append(Finding(self.name, Severity.DOUBT, what, measured=value))
        return findings
