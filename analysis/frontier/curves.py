"""Curves: learning curves, their envelope (the least loss that any reached with compute C), its N.

The first approach of Hoffmann et al. 2022 (section 3.1): the learning curves of many sizes, the
least loss at each C, and power laws through the N and D that reached it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..tables import checked

GRID = 256  # values of C, evenly spaced in log C, at which learning curves are compared


def envelope(curves: pd.DataFrame) -> pd.DataFrame:
    """Lower envelope of learning curves: the points that no point with as little compute beats.

    `curves` has a row for each evaluation: C, the test loss (column L, else test_loss) and, if
    known, N, D and run, which are kept. The result is sorted by C and its L falls strictly; it is
    a running minimum, not a convex hull, so it claims no point that was not measured. As a minimum
    over noisy losses it lies below the expected loss by about the noise of one run.

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
    """Where along an envelope, of sizes N in order of C, its least and greatest N have no say.

    Where the smallest model is best a smaller one might be better still, and so at the other end:
    what holds of the frontier holds between.
    """
    between = np.zeros(len(sizes), dtype=bool)
    inside = np.flatnonzero((sizes > sizes.min()) & (sizes < sizes.max()))
    if len(inside):
        between[inside[0] : inside[-1] + 1] = True
    return between


def candidates(frame: Any) -> Any:
    """What may lie on the envelope: C, N, D, L and `member`, the number of the run; sorted by C, L.

    A run (a cluster of the frame) with losses at several C is a learning curve: it is read, by
    straight lines in logarithms, at GRID values of C that all curves share. A run with one loss
    stands for itself.
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
    whole: Any = pd.concat(parts, ignore_index=True)
    return whole.sort_values(["C", "L"], kind="stable", ignore_index=True)


def edge(points: Any, included: np.ndarray) -> np.ndarray:
    """Places of the inner envelope of those `candidates` whose members are included [members]."""
    loss = np.where(included[points["member"].to_numpy()], points["L"].to_numpy(), np.inf)
    lower = np.flatnonzero(_lower(loss))
    return lower[inner(points["N"].to_numpy()[lower])]


def _lower(loss: np.ndarray) -> np.ndarray:
    """Which losses, in order of C, are below all before them."""
    before = np.minimum.accumulate(np.append(np.inf, loss[:-1]))
    return loss < before


def _read(curve: Any, grid: np.ndarray) -> Any:
    """One learning curve at those of the grid's C that it spans."""
    rows = curve.groupby("C", as_index=False).mean()
    at = grid[(grid >= rows["C"].iloc[0]) & (grid <= rows["C"].iloc[-1])]
    log_at, log_C = np.log(at), np.log(rows["C"])
    read = {name: np.exp(np.interp(log_at, log_C, np.log(rows[name]))) for name in ("N", "D", "L")}
    return pd.DataFrame({"C": at, **read, "member": curve["member"].iloc[0]})
