"""Planned cells: the points that a claim's law will be fitted to, with their runs and cost.

Runs that differ in their seed are one cell, and so are those of a sweep whose best value is chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .. import laws
from ..claims import parameter
from ..clustering import MODEL

SEEDS = ("seed", "data_seed")


@dataclass(frozen=True, eq=False)
class Cells:
    """x: variable of the law -> values [cells]; seeds, and cost of all runs in FLOP [cells].

    columns    variable of the law -> column of the run table
    tried      runs of a sweep per seed, of which one is chosen
    """

    x: Mapping[str, np.ndarray]
    seeds: np.ndarray
    cost: np.ndarray
    columns: Mapping[str, str]
    tried: float = 1.0

    def __len__(self) -> int:
        return len(self.seeds)

    def with_seeds(self, more: int) -> Cells:
        """The same with more seeds of each cell."""
        seeds = self.seeds + more
        return replace(self, seeds=seeds, cost=self.cost * seeds / self.seeds)

    def with_level(self, axis: str, value: float) -> Cells:
        """The same with one more level of an axis, at all that the other variables have there."""
        others = [name for name in self.x if name != axis]
        near = np.unique(self.x[axis])[np.argmin(np.abs(np.log(np.unique(self.x[axis]) / value)))]
        alike = self.x[axis] == near
        new = {name: self.x[name][alike] for name in others} | {
            axis: np.full(int(alike.sum()), value)
        }
        cost = self.cost[alike] * (value / near) ** self.slope(axis)
        x = {name: np.concatenate([self.x[name], new[name]]) for name in self.x}
        return replace(
            self,
            x=x,
            seeds=np.concatenate([self.seeds, self.seeds[alike]]),
            cost=np.concatenate([self.cost, cost]),
        )

    def slope(self, axis: str) -> float:
        """How fast the cost of a cell grows with an axis: d log cost / d log x."""
        return float(self._cost_law[list(self.x).index(axis)])

    def cost_at(self, x: Mapping[str, np.ndarray]) -> np.ndarray:
        """The cost of a seed, with its sweep, at other cells, from that of these [cells]."""
        law, at = self._cost_law, [np.log(values) for values in x.values()]
        middle = [np.log(values).mean() for values in self.x.values()]
        logs = law[-1] + sum(
            slope * (log - m) for slope, log, m in zip(law, at, middle, strict=False)
        )
        return np.exp(logs)

    @cached_property
    def _cost_law(self) -> np.ndarray:
        """Log cost of a seed as linear in log x: its slopes, and its mean."""
        logs = np.stack([np.log(values) for values in self.x.values()], axis=1)
        basis = np.column_stack([logs - logs.mean(axis=0), np.ones(len(logs))])
        return np.linalg.lstsq(basis, np.log(np.maximum(self.cost / self.seeds, 1e-300)), None)[0]

    @property
    def total(self) -> float:
        """The cost of all runs, in FLOP."""
        return float(self.cost.sum())


def of_rows(claim: Mapping[str, Any], rows: Any, choose: Sequence[str] = ()) -> Cells:
    """The cells of the rows of a claim's condition; of a sweep one run a seed is chosen."""
    roles = parameter.columns_of(claim)
    columns = dict(
        zip(
            laws.get(claim["law"]).variables,
            [column for role, column in roles.items() if role != "L"],
            strict=True,
        )
    )
    told = [n for n in map(str, rows.columns) if n.lower() in MODEL]
    keys = list(dict.fromkeys([*columns.values(), *told]))
    seeds = [name for name in SEEDS if name in rows]
    groups = rows.groupby(keys, dropna=False, sort=True)
    once = rows.drop_duplicates([*keys, *seeds]).groupby(keys, dropna=False, sort=True)
    index = groups.size().index.to_frame(index=False)
    cost = groups["C"].sum() if "C" in rows else groups.size()
    return Cells(
        {name: index[column].to_numpy(float) for name, column in columns.items()},
        once.size().to_numpy(float),
        cost.to_numpy(float),
        columns,
        float(len(rows) / max(once.size().sum(), 1)),
    )
