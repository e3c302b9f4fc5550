"""A prediction stated as a range of a parameter, so that its verdict can be computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import conditions
from .errors import LabError

__all__ = ["Claim"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The prediction that a law, fitted to the rows of `where`, has `parameter` in [low, high].

    law: a law of one variable, fitted to `loss` against column x (N, D or C); or the slug or title
    of a study in the report, such as "best_n", to use a parameter of the study (x is then ignored).
    where: a condition on the columns of the table, such as "N == N.max()"; empty for all.
    published: a value from the literature, with its `source`; shown beside ours, without effect on
    the verdict.
    kind: the kind of prediction, a file in analysis/claims/. The default is the one above; other
    kinds document the fields they read, and take further settings from `options`.
    """

    name: str
    kind: str = "parameter"
    law: str = ""
    x: str = ""
    parameter: str = ""
    low: float | None = None
    high: float | None = None
    where: str = ""
    loss: str = "best_test_loss"
    published: float | None = None
    source: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if self.where:
            try:
                conditions.parse(self.where)
            except LabError as error:
                raise LabError(f"claim '{self.name}': {error}") from error
        if self.kind == "parameter":
            needed = ("law", "parameter", "low", "high")
            if missing := [name for name in needed if getattr(self, name) in ("", None)]:
                raise LabError(f"claim '{self.name}' lacks {', '.join(missing)}; give each")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise LabError(
                f"claim '{self.name}': low is {self.low}, above high, {self.high}; swap them"
            )
        if (self.published is None) != (not self.source):
            raise LabError(f"claim '{self.name}': give both published and its source, or neither")
        if self.published is not None and not math.isfinite(self.published):
            raise LabError(f"claim '{self.name}': published is {self.published}; give a number")
