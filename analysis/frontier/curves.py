"""Curves: learning curves and their lower envelope, the least loss reached with compute C.

The first approach of Hoffmann et al. 2022 (section 3.1): the learning curves of many sizes, the
least loss at each C, and power laws through the N and D that reached it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..tables import checked

__all__ = ["envelope"]

GRID = 256  # values of C, evenly spaced in log C, at which learning curves are compared


def envelope(curves: pd.DataFrame) -> pd.DataFrame:
    """Lower envelope of learning curves: the points with less loss than all with less compute.

    `curves` has a row for each evaluation: C, the test loss (column L, else test_loss) and, if
    known, N, D and run, which are kept. The result is sorted by C and L decreases strictly. It is
    a running minimum, not a convex hull, so every point was measured. As a minimum over noisy
    losses it lies below the expected loss by about the noise of one run.

    Raises LabError if a column is missing or no point can be used.
    """
    roles = {"C": "C", "L": "L" if "L" in curves.columns else "test_loss"}
    points = checked(curves, roles).frame.sort_values(["C", "L"], kind="stable")
    compute, loss, row = (points[name].to_numpy() for name in ("C", "L", "row"))
    lower = _lower(loss)
    kept = [name for name in ("N", "D", "run") if name in curves.columns]
    found = curves[kept].iloc[row[lower] - 1].reset_index(drop=True)
    found.insert(0, "C", compute[lower])
    found["L"] = loss[lower]
    return found


def inner(sizes: np.ndarray) -> np.ndarray:
    """Mask of the interior of an envelope, whose sizes N are given in order of C.

    Where the grid's smallest model is best, a smaller one might be better still, and likewise at
    the other end. So only optima strictly between the smallest and the largest N count.
    """
    between = np.zeros(len(sizes), dtype=bool)
    inside = np.flatnonzero((sizes > sizes.min()) & (sizes < sizes.max()))
    if len(inside):
        between[inside[0] : inside[-1] + 1] = True
    return between


def candidates(frame: pd.DataFrame) -> pd.DataFrame:
    """Points that may lie on the envelope: C, N, D, L and `member`, the run's index, by C, then L.

    A run (a cluster of the frame) with losses at several C is a learning curve: it is interpolated,
    linearly in logarithms, at GRID values of C common to all curves. A run with a single loss is
    used as it is.
    """
    runs = frame["cluster"] if "cluster" in frame else pd.Series(np.arange(len(frame)))
    member, _ = pd.factorize(runs)
    points = frame[["C", "N", "D", "L"]].assign(member=member)
    long = points.groupby("member")["C"].transform("nunique") > 1
    parts = [points[~long]]
    if long.any():
        ends = points["C"][long]
        grid = np.geomspace(ends.min(), ends.max(), GRID)
        parts += [_read(rows, grid) for _, rows in points[long].groupby("member")]
    whole = pd.concat(parts, ignore_index=True)
    return whole.sort_values(["C", "L"], kind="stable", ignore_index=True)


def edge(points: Mapping[str, np.ndarray], included: np.ndarray) -> np.ndarray:
    """Indices of the interior envelope of the `candidates` whose run is `included` [members].

    `points` are the candidates' columns, as arrays.
    """
    loss = np.where(included[points["member"]], points["L"], np.inf)
    lower = np.flatnonzero(_lower(loss))
    return lower[inner(points["N"][lower])]


def _lower(loss: np.ndarray) -> np.ndarray:
    """Which losses, in order of C, are below all earlier ones."""
    before = np.minimum.accumulate(np.append(np.inf, loss[:-1]))
    return loss < before


def _read(curve: pd.DataFrame, grid: np.ndarray) -> pd.DataFrame:
    """A learning curve interpolated at the values of `grid` within its range of C."""
    rows = curve.groupby("C", as_index=False).mean()
    at = grid[(grid >= rows["C"].iloc[0]) & (grid <= rows["C"].iloc[-1])]
    log_at, log_C = np.log(at), np.log(rows["C"])
    read = {name: np.exp(np.interp(log_at, log_C, np.log(rows[name]))) for name in ("N", "D", "L")}
    return pd.DataFrame({"C": at, **read, "member": curve["member"].iloc[0]})
