"""Analysis: scaling laws fitted to the tables in `results/`, or to a CSV or Parquet of anyone's.

    from scaling_lab import analysis

    frame = analysis.load("runs.csv")
    table = analysis.checked(frame, {"N": "params", "D": "tokens", "L": "loss"})
    print(analysis.fit("chinchilla", table).summary())

The names are those in `__all__` of the modules below. Importing this package imports no jax, scipy
or matplotlib: each name is imported when it is first used.
"""

from __future__ import annotations

from scaling_lab.exports import Exports

EXPORTS = Exports(
    __name__,
    __file__,
    core=(
        "fitting.fit",
        "fitting.result",
        "frontier.curves",
        "frontier.frontier",
        "frontier.pairs",
        "studies.forecast",
        "tables",
    ),
)
__getattr__, __dir__ = EXPORTS.get, EXPORTS.names
