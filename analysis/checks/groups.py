"""Groups: the rows of a cell, of a value of N, D or C, of a run; and what they share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .linear import NOTHING, Linear, Test, dummies, f_test, levels, together
from .subject import Fitted

MOST_LEVELS = 12  # a variable with more values is cut into bins
PER_BIN = 6  # points a bin has at least, in the mean
SMOOTH = 2  # smooth terms that a variable is given beyond the law
NEW = 0.05  # share of a smooth term's length that the law must leave


class Shared(NamedTuple):
    """What the rows of each group have in common beyond the law.

    test      of the groups' means, against the scatter within groups
    smooth    of two smooth terms in the variable, against the scatter of the groups' means
    icc       intraclass correlation: the share of the variance that is between groups
    free      degrees of freedom of the groups' means that neither law nor smooth terms take
    means     mean residual of each group, with the sign of the response over the law
    """

    test: Test
    smooth: Test
    icc: float
    free: int
    means: np.ndarray

    @property
    def is_smooth(self) -> bool | None:
        """Whether the means follow a smooth curve; None if there are too few to tell."""
        if self.free < 2:
            return None
        return self.smooth.p < 0.05


def cells(subject: Fitted) -> np.ndarray:
    """The number of each row's cell: its combination of the law's variables."""
    return together([levels(values) for values in subject.x.values()])


def axes(x: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The law's variables that vary, and C as the product of N and D if the law has both."""
    found = {role: values for role, values in x.items() if np.ptp(values) > 0}
    if {"N", "D"} <= set(found):
        found["C"] = 6 * found["N"] * found["D"]
    return found


def binned(values: np.ndarray) -> np.ndarray:
    """The number of each row's level or, if there are many, of its bin of equally many rows."""
    found = levels(values)
    if found.max() < MOST_LEVELS:
        return found
    count = int(np.clip(len(values) // PER_BIN, 3, 8))
    ends = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    return levels(np.searchsorted(ends, values, side="right").astype("float64"))


def shared(model: Linear, groups: np.ndarray, values: np.ndarray | None = None) -> Shared:
    """What the rows of each group share; `values` orders the groups, if anything does."""
    columns = dummies(groups)
    test = model.test(columns)
    if not test.df[0] or not test.df[1]:
        return Shared(NOTHING, NOTHING, 0.0, 0, model.means(groups))
    size = np.bincount(groups)
    typical = (len(groups) - float((size**2).sum()) / len(groups)) / max(len(size) - 1, 1)
    F = min(test.F, 1e12)
    icc = max(0.0, (F - 1) / (F - 1 + typical)) if F > 1 else 0.0
    smooth, free = NOTHING, test.df[0]
    if values is not None:
        terms = curves(model, values)
        smooth = model.test(terms, within=columns) if terms.shape[1] else NOTHING
        free = smooth.df[1]
    return Shared(test, smooth, icc, free, model.means(groups))


def pure_error(model: Linear, cell: np.ndarray) -> Test:
    """The scatter of cells' means about the law against that within cells.

    Where cells repeat, the latter holds whatever the law: Draper & Smith 1998, section 2.1.
    """
    count = int(cell.max()) + 1
    weight = model.weights**2
    whole = float(model.residual @ model.residual)
    # Within a cell the law is constant, and so is the linear model of it but for the weights.
    mean = np.bincount(cell, model.residual * model.weights) / np.bincount(cell, weight)
    within = model.residual - mean[cell] * model.weights
    error = float(within @ within)
    rank = model.basis.shape[1]
    return f_test(max(whole - error, 0.0), count - rank, error, len(cell) - count, whole)


def reach_over_cells(subject: Fitted, cell: np.ndarray) -> bool:
    """Whether rows of one cluster lie in several cells, such as the checkpoints of a run."""
    return not covered(levels(subject.known.astype("float64")), cell)


def covered(groups: np.ndarray, clusters: np.ndarray) -> bool:
    """Whether each group lies in one cluster, so that resampling keeps it together."""
    both = together([groups, clusters])
    return int(both.max()) == int(groups.max())


def surface(values: Sequence[np.ndarray]) -> np.ndarray:
    """All products of two logarithms of the variables, and the logarithms [points, terms]."""
    logs = [_unit(one) for one in values]
    squares = [a * b for i, a in enumerate(logs) for b in logs[i:]]
    return np.stack([*logs, *squares], axis=1)


def curves(model: Linear, values: np.ndarray) -> np.ndarray:
    """The first polynomials of log x that the law does not explain [points, SMOOTH at most]."""
    x = _unit(values)
    kept = np.empty((len(x), 0))
    for degree in range(1, 7):
        term = np.polynomial.Legendre.basis(degree)(x)
        column = term * model.weights
        column = column / np.linalg.norm(column)
        for space in (model.basis, model.new(kept) if kept.size else model.basis[:, :0]):
            column = column - space @ (space.T @ column)
        if np.linalg.norm(column) > NEW:
            kept = np.column_stack([kept, term])
        if kept.shape[1] == SMOOTH:
            break
    return kept


def _unit(values: np.ndarray) -> np.ndarray:
    """The logarithms, from -1 to 1."""
    log = np.log(values)
    return 2 * (log - log.min()) / max(float(np.ptp(log)), 1e-300) - 1


def largest(means: np.ndarray) -> float:
    """The mean of largest size, with its sign."""
    return float(means[np.argmax(np.abs(means))]) if len(means) else math.nan
