"""Studies: what is made of an experiment's tables as a whole, beside its claims and slices.

Each takes the tables of an experiment and gives a result with `card()`, as a fit has; it raises
LabError where the tables have nothing for it, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_lab.errors import LabError

from ..experiment_tables import ARCHITECTURES, COUNTING, FORECAST, OPTIMA, Tables, needs

if TYPE_CHECKING:
    from ..frontier.frontier import Frontier
    from .architectures import Architectures
    from .conventions import Counted
    from .forecast import Comparison

LAW = "chinchilla"
LAWS = ("chinchilla", "kaplan_nd")
BOOTSTRAP = 200


def frontier(tables: Tables) -> Frontier:
    """The best N for each C: from the runs where they share budgets, from their learning curves,
    and from a law of N and D where C goes as N D."""
    from ..fitting.fit import fit
    from ..frontier.frontier import even, optimal
    from ..tables import checked

    needs(tables.chosen, ("N", "C", tables.loss), "the frontier")
    roles = [role for role in ("N", "D", "C") if _has(tables.chosen, role)]
    table = checked(tables.chosen, {role: role for role in roles} | {"L": tables.loss})
    curves, law = None, None
    with suppress(LabError):  # curves may not have been kept
        curves = _curves(tables)
    if "D" in roles and len(set(table.frame["D"])) > 2 and even(table.frame):
        with suppress(LabError):  # the runs may be too few for a law of both
            columns = {"N": "N", "D": "D", "L": tables.loss}
            law = fit(LAW, checked(tables.chosen, columns), bootstrap=BOOTSTRAP)
    return optimal(table, law, curves=curves, bootstrap=BOOTSTRAP)


def forecast(tables: Tables) -> Comparison:
    """Laws of N and D fitted to the runs of less compute and judged on a fifth, those of most."""
    from ..tables import checked
    from .forecast import compare

    needs(tables.chosen, ("N", "D", "C", tables.loss), "a forecast")
    table = checked(tables.chosen, {role: role for role in "NDC"} | {"L": tables.loss})
    cut = float(np.quantile(table.frame["C"], 0.8, method="lower"))
    return compare(LAWS, table, f"C > {cut:.17g}")


def conventions(tables: Tables) -> Counted:
    """Exponents under each way of counting that the run table's parts allow."""
    from .conventions import compare

    needs(tables.chosen, ("N", "D", "C", tables.loss), "conventions of counting")
    return compare(tables.chosen, tables.loss, law=LAW, bootstrap=BOOTSTRAP)


def architectures(tables: Tables) -> Architectures:
    """Exponents of each family of models, and how they differ."""
    from .architectures import compare

    needs(tables.families, ("family", "N", tables.loss), "a comparison of architectures")
    first = str(tables.chosen["family"].iloc[0])
    return compare(tables.families, tables.loss, first, bootstrap=BOOTSTRAP)


def _curves(tables: Tables) -> Any:
    """The learning curves; their D is what they have seen by then, which C and N tell."""
    from ..tables import checked

    means = tables.mean_curves()
    by = [name for name in ("N", "D") if name in means]
    run = means[by].astype(str).agg("/".join, axis=1)
    columns = {"N": "N", "C": "C", "L": "L"}
    return checked(means.assign(curve=run), columns, cluster="curve")


def _has(frame: Any, name: str) -> bool:
    return name in frame and frame[name].notna().any()


STUDIES: dict[str, Callable[[Tables], Any]] = {
    OPTIMA: frontier,
    FORECAST: forecast,
    COUNTING: conventions,
    ARCHITECTURES: architectures,
}


def studied(name: str, frame: Tables, fits: Mapping[str, Any]) -> Any:
    """The study of that name: from the fits, else made now. Raises LabError if none can be."""
    from . import registry

    return fits[name] if name in fits else registry.STUDIES[name](frame)
