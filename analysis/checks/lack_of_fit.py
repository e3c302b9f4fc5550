"""Whether the points scatter about the law as noise would, or the law misses something."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from ..numbers import human
from . import groups
from .finding import Finding, Severity
from .groups import Shared
from .linear import NOTHING, Linear, Test, dummies, levels, linear, pooled
from .subject import Fitted
from .thresholds import Thresholds

CELLS = 8  # degrees of freedom of cells' means from which they can show a pattern


class Evidence(NamedTuple):
    """A test that rejects the law: what it saw, its p-value after correction, and where."""

    what: str
    test: Test
    p: float
    where: str


class LackOfFit:
    """F tests of the residuals, corrected for their number (Bonferroni).

    pure error   where cells repeat, the scatter of cells' means against that within cells
    bins         the residuals' means by level or bin of each variable, and of C = 6 N D
    surface      products of two logarithms of the variables; with one variable, two smooth terms
    runs         with one variable, the number of runs of one sign (Wald & Wolfowitz 1940)

    If rows of a cluster reach over several cells, signs of whole clusters are flipped instead. A
    rough pattern over levels, or cells' means that scatter without a pattern, is a shared error:
    see `correlated_residuals`.
    """

    name, of = "lack_of_fit", "fit"

    def examine(self, subject: Fitted, thresholds: Thresholds) -> list[Finding]:
        """Findings about the residuals."""
        return [
            *self._tested(subject, thresholds),
            *self._trends(subject, thresholds),
            *self._beside_the_noise(subject, thresholds),
        ]

    def _tested(self, subject: Fitted, limits: Thresholds) -> list[Finding]:
        model = linear(subject)
        if model.freedom < limits.freedom or not exceeds_rounding(subject, model, limits):
            return []
        evidence = [one for one in evidence_against(subject) if one.p < limits.lack_of_fit]
        if not evidence:
            return []
        first = min(evidence, key=lambda one: one.p)
        missed = _missed(subject, model, first.test)
        certain = first.p < limits.lack_of_fit_certain
        severity = Severity.INVALID if certain and missed > limits.missed else Severity.DOUBT
        where = first.where or f"in the mean by {missed:.2g} of the response"
        if not first.where and subject.space == "log":
            where = f"by {missed:.2%} in the mean"
        return [
            Finding(
                self.name,
                severity,
                f"the law does not fit: {first.what}",
                f"{first.test.text}; {where}",
                "compare laws with a floor, a break or another term, or fit a shorter range",
                first.p,
                limits.lack_of_fit,
            )
        ]

    def _trends(self, subject: Fitted, limits: Thresholds) -> list[Finding]:
        response, findings = subject.law.response, []
        for role, trend in subject.certificate["trends"].items():
            if abs(trend) > limits.trend:
                findings.append(
                    Finding(
                        self.name,
                        Severity.DOUBT,
                        f"the residual {'rises' if trend > 0 else 'falls'} with {role}",
                        f"rank correlation {trend:.2f}",
                        f"the {response} does not depend on it in this way",
                        abs(trend),
                        limits.trend,
                    )
                )
        return findings

    def _beside_the_noise(self, subject: Fitted, limits: Thresholds) -> list[Finding]:
        ratio = subject.certificate.get("noise_ratio", 1.0)
        if ratio <= limits.noise_ratio:
            return []
        return [
            Finding(
                self.name,
                Severity.DOUBT,
                f"the points scatter {ratio:.2g} times as much as the given noise",
                what_to_do="the law misses something, or the noise is larger",
                measured=ratio,
                threshold=limits.noise_ratio,
            )
        ]


def exceeds_rounding(subject: Fitted, model: Linear, limits: Thresholds) -> bool:
    """Whether the residuals are more than the rounding of the table's numbers."""
    if subject.noise is not None:
        return True
    unit = 1.0 if subject.space == "log" else float(np.std(subject.y))
    return model.std > limits.rounding * unit


@functools.lru_cache(maxsize=2)
def evidence_against(subject: Fitted) -> list[Evidence]:
    """Every test of the law, with its p-value multiplied by the number of tests."""
    model, cell, axes = linear(subject), groups.cells(subject), groups.axes(subject.x)
    if groups.reach_over_cells(subject, cell):
        tests = _by_clusters(subject, model, axes)
    else:
        means, first = pooled(model, cell), np.unique(cell, return_index=True)[1]
        where = functools.partial(_where, subject)
        tests = by_cells(means, {role: v[first] for role, v in axes.items()}, where)
        repeats = groups.pure_error(model, cell)
        if repeats.df[1] > 0 and repeats.df[0] > 0:
            p = min((one.p * len(tests) for one in tests), default=1.0)
            tests.append(_of_repeats(subject, model, cell, repeats, p, means.freedom))
    return [one._replace(p=min(1.0, one.p * len(tests))) for one in tests]


def by_cells(
    model: Linear,
    axes: dict[str, np.ndarray],
    where: Callable[[str, np.ndarray, np.ndarray, Shared], str] = lambda *_: "",
) -> list[Evidence]:
    """Bins of each variable, and smooth terms of all, for the means of cells.

    where: says of a role, its values, their bins, and what those share, where the law is off.
    """
    found, base = [], model
    for role, values in axes.items():
        number = groups.binned(values)
        shared = groups.shared(model, number, values)
        if not shared.test.df[1]:
            continue
        rough = shared.is_smooth is False
        if rough and shared.test.p < 0.01:
            base = _with(base, dummies(number))
        p = 1.0 if rough else shared.test.p
        there = where(role, values, number, shared)
        found.append(Evidence(f"its residuals depend on {role}", shared.test, p, there))
    return [*found, *_smooth(base, axes)]


