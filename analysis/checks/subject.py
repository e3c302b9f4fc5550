"""Subjects: what checks examine. A fit with its points, and an experiment with its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ..laws import Law

__all__ = ["Estimate", "Experiment", "Fitted", "Held"]


class Estimate(Protocol):
    """A parameter with its interval and standard error, NaN without a bootstrap."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def se(self) -> float: ...


@dataclass(frozen=True, eq=False)
class Held:
    """Rows that were held out, and what the law says of them.

    x           role -> values of a variable [held]
    residual    as in `Fitted` [held]
    jacobian    as in `Fitted` [held, free]
    draws       the bootstrap's values of the law, as a logarithm in log space [replicates, held]
    rows        the number of each point's row in the table [held]
    """

    condition: str
    x: Mapping[str, np.ndarray]
    residual: np.ndarray
    jacobian: np.ndarray
    draws: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class Fitted:
    """A law fitted to a table, as checks see it.

    x            role -> values of a variable [points]
    y            responses [points]
    fitted       the law at the points [points]
    residual     response over law as a logarithm, or response minus law [points]
    jacobian     derivatives of the residuals in the free coordinates [points, free]
    weights      weight of each point in the objective [points]
    noise        known standard deviation of each residual [points]; None if the table has none
    clusters     the cluster of each point, as an integer, that the intervals rest on [points]
    known        the same as the table gives it, not as residuals suggest it [points]
    rows         the number of each point's row in the table [points]
    source       the same rows with all columns of the table
    columns      role -> the table's column
    left_out     the rows that could not be used, as text; "" if there are none
    held         the held-out rows; None if none were held out
    """

    law: Law
    x: Mapping[str, np.ndarray]
    y: np.ndarray
    space: str
    fitted: np.ndarray
    residual: np.ndarray
    jacobian: np.ndarray
    weights: np.ndarray
    noise: np.ndarray | None
    clusters: np.ndarray
    known: np.ndarray
    rows: np.ndarray
    source: pd.DataFrame
    columns: Mapping[str, str]
    params: Mapping[str, Estimate]
    bounds: Mapping[str, tuple[float, float]]
    certificate: Mapping[str, Any]
    level: float = 0.95
    left_out: str = ""
    held: Held | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def free(self) -> int:
        """Number of parameters that are not fixed."""
        return self.jacobian.shape[1]


class Experiment(Protocol):
    """The tables of an experiment, as checks see them (`experiment_tables.Tables`)."""

    @property
    def runs(self) -> Any: ...
    @property
    def chosen(self) -> Any: ...
    @property
    def curves(self) -> Any: ...
    @property
    def families(self) -> Any: ...
    @property
    def loss(self) -> str: ...
