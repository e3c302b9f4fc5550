"""Doubling times of training compute, by least squares of log compute on date.

The interval is the reciprocal of the slope's, for independent normal residuals (Student's t). The
systems of a trend are not independent, so the true uncertainty is larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from scaling_lab.errors import LabError

from ..tables import load

YEAR = 365.25  # days
NAMES = {
    "date": ("date", "Publication date", "publication_date"),
    "flop": ("flop", "Training compute (FLOP)", "overall_peta_flop_days"),
    "system": ("system", "Model", "result"),
}
UNITS = {"overall_peta_flop_days": 8.64e19}


@dataclass(frozen=True)
class Doubling:
    """The doubling time of compute in months, with its interval, and the fitted line.

    log2(FLOP) = intercept + slope x year. `high` is infinite if the data allow no growth.
    """

    months: float
    low: float
    high: float
    systems: int
    slope: float
    intercept: float

    def flop(self, year: np.ndarray | float) -> np.ndarray | float:
        """The fitted line at dates in years, such as 2022.0."""
        return 2.0 ** (self.intercept + self.slope * np.asarray(year, float))

    def __str__(self) -> str:
        return (
            f"doubles every {self.months:.2f} months "
            f"({self.low:.2f} to {self.high:.2f}, {self.systems} systems)"
        )


def fit(table: pd.DataFrame, level: float = 0.95) -> Doubling:
    """Least squares of log2(flop) on date. Raises LabError for fewer than three systems."""
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    if len(table) < 3 or table["date"].nunique() < 2:
        raise LabError(
            f"a doubling time needs three systems at two or more dates; there are {len(table)}"
        )
    x, y = years(table["date"]), np.log2(table["flop"].to_numpy(float))
    middle, spread = x.mean(), ((x - x.mean()) ** 2).sum()
    slope = ((x - middle) * y).sum() / spread
    residuals = y - y.mean() - slope * (x - middle)
    error = math.sqrt((residuals**2).sum() / (len(x) - 2) / spread)
    half = float(stdtrit(len(x) - 2, (1 + level) / 2)) * error
    low = 12 / (slope + half) if slope + half > 0 else math.inf
    high = 12 / (slope - half) if slope - half > 0 else math.inf
    return Doubling(
        float(12 / slope), low, high, len(x), float(slope), float(y.mean() - slope * middle)
    )


def record_setters(table: pd.DataFrame) -> pd.DataFrame:
    """The systems that took more compute than any before them."""
    ordered = table.sort_values("date", kind="stable")
    before = ordered["flop"].cummax().shift(fill_value=0.0)
    return ordered[ordered["flop"] > before].reset_index(drop=True)


def between(table: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    """The systems of the years from `first` to `last`, inclusive."""
    year = table["date"].dt.year
    return table[(year >= first) & (year <= last)].reset_index(drop=True)


def read(path: str | Path) -> pd.DataFrame:
    """A table of systems (system, date, flop) from Epoch's CSV, OpenAI's, or one of that form.

    Rows without compute or date are dropped. Raises LabError if a column is missing or no row is
    left.
    """
    frame = load(path)
    columns = {}
    for role, known in NAMES.items():
        here = [name for name in known if name in frame.columns]
        if not here:
            raise LabError(
                f"{path} has no column for the {role}; name it {' or '.join(map(repr, known))}"
            )
        columns[role] = here[0]
    compute = np.asarray(pd.to_numeric(frame[columns["flop"]], errors="coerce"), float)
    table = pd.DataFrame(
        {
            "system": frame[columns["system"]].astype(str),
            "date": pd.to_datetime(frame[columns["date"]], errors="coerce", format="ISO8601"),
            "flop": compute * UNITS.get(columns["flop"], 1.0),
        }
    )
    table = table[table["date"].notna() & (table["flop"] > 0) & np.isfinite(table["flop"])]
    if table.empty:
        raise LabError(
            f"{path} has no row with a date and compute; give dates such as 2018-05-16 and FLOP > 0"
        )
    return table.sort_values("date", kind="stable").reset_index(drop=True)


def years(dates: pd.Series) -> np.ndarray:
    """Dates as decimal years: 2022.0 is 1 January 2022."""
    since = (dates - pd.Timestamp("2000-01-01")).dt.total_seconds() / 86_400
    return 2000 + since.to_numpy(float) / YEAR
