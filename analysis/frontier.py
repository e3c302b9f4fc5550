"""Frontier: the least loss that any model reached with compute C."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .tables import checked


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
    before = np.minimum.accumulate(np.append(np.inf, loss[:-1]))
    lower = loss < before
    kept = [name for name in ("N", "D", "run") if name in curves.columns]
    found = curves[kept].iloc[row[lower] - 1].reset_index(drop=True)
    found.insert(0, "C", compute[lower])
    found["L"] = loss[lower]
    return found
