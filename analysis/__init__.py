"""Analysis: scaling laws fitted to the tables in `results/`, or to a CSV or Parquet of anyone's.

    from scaling_lab import analysis

    frame = analysis.load("runs.csv")
    table = analysis.checked(frame, {"N": "params", "D": "tokens", "L": "loss"})
    print(analysis.fit("chinchilla", table).summary())

Importing this package imports no jax, scipy or matplotlib: a name is looked up when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .fitting.fit import fit as fit
    from .fitting.result import Fit as Fit
    from .frontier.curves import envelope as envelope
    from .frontier.frontier import Frontier as Frontier
    from .frontier.frontier import optimal as optimal
    from .frontier.pairs import optimal_pairs as optimal_pairs
    from .studies.forecast import compare as compare
    from .tables import Table as Table
    from .tables import checked as checked
    from .tables import chosen as chosen
    from .tables import load as load

_HOME = {
    "Fit": "fitting.result",
    "fit": "fitting.fit",
    "compare": "studies.forecast",
    "envelope": "frontier.curves",
    "Frontier": "frontier.frontier",
    "optimal": "frontier.frontier",
    "optimal_pairs": "frontier.pairs",
    "Table": "tables",
    "checked": "tables",
    "chosen": "tables",
    "load": "tables",
}

__all__ = [
    "Fit",
    "Frontier",
    "Table",
    "checked",
    "chosen",
    "compare",
    "envelope",
    "fit",
    "load",
    "optimal",
    "optimal_pairs",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'scaling_lab.analysis' has no attribute '{name}'")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