def _by_clusters(subject: Fitted, model: Linear, axes: dict[str, np.ndarray]) -> list[Evidence]:
    """The same where rows of one cluster may share any error."""
    clusters, found = levels(subject.known.astype("float64")), []
    for role, values in axes.items():
        number = groups.binned(values)
        test = model.flipped(dummies(number), clusters)
        shared = Shared(test, NOTHING, 0.0, 0, model.means(number))
        where = _where(subject, role, values, number, shared)
        found.append(Evidence(f"its residuals depend on {role}", test, test.p, where))
    if len(axes) > 1:
        test = model.flipped(_products(axes), clusters)
        found.append(Evidence(_surface(axes), test, test.p, ""))
    return found


def _of_repeats(
    subject: Fitted, model: Linear, cell: np.ndarray, repeats: Test, pattern: float, freedom: int
) -> Evidence:
    """The pure-error test; many cells that share an error without a pattern are none of the law's.

    pattern: the p-value of cells' means without a pattern, with this many degrees of freedom.
    """
    at = int(np.argmax(np.abs(means := model.means(cell))))
    there = ", ".join(f"{k} = {human(v[cell == at][0])}" for k, v in subject.x.items())
    p = max(repeats.p, pattern) if freedom >= CELLS else repeats.p
    return Evidence(
        "means of repeated runs lie off the curve by more than the runs scatter, unless those of "
        f"equal {' and '.join(subject.x)} share an error",
        repeats,
        p,
        f"points lie {_size(subject, means[at])} the law at {there}",
    )


def _smooth(model: Linear, axes: dict[str, np.ndarray]) -> list[Evidence]:
    """Smooth terms beyond the law; with one variable also runs of one sign."""
    if len(axes) > 1:
        return [Evidence(_surface(axes), test := model.test(_products(axes)), test.p, "")]
    found = []
    for role, values in axes.items():
        terms = groups.curves(model, values)
        if terms.shape[1]:
            test = model.test(terms)
            found.append(Evidence(f"its residuals bend along {role}", test, test.p, ""))
        number = levels(values)
        test = _runs(model.means(number))
        found.append(Evidence(f"its residuals keep their sign along {role}", test, test.p, ""))
    return found


def _products(axes: dict[str, np.ndarray]) -> np.ndarray:
    return groups.surface([values for role, values in axes.items() if role != "C" or len(axes) < 3])


def _surface(axes: dict[str, np.ndarray]) -> str:
    names = [role for role in axes if role != "C" or len(axes) < 3]
    return f"its residuals depend on {', '.join(names[:-1])} and {names[-1]} jointly"


def _with(model: Linear, columns: np.ndarray) -> Linear:
    """The model with further columns."""
    basis = np.hstack([model.basis, model.new(columns)])
    return Linear(basis, model.residual - basis @ (basis.T @ model.residual), model.weights)


def _runs(residual: np.ndarray) -> Test:
    """The probability of so few runs of one sign in a random order (Wald & Wolfowitz 1940)."""
    above = residual > 0
    n, m = int(above.sum()), int((~above).sum())
    if min(n, m) < 2:
        return NOTHING
    runs = 1 + int((above[1:] != above[:-1]).sum())
    ways = 0.0
    for count in range(2, runs + 1):
        half, odd = divmod(count, 2)
        if odd:
            ways += special.binom(n - 1, half) * special.binom(m - 1, half - 1)
            ways += special.binom(n - 1, half - 1) * special.binom(m - 1, half)
        else:
            ways += 2 * special.binom(n - 1, half - 1) * special.binom(m - 1, half - 1)
    return Test(runs, (1, n + m), float(ways / special.binom(n + m, n)), 0.0)


def _where(
    subject: Fitted, role: str, values: np.ndarray, number: np.ndarray, shared: Shared
) -> str:
    """Where the mean residual is largest: "points lie 2.1% above the law at D = 50K"."""
    if not len(shared.means):
        return ""
    at = int(np.argmax(np.abs(shared.means)))
    mean = float(shared.means[at])
    inside = values[number == at]
    place = human(float(inside.min()))
    if np.ptp(inside) > 1e-6 * inside.max():
        place += f" to {human(float(inside.max()))}"
    return f"points lie {_size(subject, mean)} the law at {role} = {place}"


def _missed(subject: Fitted, model: Linear, test: Test) -> float:
    """The root mean square of what the law misses: a share of the response or of its range."""
    rms = float(np.sqrt(test.share * np.mean(model.residual**2)))
    if subject.noise is not None:
        rms *= float(np.median(subject.noise))
    return rms if subject.space == "log" else rms / max(float(np.std(subject.y)), 1e-300)


def _size(subject: Fitted, mean: float) -> str:
    """2.1% above; 0.03 below; 3.1 standard deviations above."""
    size = f"{abs(mean):.2g}"
    if subject.noise is not None:
        size += " standard deviations"
    elif subject.space == "log":
        size = f"{abs(mean):.2%}" if abs(mean) < 0.01 else f"{abs(mean):.1%}"
    return f"{size} {'above' if mean > 0 else 'below'}"
