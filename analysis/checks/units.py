"""Whether the columns hold what their roles say: parameters in ones, losses in nats."""

from __future__ import annotations

import re

import numpy as np

from ..numbers import human
from .finding import Finding, Severity
from .subject import Fitted
from .thresholds import Thresholds

MANY = re.compile(r"(?:[_ (]|^)(b|bn|billions?|m|millions?|t|trillions?|k|thousands?)\)?$", re.I)
FACTORS = {"k": 1e3, "t": 1e12, "m": 1e6, "b": 1e9}
WORDS = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
PERPLEXITY = re.compile(r"perplexity|(?:^|[^a-z])ppl(?:$|[^a-z])", re.I)
MEASURED = re.compile(r"loss|err|entropy|bits|acc|score", re.I)
DATA = re.compile(r"D|data|.*(?:tokens?|examples?|images?|words?|samples?|characters?)", re.I)
SCORE = re.compile(r"accuracy|(?:^|[^a-z])acc(?:$|[^a-z])|score|bleu|reward|return|win_?rate", re.I)


class Units:
    """Tokens per parameter, C over N D, fractions of a parameter, and losses that are none.

    A perplexity is exp(loss): above `perplexity` it exceeds what guessing among 160,000 tokens
    gives. An accuracy rises where a loss falls.
    """

    name, of = "units", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """Findings about N, D and C, and about the response."""
        return [
            *self._of_the_sizes(subject, thresholds),
            *self._of_the_response(subject, thresholds),
        ]

    def _of_the_sizes(self, subject: Fitted, limits: Thresholds) -> list[Finding]:
        findings = []
        for role in ("N", "D", "C"):
            values, column = _values(subject, role), subject.columns.get(role, role)
            if values is None:
                continue
            small, factor = float(values.min()), _factor(column)
            if role != "C" and small < 1:
                findings.append(self._small(role, column, small, factor, Severity.INVALID))
            elif factor > 1 and float(values.max()) < limits.counted:
                findings.append(self._small(role, column, small, factor, Severity.DOUBT))
        N, D, C = (_values(subject, role) for role in "NDC")
        if findings or N is None:
            return findings
        if D is not None:
            column = str(subject.columns.get("D", "D"))
            few = float(D.min()) < limits.few and float(N.min()) >= limits.counted
            if few and DATA.fullmatch(column):
                return [self._small("D", column, float(D.min()), 1.0, Severity.DOUBT)]
            ratio = D / N
            if ratio.max() > limits.tokens_most or ratio.max() < limits.tokens_least:
                findings.append(
                    Finding(
                        self.name,
                        Severity.DOUBT,
                        f"there are {ratio.min():.2g} to {ratio.max():.2g} examples per parameter",
                        what_to_do="check the units of N and D",
                        measured=float(ratio.max()),
                        threshold=limits.tokens_most,
                    )
                )
            if C is not None and not findings:
                k = float(np.exp(np.mean(np.log(C / N / D))))
                if not limits.flop_least < k < limits.flop_most:
                    findings.append(
                        Finding(
                            self.name,
                            Severity.DOUBT,
                            f"C is {k:.2g} N D in this table, where 6 N D is usual",
                            what_to_do="check the units of N, D and C",
                            measured=k,
                            threshold=limits.flop_least if k < 1 else limits.flop_most,
                        )
                    )
        return findings

    def _small(
        self, role: str, column: str, small: float, factor: float, severity: Severity
    ) -> Finding:
        factor = factor if factor > 1 else 1e9
        what = {"N": "parameters", "D": "examples", "C": "FLOP"}[role]
        return Finding(
            self.name,
            severity,
            f"{role} is {small:.3g} in column '{column}', which can hardly be a number of {what}",
            what_to_do=f"write --columns {role}={column}*{factor:g} if it counts {human(factor)}",
            measured=small,
            threshold=1.0,
        )

    def _of_the_response(self, subject: Fitted, limits: Thresholds) -> list[Finding]:
        if subject.law.response != "loss" or len(subject) < 4:
            return []
        column, y = str(subject.columns.get("L", "L")), subject.y
        if PERPLEXITY.search(column):
            named = f"the column is '{column}'"
            return [self._is_not(subject, "is", "a perplexity", named, Severity.INVALID)]
        trends = _trends(subject)
        whole = float(np.linalg.norm(list(trends.values()))) if trends else 0.0
        if trends and min(trends.values()) > limits.rises_each and whole > limits.rises:
            unit = y.min() >= 0 and y.max() <= 1
            evidence = ", ".join(f"{t:.2f} with {role}" for role, t in trends.items())
            named = SCORE.search(column) is not None
            kind = Severity.INVALID if named or unit else Severity.DOUBT
            guess = "an accuracy or a score" if named or unit else "a score"
            return [
                Finding(
                    self.name,
                    kind,
                    f"the loss rises with {' and '.join(trends)}: it may be {guess}",
                    f"rank correlation {evidence}",
                    f"write --columns L=1-{column} for an accuracy, or a law of accuracy"
                    if guess != "a score"
                    else "check the sign of the response",
                    whole,
                    limits.rises,
                )
            ]
        # A learner's loss is no perplexity, however many nats it has. The run table names the
        # learner, frames made from it name the loss.
        measured = "learner" in subject.source or "loss" in subject.source.attrs
        if not measured and y.min() > 0 and np.median(y) > limits.perplexity and _falls(trends):
            how_bad = f"its median is {np.median(y):.3g}; guessing among 160,000 tokens has loss 12"
            return [self._is_not(subject, "may be", "a perplexity", how_bad, Severity.DOUBT)]
        return []

    def _is_not(
        self, subject: Fitted, sure: str, thing: str, how_bad: str, severity: Severity
    ) -> Finding:
        column = subject.columns.get("L", "L")
        return Finding(
            self.name,
            severity,
            f"the loss {sure} {thing}, whose exponents are others",
            how_bad,
            f"write --columns L=log({column})" + ("" if sure == "is" else " if it is"),
            float(np.median(subject.y)),
        )


