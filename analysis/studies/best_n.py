"""The best N for each compute C, by every approach that the runs allow."""

from __future__ import annotations

from contextlib import suppress

import pandas as pd

from scaling_lab.errors import LabError

from ..experiment_tables import Tables, needs
from ..fitting.fit import fit
from ..frontier.frontier import Frontier, even, optimal
from ..tables import Table, checked

SLUG = "best_n"
TITLE = "Best N for each C"
LAW = "chinchilla"
BOOTSTRAP = 200


def analyse(tables: Tables) -> Frontier:
    """Find N*(C) from runs that share budgets, from learning curves, and from a law of N and D.

    The law is fitted only if C is proportional to N D. Raises LabError if N, C or the loss is
    missing, or if no approach applies.
    """
    needs(tables.chosen, ("N", "C", tables.loss), "the frontier")
    roles = [role for role in ("N", "D", "C") if _has(tables.chosen, role)]
    table = checked(tables.chosen, {role: role for role in roles} | {"L": tables.loss})
    curves, law = None, None
    with suppress(LabError):  # the learning curves may not have been kept
        curves = _curves(tables)
    if "D" in roles and len(set(table.frame["D"])) > 2 and even(table.frame):
        with suppress(LabError):  # there may be too few runs for a law of both
            columns = {"N": "N", "D": "D", "L": tables.loss}
            law = fit(LAW, checked(tables.chosen, columns), bootstrap=BOOTSTRAP)
    return optimal(table, law, curves=curves, bootstrap=BOOTSTRAP)


def _curves(tables: Tables) -> Table:
    """The learning curves as a table of N, C and L, clustered by curve.

    D is left out: the data seen at each point of a curve follows from C and N.
    """
    means = tables.mean_curves()
    by = [name for name in ("N", "D") if name in means]
    curve = means[by].astype(str).agg("/".join, axis=1)
    columns = {"N": "N", "C": "C", "L": "L"}
    return checked(means.assign(curve=curve), columns, cluster="curve")


def _has(frame: pd.DataFrame, name: str) -> bool:
    return name in frame and frame[name].notna().any()
