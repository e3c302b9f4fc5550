"""Problem: the points of one fit, and the coordinates in which its parameters are optimised.

Scales, places and levels are optimised as logarithms, exponents and reals as they are. Then log A
and alpha covary linearly, and every bound is a side of a box.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from scaling_lab.errors import LabError, unknown

from ..laws import Kind, Law, Level, Place, Real, Scale
from .mixing import Mixing

BEYOND = 5.0  # factor by which a positive parameter may leave the range of its starts


@dataclass(frozen=True, eq=False)
class Problem:
    """The points of one fit: variables x and responses y [points].

    space     "log" or "raw": residuals are log law - log y, or law - y
    weight    weight of each point in the objective
    noise     known standard deviation of each residual, which divides it
    bounds    name -> (low, high) in the table's units; equal ends fix the parameter
    mixing    how the errors of clusters are removed; None: rows are independent
    """

    law: Law
    x: Mapping[str, np.ndarray]
    y: np.ndarray
    space: str = "log"
    weight: np.ndarray | None = None
    noise: np.ndarray | None = None
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    mixing: Mixing | None = None

    def __len__(self) -> int:
        return len(self.y)

    @functools.cached_property
    def weights(self) -> np.ndarray:
        """Weight of each point in the objective [points]."""
        return np.ones(len(self)) if self.weight is None else self.weight

    @functools.cached_property
    def sharpness(self) -> np.ndarray:
        """What residuals are multiplied by: the inverse of the known noise [points]."""
        return np.ones(len(self)) if self.noise is None else 1 / self.noise

    @functools.cached_property
    def level(self) -> float:
        """The scale of the response: its geometric mean, or root mean square if signs differ."""
        if self.y.min() > 0:
            return float(np.exp(np.log(self.y).mean()))
        return float(np.sqrt(np.mean(self.y**2))) or 1.0

    @functools.cached_property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Ranges of starts, name -> (low, high) in the table's units, for all but the scales.

        A range is clipped to the caller's bounds; if none of it lies inside, the bounds replace it.
        """
        given = self.law.starts(self.x, self.y) if self.law.starts else {}
        found = {}
        for name in self.law.nonlinear:
            kind = self.law.parameters[name]
            assert not isinstance(kind, Scale)
            unit = self._unit(kind)
            low, high = given.get(name, (kind.low * unit, kind.high * unit))
            if name in self.bounds:
                bound = self.bounds[name]
                low, high = (float(np.clip(end, *bound)) for end in (low, high))
                if low == high and all(map(math.isfinite, bound)):
                    low, high = bound
            if not isinstance(kind, Real):
                low, high = max(low, 1e-300), max(high, 1e-300)
            found[name] = (low, high)
        return found

    def part(self, rows: np.ndarray | slice) -> Problem:
        """The same problem with some of its points."""
        some = {name: values[rows] for name, values in self.x.items()}
        weight, noise = (None if v is None else v[rows] for v in (self.weight, self.noise))
        return dataclasses.replace(self, x=some, y=self.y[rows], weight=weight, noise=noise)

    def merged(
        self, x: Mapping[str, np.ndarray], y: np.ndarray, noise: np.ndarray, mixing: Mixing | None
    ) -> Problem:
        """The same law, coordinates and box, with other points of weight one."""
        other = dataclasses.replace(self, x=x, y=y, weight=None, noise=noise, mixing=mixing)
        other.__dict__["ranges"] = self.ranges  # the box is that of the original points
        return other

    def spread(self, unit: np.ndarray) -> np.ndarray:
        """Nonlinear parameters at positions 0 to 1 within their ranges [..., nonlinear]."""
        found = []
        for i, name in enumerate(self.law.nonlinear):
            low, high = self.ranges[name]
            if isinstance(self.law.parameters[name], Real):
                found.append(low + unit[..., i] * (high - low))
            else:
                found.append(low * (high / low) ** unit[..., i])
        return np.stack(found, axis=-1) if found else np.empty(unit.shape)

    def _unit(self, kind: Kind) -> float:
        """The unit of a parameter's range of starts."""
        if isinstance(kind, Place):
            return float(np.exp(np.log(self.x[kind.variable]).mean()))
        return self.level if isinstance(kind, Level) else 1.0

    @functools.cached_property
    def logarithmic(self) -> np.ndarray:
        """Which coordinates are logarithms [parameters]."""
        kinds = self.law.parameters.values()
        return np.array([isinstance(kind, Scale | Place | Level) for kind in kinds])

    @functools.cached_property
    def scales(self) -> np.ndarray:
        """Which parameters are scales [parameters]."""
        return np.array([isinstance(kind, Scale) for kind in self.law.parameters.values()])

    @functools.cached_property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest coordinates [parameters]: the caller's bounds, or the default reach.

        If the data do not determine an exponent, the optimum lies towards a step or a constant,
        where coefficients overflow. So positive parameters stay within a factor BEYOND of the range
        of their starts.
        """
        ends = []
        for name, kind in self.law.parameters.items():
            if isinstance(kind, Scale | Real):
                reach = (0.0 if isinstance(kind, Scale) else -math.inf, math.inf)
            else:
                low, high = self.ranges[name]
                reach = (low / BEYOND, high * BEYOND)
            ends.append(self.bounds.get(name, reach))
        low, high = np.array(ends, dtype="float64").reshape(-1, 2).T
        return self.coordinates(low), self.coordinates(high)

    def coordinates(self, values: np.ndarray) -> np.ndarray:
        """Coordinates from parameters in the table's units [..., parameters]."""
        with np.errstate(divide="ignore"):
            return np.where(self.logarithmic, np.log(np.maximum(values, 0)), values)

    def values(self, theta: np.ndarray) -> np.ndarray:
        """Parameters in the table's units from coordinates [..., parameters]."""
        with np.errstate(over="ignore"):
            return np.where(self.logarithmic, np.exp(np.where(self.logarithmic, theta, 0)), theta)

    def named(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """The same, by parameter: name -> [...]."""
        return dict(zip(self.law.parameters, np.moveaxis(self.values(theta), -1, 0), strict=True))

    @property
    def free(self) -> int:
        """Number of parameters that are not fixed."""
        low, high = self.box
        return int((low < high).sum())


def checked_bounds(
    law: Law, bounds: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """The bounds as floats, clipped to positive values for positive parameters.

    Raises LabError for an unknown parameter, or bounds that are not low <= high or cannot be met.
    """
    found = {}
    for name, ends in bounds.items():
        if name not in law.parameters:
            raise unknown("parameter", name, law.parameters)
        try:
            low, high = (float(end) for end in ends)
        except (TypeError, ValueError) as error:
            raise LabError(f"bounds of {name} are {ends}; give (low, high)") from error
        if not low <= high:
            raise LabError(f"bounds of {name} are {low:g} to {high:g}; give low <= high")
        if not isinstance(law.parameters[name], Real):
            low = max(low, 0.0)
            if high <= 0:
                raise LabError(
                    f"bounds of {name} end at {high:g}, but it is positive in '{law}'; end above 0"
                )
        found[name] = (low, high)
    return found
