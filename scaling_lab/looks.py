"""Looks: when a sequential experiment may look at its claims, and how sure it must be each time.

    looks = Looks(shares=(0.25, 0.5, 0.75, 1), budget=1e14, unit="FLOP")

Looking again and again at 95% intervals and stopping at a good one is wrong far more often than in
5%. So an error of 5% is spent over the looks that are registered before the first run: after a
share t of the budget, a(t) of it in all (Lan & DeMets 1983, "Discrete sequential boundaries for
clinical trials"), with

    pocock           a(t) = A ln(1 + (e - 1) t)
    obrien_fleming   a(t) = 2 - 2 Phi(z / sqrt(t)),  z the quantile of 1 - A / 2

A look gets what a(t) has grown by since the look before it, and its interval has the level 1 less
that. t is what is really spent: a look that comes late, for two shares together, or before the
budget is spent because no run is left, has the level of its own t. Without anything spent since the
look before there is no further look.

The parts add up to 5%, so that the probability that any interval of a claim misses is 5% at most,
whatever the dependence between looks (Bonferroni). That takes t as given. Which runs are chosen
depends on results, and t on what they cost: if every t were chosen to mislead as much as can be,
5.1% of the experiments would have such an interval with four looks and 5.3% with ten (normal means,
computed by `tests/test_looks.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

from .errors import LabError, unknown

__all__ = ["Looks"]

ERROR = 0.05  # in all, two-sided
SPENDING = ("pocock", "obrien_fleming")
UNITS = ("FLOP", "s")


@dataclass(frozen=True, kw_only=True)
class Looks:
    """The looks of an experiment: shares of a budget in FLOP, or in seconds of training.

    Raises LabError unless shares ascend from above 0 to 1 and the budget is positive.
    """

    budget: float
    unit: str = "FLOP"
    shares: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    spending: str = "pocock"

    def __post_init__(self):
        object.__setattr__(self, "shares", tuple(map(float, self.shares)))
        if self.unit not in UNITS:
            raise unknown("unit", self.unit, UNITS)
        if self.spending not in SPENDING:
            raise unknown("spending", self.spending, SPENDING)
        ends = (0.0, *self.shares)
        if not self.shares or self.shares[-1] != 1 or any(not a < b for a, b in pairwise(ends)):
            raise LabError(f"looks need shares that ascend from above 0 to 1, not {self.shares}")
        if not 0 < self.budget < math.inf:
            raise LabError(f"looks need a positive budget, not {self.budget}")

    def spent(self, share: float) -> float:
        """The error spent in all after that share of the budget."""
        if share <= 0:
            return 0.0
        if self.spending == "pocock":
            return ERROR * math.log(1 + (math.e - 1) * min(share, 1))
        normal = NormalDist()
        return 2 - 2 * normal.cdf(normal.inv_cdf(1 - ERROR / 2) / math.sqrt(min(share, 1)))

    def reached(self, spent: float) -> float:
        """The share of the budget that is spent, 1 at most."""
        return min(spent / self.budget, 1.0)

    def level(self, share: float, before: float = 0.0) -> float:
        """The level of the intervals of a look after that share; `before`: at the last look."""
        return 1 - (self.spent(share) - self.spent(before))

    def due(self, spent: float, before: float = 0.0) -> float | None:
        """The last share that has been reached, unless a look was taken there; else None.

        spent: of the budget, in its unit. Shares that were passed together get one look.
        """
        reached = [s for s in self.shares if spent >= s * self.budget * (1 - 1e-9)]
        return reached[-1] if reached and reached[-1] > before else None
