"""A prediction stated so that its verdict can be computed."""

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
    """One number of a prediction, by default: `parameter` of `law`, fitted to `loss` against x.

    kind      the kind of prediction, a file in analysis/claims/, which says which of the fields
              below it reads; it takes further settings from `options`
    law       a law, or the slug or title of a study in the report, such as "best_n"
    x         the column of a law of one variable: N, D or C
    where     a condition on the columns of the run table, such as "N == N.max()"; empty for all
    against   the same for the other side of a comparison
    at        column -> value: the point at which a value is predicted
    low, high the predicted range; None leaves an end open
    margin    the largest difference that still counts as none
    quantity  the expected size of what a margin, or a range around 0, is to be small beside
    theory    a file in analysis/theory/, whose curve is predicted
    event     a condition that holds for some runs, whose share is predicted
    source    where the predicted range, or the published value, comes from
    reason    why a range is wider than a factor of two, or why `gate` asks for less than usual
    gate      threshold of the gate -> value that replaces the default
    published a value from the literature; shown beside ours, without effect on the verdict
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
    against: str = ""
    at: Mapping[str, float] = field(default_factory=dict)
    margin: float | None = None
    quantity: float | None = None
    theory: str = ""
    event: str = ""
    reason: str = ""
    gate: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self):
        for text in (self.where, self.against, self.event):
            if text:
                try:
                    conditions.parse(text)
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
        if self.published is not None and not self.source:
            raise LabError(f"claim '{self.name}': give the source of published, {self.published}")
        for name in ("published", "margin", "quantity", "low", "high"):
            value = getattr(self, name)
            if value is not None and math.isnan(value):
                raise LabError(f"claim '{self.name}': {name} is {value}; give a number")
        if self.published is not None and not math.isfinite(self.published):
            raise LabError(f"claim '{self.name}': published is {self.published}; give a number")
        if self.margin is not None and not 0 < self.margin < math.inf:
            raise LabError(f"claim '{self.name}': margin is {self.margin}; give one above 0")
        if self.gate and not self.reason:
            raise LabError(
                f"claim '{self.name}' changes the gate ({', '.join(self.gate)}); say why in reason"
            )
