"""IsoFLOP: runs of equal compute C and many sizes N, and the size of least loss at each budget.

The second approach of Hoffmann et al. 2022 (section 3.2). The loss at a budget against log N is
modelled by one of

    parabola    least squares of degree 2, as they did; biased, since the valley is asymmetric
    cubic       least squares of degree 3, which allows asymmetry
    akima       Akima's interpolant (1970) of the mean loss of each size, as Porian et al. 2024 did

and its minimum is sought between the smallest and the largest size. A budget without a minimum
there, in the table or in more than half of the resampled tables, is left out.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import Akima1DInterpolator

DEGREES = {"parabola": 2, "cubic": 3}
METHODS = (*DEGREES, "akima")
WITHIN = 1.2  # runs whose C lie within this factor share a budget
SAME_SIZE = 1.05  # sizes within this factor of the smallest of a group are one size
SIZES = 4  # the fewest sizes of a budget, unless no table has as many
FEWEST = {"parabola": 3, "cubic": 4, "akima": 4}  # sizes that determine a minimum
FINE = 25  # points between two sizes at which Akima's interpolant is evaluated


class Minima(NamedTuple):
    """The optimum at each budget: C, N, D, L [budgets].

    log_std     standard deviation of log N over replicates, at least a third of the mean step
                between sizes, divided by the share of replicates that have a minimum (as in Porian
                et al. 2024)
    draws       name -> [replicates, budgets], NaN where a replicate has no minimum
    left_out    (C, why) for each budget without an optimum
    """

    C: np.ndarray
    N: np.ndarray
    D: np.ndarray
    L: np.ndarray
    log_std: np.ndarray
    draws: dict[str, np.ndarray]
    left_out: list[tuple[float, str]]


def budgets(C: np.ndarray, N: np.ndarray, sizes: int = SIZES) -> np.ndarray:
    """The index of each row's budget, in order of C; -1 for a row without one.

    A budget is a window of C, WITHIN wide, with `sizes` sizes or more. The one with the most rows
    is taken first, and no other comes within a factor of WITHIN of it.
    """
    order = np.argsort(C, kind="stable")
    compute, size = C[order], _sizes(N)[order]
    free = np.ones(len(C), dtype=bool)
    found: list[np.ndarray] = []
    while free.sum() >= sizes:
        places = np.flatnonzero(free)
        low = compute[places]
        end = np.searchsorted(low, low * WITHIN, side="right")
        rows = end - np.arange(len(places))
        # Among windows with the same number of rows, take the narrowest.
        first = np.lexsort((low[end - 1] / low, -rows))[0]
        window = places[first : end[first]]
        if len(window) < sizes:
            break
        if len(np.unique(size[window])) < sizes:
            free[window] = False
            continue
        found.append(order[window])
        near = (compute[window[0]] / WITHIN, compute[window[-1]] * WITHIN)
        free &= (compute < near[0]) | (compute > near[1])
    number = np.full(len(C), -1)
    for place, rows in enumerate(sorted(found, key=lambda rows: C[rows].min())):
        number[rows] = place
    return number


def minima(frame: pd.DataFrame, method: str, weights: np.ndarray, losses: np.ndarray) -> Minima:
    """The optimum of each budget of `frame` (N, D, C, L, budget), by one of METHODS.

    `weights` and `losses` [replicates, rows] are how often a replicate has a row, and its loss.
    """
    kept: list[tuple[Any, ...]] = []
    left_out: list[tuple[float, str]] = []
    numbers, loss = frame["budget"].to_numpy(), frame["L"].to_numpy()
    for number in range(numbers.max() + 1):
        rows = np.flatnonzero(numbers == number)
        budget = Budget(frame["N"].to_numpy()[rows], frame["D"].to_numpy()[rows])
        C = float(np.exp(np.log(frame["C"].to_numpy()[rows]).mean()))
        N, L = budget.least(method, np.ones((1, len(rows))), loss[None, rows])
        drawn_N, drawn_L = budget.least(method, weights[:, rows], losses[:, rows])
        there = np.isfinite(drawn_N).sum()
        if np.isnan(N[0]):
            left_out.append((C, "no minimum between the smallest and the largest size"))
        elif 2 * there < len(drawn_N):
            left_out.append((C, "fewer than half of the resampled tables have a minimum"))
        else:
            kept.append((C, N[0], budget.data(N[0]), L[0], budget.log_std(drawn_N)))
            kept[-1] += (drawn_N, budget.data(drawn_N), drawn_L)
    if not kept:
        nothing = np.empty((len(weights), 0))
        draws = dict.fromkeys("NDL", nothing)
        return Minima(*[np.empty(0)] * 5, draws=draws, left_out=left_out)
    *columns, drawn_N, drawn_D, drawn_L = zip(*kept, strict=True)
    drawn = zip("NDL", (drawn_N, drawn_D, drawn_L), strict=True)
    draws = {name: np.stack(part, axis=1) for name, part in drawn}
    return Minima(*map(np.array, columns), draws=draws, left_out=left_out)


@dataclass(frozen=True, eq=False)
class Budget:
    """The runs of one budget: N and D [rows]."""

    N: np.ndarray
    D: np.ndarray

    @functools.cached_property
    def centre(self) -> float:
        """Halfway between the smallest and the largest size, in log N."""
        return float(np.log(self.N.min() * self.N.max()) / 2)

    @functools.cached_property
    def half(self) -> float:
        """Half the range of log N."""
        return float(np.log(self.N.max() / self.N.min()) / 2)

    @functools.cached_property
    def member(self) -> np.ndarray:
        """[rows, sizes]: 1 where the row has the size."""
        return np.eye(_sizes(self.N).max() + 1)[_sizes(self.N)]

    def place(self, N: np.ndarray) -> np.ndarray:
        """log N, from -1 at the smallest size to 1 at the largest."""
        return (np.log(N) - self.centre) / self.half

    def least(
        self, method: str, weights: np.ndarray, losses: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """N at the minimum and its loss [replicates]; NaN without a minimum inside the range."""
        if method == "akima":
            at, loss = self._least_akima(weights, losses)
        else:
            at, loss = _least_cubic(self.polynomial(weights, losses, DEGREES[method]))
        inside = np.abs(at) < 1
        N = np.exp(self.centre + self.half * np.where(inside, at, np.nan))
        return N, np.where(inside, loss, np.nan)

    def curve(self, method: str, losses: np.ndarray, N: np.ndarray) -> np.ndarray:
        """The method's curve through losses [rows], evaluated at sizes N."""
        one = np.ones((1, len(losses)))
        if method == "akima":
            means = one[0] * losses @ self.member / self.member.sum(axis=0)
            return Akima1DInterpolator(self.place(self._sized()), means)(self.place(N))
        (found,) = self.polynomial(one, losses[None], DEGREES[method])
        return np.polyval(found[::-1], self.place(N))

    def polynomial(self, weights: np.ndarray, losses: np.ndarray, degree: int) -> np.ndarray:
        """Coefficients [replicates, 4], constant first; NaN if there are too few sizes."""
        powers = self.place(self.N)[:, None] ** np.arange(degree + 1)
        gram = np.einsum("rn,ni,nj->rij", weights, powers, powers)
        target = (weights * losses) @ powers
        enough = (weights @ self.member > 0).sum(axis=1) > degree
        found = np.full((len(weights), 4), np.nan)
        found[enough, degree + 1 :] = 0
        solved = np.linalg.solve(gram[enough], target[enough][..., None])
        found[enough, : degree + 1] = solved[..., 0]
        return found

    def data(self, N: np.ndarray | float) -> np.ndarray:
        """D at sizes N, interpolated linearly in logarithms."""
        order = np.argsort(self.N)
        return np.exp(np.interp(np.log(N), np.log(self.N[order]), np.log(self.D[order])))

    def log_std(self, drawn: np.ndarray) -> float:
        """Standard deviation of log N over replicates; see Minima."""
        there = drawn[np.isfinite(drawn)]
        least = 2 * self.half / (self.member.shape[1] - 1) / 3
        return max(float(np.log(there).std()), least) * len(drawn) / len(there)

    def _sized(self) -> np.ndarray:
        """The sizes [sizes]: the geometric mean of N over the rows of each."""
        return np.exp(np.log(self.N) @ self.member / self.member.sum(axis=0))

    def _least_akima(
        self, weights: np.ndarray, losses: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        at, loss = np.full(len(weights), np.nan), np.full(len(weights), np.nan)
        counted = weights @ self.member
        sizes = self.place(self._sized())
        # SciPy interpolates many curves at once if they share their sizes.
        patterns, which = np.unique(counted > 0, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            mine = np.flatnonzero(which.ravel() == number)
            if pattern.sum() < 3:
                continue
            means = ((weights[mine] * losses[mine]) @ self.member)[:, pattern]
            curves = Akima1DInterpolator(sizes[pattern], (means / counted[mine][:, pattern]).T)
            through = sizes[pattern]
            fine = np.unique(np.linspace(through[:-1], through[1:], FINE + 1))
            read = curves(fine)
            least = read.argmin(axis=0)
            inside = (least > 0) & (least < len(fine) - 1)
            at[mine] = np.where(inside, fine[least], np.nan)
            loss[mine] = read.min(axis=0)
        return at, loss


def _least_cubic(coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place and value of the minimum of polynomials up to degree 3 [replicates, 4]."""
    level, slope, bend, skew = coefficients.T
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(bend**2 - 3 * skew * slope)
        # Of the two forms of the root, use the one without cancellation.
        at = np.where(bend > 0, -slope / (bend + root), (root - bend) / (3 * skew))
        return at, level + at * (slope + at * (bend + at * skew))


def count_sizes(N: np.ndarray) -> int:
    """The number of sizes among N."""
    return int(_sizes(N).max()) + 1


def _sizes(N: np.ndarray) -> np.ndarray:
    """The index of each N's size, in increasing order."""
    number, first, count = np.empty(len(N), dtype=int), 0.0, -1
    for place in np.argsort(N, kind="stable"):
        if N[place] > SAME_SIZE * first:
            first, count = N[place], count + 1
        number[place] = count
    return number
