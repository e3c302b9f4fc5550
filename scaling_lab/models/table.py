"""A table with a row for each item: what a learner knows of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import jax
from flax import linen as nn

from ..counting import Cost
from ..data import Spec
from ..errors import LabError
from ..registry import register


class Network(nn.Module):
    """item_B -> row_BV."""

    rows: int
    outputs: int

    @nn.compact
    def __call__(self, item_B: jax.Array) -> jax.Array:
        return nn.Embed(self.rows, self.outputs, name="table")(item_B)


@register("model", "table")
@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows for the first `rows` items; later items have none."""

    rows: int = 1_024

    reads: ClassVar[str] = "items"

    def __post_init__(self):
        if self.rows < 1:
            raise LabError(f"table has {self.rows} rows; give 1 or more")

    def network(self, outputs: int) -> nn.Module:
        return Network(self.rows, outputs)

    def cost(self, spec: Spec) -> Cost:
        """A look-up costs nothing."""
        N = {"embedding": self.rows * spec.outputs, "matmul": 0, "head": 0, "other": 0}
        return Cost(N=N, forward={})

    def sized(self, n: float, spec: Spec) -> Table:
        """The number of rows that brings it nearest to n parameters."""
        return dataclasses.replace(self, rows=max(1, round(n / spec.outputs)))