def _values(subject: Fitted, role: str) -> np.ndarray | None:
    """The values of N, D or C: a variable of the law, or a numeric column of that name.

    None for a role that stands for a measurement, as in a law of one task's loss in another's.
    """
    column = subject.columns.get(role, role)
    if MEASURED.search(str(column)):
        return None
    if role in subject.x:
        return subject.x[role]
    if column not in subject.source:
        return None
    values = np.asarray(subject.source[column])
    if values.dtype.kind not in "iuf" or not (values.astype("float64") > 0).all():
        return None
    return values.astype("float64")


def _factor(column: str) -> float:
    """1e9 for params_B and "parameters (billions)"; 1 for a name that says nothing."""
    found = MANY.search(str(column).strip())
    if not found or len(str(column)) < 3:
        return 1.0
    word = found[1].lower()
    for name, factor in WORDS.items():
        if word.startswith(name):
            return factor
    return FACTORS[word[0]] if word in (*FACTORS, "bn") else 1.0


def _trends(subject: Fitted) -> dict[str, float]:
    """Rank correlation of the response with each variable of scale that varies."""
    scales = {r: v for r in "NDC" if r in subject.x and (v := _values(subject, r)) is not None}
    varied = {role: v for role, v in scales.items() if np.ptp(v) > 0}
    if np.ptp(subject.y) == 0:
        return {}
    return {role: _rank_correlation(v, subject.y) for role, v in varied.items()}


def _falls(trends: dict[str, float]) -> bool:
    return bool(trends) and max(trends.values()) < 0


def _rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    ranks = np.stack([np.unique(values, return_inverse=True)[1] for values in (x, y)])
    return float(np.corrcoef(ranks)[0, 1])
