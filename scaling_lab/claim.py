"""A prediction as a range of a parameter, so that its verdict is computed and not written."""

from __future__ import annotations

import math
from dataclasses import dataclass

from . import conditions
from .errors import LabError

__all__ = ["Claim"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A prediction: the law, fitted to the points `where` holds, has `parameter` in [low, high].

    law: a law of one variable, fitted to `loss` against column x (N, D or C); or the title of what
    a report fits anyway, such as "Best N for each C", whose parameter is meant (x is not read).
    where: a condition on the columns of the table, such as "N == N.max()"; empty for all.
    published: the value that others found, by `source`; shown beside ours, and judges nothing.
    """

    name: str
    law: str
    x: str
    parameter: str
    low: float
    high: float
    where: str = ""
    loss: str = "best_test_loss"
    published: float | None = None
    source: str = ""

    def __post_init__(self):
        if self.where:
            try:
                conditions.parse(self.where)
            except LabError as error:
                raise LabError(f"claim '{self.name}': {error}") from error
        if (self.published is None) != (not self.source):
            raise LabError(f"claim '{self.name}': give both published and its source, or neither")
        if self.published is not None and not math.isfinite(self.published):
            raise LabError(f"claim '{self.name}': published is {self.published}; give a number")
