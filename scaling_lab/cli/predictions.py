"""The claims of an experiment, held against its grid before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..engine.cost_check import Report
    from ..experiment import Experiment
    from ..grid import GridPoint


def check(found: Experiment, cells: Sequence[GridPoint], costs: Report) -> list[str]:
    """A line for each claim that the experiment's grid cannot decide.

    cells: the runs that are asked for; costs: what the check of their costs found. Raises LabError
    for a claim that names what does not exist, that cannot fail, or that the grid makes true.
    """
    if not found.claims:
        return []
    import pandas as pd

    from ..analysis import claims
    from ..engine import rows

    columns = rows.columns(cells, costs.metrics)
    every = [asdict(claim) for claim in found.claims]
    for claim in every:
        # If a learner's metrics are not known before it runs, any metric name may be right.
        unknown = not costs.complete and str(claim.get("loss")).startswith(rows.METRICS)
        claims.check(claim, columns | {claim["loss"]} if unknown else columns)
    # Claims are about the whole grid, also if a part of it is asked for.
    table = pd.DataFrame(rows.planned(found.cells))
    lines = []
    for claim in every:
        if short := claims.plan(claim, table):
            said = "; ".join(f"{one.name}: {one.found} (needed: {one.needed})" for one in short)
            lines.append(f"claim '{claim['name']}' cannot be decided by this grid: {said}")
    return lines
