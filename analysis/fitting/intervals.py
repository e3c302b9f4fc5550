"""Intervals: the one way in which every fit gets its draws, and so its intervals and bands.

    fewer than MANY clusters    `confidence`: draws with few-cluster variances; plain percentiles
    MANY or more                `bootstrap`: clusters resampled; bias-corrected percentiles

The clusters are those of the table. If they were not asked for, and residuals of one N, D or C are
alike beyond them, that variable is the cluster. Asymmetric penalties, which estimate a quantile,
always use the bootstrap. `benchmarks/coverage.py` measures both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .. import clustering
from ..clustering import Clustering
from ..laws import Exponent, Real, Scale
from . import residuals
from .bootstrap import bootstrap
from .confidence import confidence, efficient, whitened
from .merged import merge
from .parameter import Parameter
from .penalty import Penalty
from .problem import Problem
from .solver import Optima

MANY = 40  # clusters from which resampling them covers (benchmarks/README.md)
AT_END = 1e-6  # relative: a draw this near to an end of the box is there
HUGE = 1e6  # a coefficient that may be this many times itself and the response is not determined
ZERO = 1e-9  # of the response: a floor or coefficient below contributes nothing


class Draws(NamedTuple):
    """theta [draws, parameters], and what the certificate says about them, as JSON."""

    theta: np.ndarray
    certificate: dict[str, Any]


def draws(
    problem: Problem,
    penalty: Penalty,
    optima: Optima,
    starts: np.ndarray,
    labels: np.ndarray | None,
    grouping: Clustering,
    roles: Mapping[str, str],
    *,
    count: int,
    seed: int,
) -> Draws:
    """`count` draws. `labels` [points] are the clusters of the table, `roles` those of x."""
    member = pd.factorize(np.arange(len(problem)) if labels is None else labels)[0]
    best, _ = optima.best()
    if grouping.found:
        grouping, member = _seen(problem, penalty, best, grouping, member, roles)
    clusters = int(member.max()) + 1
    found = {"replicates": count, "clusters": clusters, "agreement": 1.0, "solved": count}
    found |= {"step_off": 0.0, "clustered_by": grouping.by, "clustering": grouping.why}
    if not count:
        return Draws(np.empty((0, len(best))), found | {"method": "none"})
    symmetric = penalty.above == penalty.below
    if clusters >= MANY or not symmetric:
        many = bootstrap(problem, penalty, optima, starts, member, count=count, seed=seed)
        found |= {"agreement": many.agreement, "solved": many.solved, "step_off": many.step_off}
        few = confidence(problem, penalty, best, member, 0, seed)
        found |= {"method": "bootstrap"}
        theta = many.theta
    else:
        few = confidence(problem, penalty, best, member, count, seed)
        found |= {"method": "confidence"}
        theta = few.theta
    found |= {"freedom": few.freedom, "between": few.between, "within": few.within}
    found |= {"ends": {name: list(p) for name, p in few.ends.items()}}
    return Draws(theta, found)


def parameter(
    problem: Problem,
    name: str,
    value: float,
    drawn: np.ndarray,
    certificate: Mapping[str, Any],
    level: float,
) -> Parameter:
    """The estimate with its interval; an end that the data do not determine is open (infinite).

    An interval always holds the estimate, which few clusters' efficient fit may differ from.
    """
    kind = problem.law.parameters[name]
    if not certificate["replicates"]:
        return Parameter.from_draws(value, drawn, level)
    if not len(drawn):
        return Parameter(value, -np.inf if isinstance(kind, Real) else 0.0, np.inf, np.nan)
    many = certificate["method"] == "bootstrap"
    found = Parameter.from_draws(value, drawn, level, center=value if many else None)
    low, high = found.low, found.high
    if name in problem.bounds:
        return found
    if isinstance(kind, Scale):
        high = np.inf if high > HUGE * max(value, problem.level) else high
        low = 0.0 if low < ZERO * problem.level and problem.y.min() > 0 else low
    elif isinstance(kind, Exponent):
        at = list(problem.law.parameters).index(name)
        least, most = (float(problem.values(end)[at]) for end in problem.box)
        first, last = certificate["ends"].get(name, (0.0, 0.0))
        low = 0.0 if low <= least * (1 + AT_END) or first > 1 - level else low
        high = np.inf if high >= most * (1 - AT_END) or last > 1 - level else high
    return found._replace(low=low, high=high)


def members(
    x: Mapping[str, np.ndarray], labels: np.ndarray | None, by: str, grouping: Clustering
) -> np.ndarray:
    """The cluster of each point that a fit used, as an integer: `by` is its certificate's word."""
    if by != grouping.by:
        return clustering.groups(x)[by]
    count = len(next(iter(x.values())))
    return pd.factorize(np.arange(count) if labels is None else labels)[0]


def _seen(
    problem: Problem,
    penalty: Penalty,
    theta: np.ndarray,
    grouping: Clustering,
    members: np.ndarray,
    roles: Mapping[str, str],
) -> tuple[Clustering, np.ndarray]:
    """The clusters that residuals show, if they show any that the table's columns do not."""
    merged = merge(problem, members)
    if len(merged.target) <= problem.free + 1:
        return grouping, members
    fitted = whitened(problem, merged, 0.0, cells=True)
    at, residual = efficient(fitted, penalty, theta)
    jacobian = residuals.jacobian(fitted, at)[:, np.less(*problem.box)]
    x = {roles[name]: values for name, values in merged.x.items()}
    tests = clustering.shared(x, residual, jacobian)
    sure = {name: found for name, (_, found) in tests.items() if found.p < clustering.SURE}
    if not sure:
        return grouping, members
    name = min(sure, key=lambda one: sure[one].p)
    whole = {roles[one]: values for one, values in problem.x.items()}
    label = clustering.groups(whole)[name]
    return Clustering(name, clustering.reason(name, sure[name])), label
