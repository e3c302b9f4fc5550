"""Studies: what is made of an experiment's tables as a whole, beside its claims and slices.

Each takes the tables of an experiment and gives a result with `card()`, as a fit has; it raises
LabError where the tables have nothing for it, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scaling_lab.errors import LabError

from .figures import COUNTING, FORECAST, OPTIMA, Tables, needs

if TYPE_CHECKING:
    from .conventions import Counted
    from .forecast import Comparison
    from .frontier import Frontier

LAW = "chinchilla"
LAWS = ("chinchilla",)
BOOTSTRAP = 200


def frontier(tables: Tables) -> Frontier:
    """The best N for each C: from the runs where they share budgets, from their learning curves,
    and from a law of N and D where C goes as N D."""
    from . import fitting, laws
    from .frontier import optimal
    from .tables import checked

    needs(tables.chosen, ("N", "C", tables.loss), "the frontier")
    roles = {role: role for role in ("N", "D", "C") if _has(tables.chosen, role)}
    table = checked(tables.chosen, roles | {"L": tables.loss})
    try:
        only = checked(tables.chosen, {role: role for role in "ND"} | {"L": tables.loss})
        fit = fitting.fit(laws.get(LAW), only, bootstrap=BOOTSTRAP)
    except LabError:
        fit = None  # without D, or with too few runs, there is no law of both
    try:
        curves = _curves(tables)
    except LabError:
        curves = None  # no curves were kept
    return optimal(table, fit, curves=curves, bootstrap=BOOTSTRAP)


def forecast(tables: Tables) -> Comparison:
    """Laws of N and D fitted to the runs of less compute and judged on a fifth, those of most."""
    from .forecast import compare
    from .tables import checked

    needs(tables.chosen, ("N", "D", "C", tables.loss), "a forecast")
    table = checked(tables.chosen, {role: role for role in "NDC"} | {"L": tables.loss})
    cut = float(table.frame["C"].quantile(0.8, "lower"))
    return compare(LAWS, table, f"C > {cut:.17g}")


def conventions(tables: Tables) -> Counted:
    """Exponents under each way of counting that the run table's parts allow."""
    from .conventions import side_by_side

    needs(tables.chosen, ("N", "D", "C", tables.loss), "conventions of counting")
    return side_by_side(tables.chosen, tables.loss, law=LAW, bootstrap=BOOTSTRAP)


def _curves(tables: Tables) -> Any:
    from .tables import checked

    means = tables.mean_curves()
    by = [name for name in ("N", "D") if name in means]
    run = means[by].astype(str).agg("/".join, axis=1)
    roles = {name: name for name in (*by, "C")} | {"L": "test_loss"}
    return checked(means.assign(curve=run), roles, cluster="curve")


def _has(frame: Any, name: str) -> bool:
    return name in frame and frame[name].notna().any()


STUDIES: dict[str, Callable[[Tables], Any]] = {
    OPTIMA: frontier,
    FORECAST: forecast,
    COUNTING: conventions,
}
