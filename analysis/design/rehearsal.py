"""Rehearsal: whole experiments simulated, fitted as results are, and judged with the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from .. import claims
from ..claims.verdict import HELD, REFUTED
from ..experiment_tables import tables
from .planned_cells import Cells
from .power import Side
from .tables_ahead import response


def rehearsed(
    claim: Mapping[str, Any],
    cells: Cells,
    side: Side,
    count: int,
    seed: int = 0,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> float:
    """The share of `count` simulated experiments whose verdict is held or refuted."""
    random = np.random.default_rng(seed)
    here = dict(claim) | {"where": "", "loss": "best_test_loss"}
    run, shared = (
        np.broadcast_to(part, len(side.theta)) for part in (side.noise.run, side.noise.cell)
    )
    words = []
    for _ in progress(range(count)):
        i = int(random.integers(len(side.theta)))
        mean = response(side.problem, side.theta[i])
        mean = mean + shared[i] * random.standard_normal(len(mean))
        rows = runs_of(cells)
        noise = run[i] * random.standard_normal(len(rows))
        rows["best_test_loss"] = np.exp(mean[rows.pop("cell").to_numpy()] + noise)
        rows["best_valid_loss"] = rows["best_test_loss"]
        made = tables(rows, pd.DataFrame(), ())
        words.append(claims.evaluate(here, made, {}, {}).word)
    return sum(word in (HELD, REFUTED) for word in words) / max(count, 1)


def runs_of(cells: Cells) -> pd.DataFrame:
    """A row for each run of the cells, as run tables have them, with the index of its cell."""
    index = np.repeat(np.arange(len(cells)), cells.seeds.astype(int))
    seed = np.concatenate([np.arange(int(count)) for count in cells.seeds])
    rows = pd.DataFrame({"cell": index, "seed": seed})
    for variable, column in cells.columns.items():
        rows[column] = cells.x[variable][index]
    for name in ("N", "D"):
        if name not in rows:
            rows[name] = 1e4  # fixed, so any number does
    rows["run"] = [f"r{i}" for i in range(len(rows))]
    return rows.assign(
        status="done", steps=1000, best_step=900, learning_rate=1e-3, batch_size=1, model=""
    )
