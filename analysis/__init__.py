"""Analysis: scaling laws fitted to the tables in `results/`, or to any CSV or Parquet file.

    from scaling_lab import analysis

    frame = analysis.load("runs.csv")
    table = analysis.checked(frame, {"N": "params", "D": "tokens", "L": "loss"})
    print(analysis.fit("chinchilla", table).summary())

The names are those in `__all__` of the modules below. Each is imported when it is first used, so
that importing this package imports neither jax nor scipy nor matplotlib.
"""

from __future__ import annotations

from scaling_lab.exports import Exports

EXPORTS = Exports(
    __name__,
    __file__,
    core=(
        "design.next_runs",
        "design.proposal",
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
