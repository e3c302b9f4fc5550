"""A fitted law evaluated at the landmarks, and how far they lie from its data.

A law of C, or of N and D, is evaluated at the compute of the landmarks marked `compared`; a law of
N or D alone at their parameters or data, as if nothing else were limiting. The distance is given in
decades beyond the fitted points (of compute, if the law has N and D), and in words:

    interpolation          within the points
    mild extrapolation     beyond them by at most half the decades that they span
    wild extrapolation     further

For a straight line through points spread evenly over s decades the standard error grows as
(1 + 12 (x/s)^2)^(1/2) with the distance x from their middle, so at s/2 beyond the end it is twice
that at the end. Further out the band says little beyond the assumption that the law holds.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scaling_lab.errors import LabError

from .. import estimates
from ..fitting.parameter import interval
from ..frontier.parametric import optimum
from ..numbers import Range, aligned, power, shown
from . import Landmark
from .quantity import Estimate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ..fitting.result import Fit

INTERPOLATION = "interpolation"
MILD, WILD = "mild extrapolation", "wild extrapolation"
MILD_SPANS = 0.5  # mild extrapolation reaches this share of the data's decades
EDGE = 0.05  # decades beyond the data that count as inside: distances are shown to a tenth
FLOP_EACH = 6.0  # per parameter and example: C = 6 N D


class Reach(NamedTuple):
    """The range of the fitted points on the axis of extrapolation: C, N or D."""

    axis: str
    low: float
    high: float

    @property
    def span(self) -> float:
        """Width in decades."""
        return math.log10(self.high / self.low)

    def beyond(self, value: float) -> float:
        """Decades outside the fitted points: 0 inside, negative below the smallest."""
        if value > self.high:
            return math.log10(value / self.high)
        return min(0.0, math.log10(value / self.low))

    def verdict(self, value: float) -> str:
        """The distance in words (see the module)."""
        far = abs(self.beyond(value))
        if far < EDGE:
            return INTERPOLATION
        return MILD if far <= MILD_SPANS * self.span else WILD


@dataclass(frozen=True)
class Reading:
    """A law's prediction at a landmark, each value as (low, centre, high).

    `at` is the landmark's compute, parameters or data, `beyond` its distance from the data in
    decades and `verdict` the same in words. N and D are the optimal ones, if the law has both.
    """

    landmark: Landmark
    at: Range
    L: Range
    beyond: float
    verdict: str
    N: Range | None = None
    D: Range | None = None

    @property
    def decades(self) -> str:
        """`beyond` with its sign: + above the data, − below, 0 inside."""
        return f"{self.beyond:+.1f}".replace("-", "−") if abs(self.beyond) >= EDGE else "0"


def load(path: str | Path) -> Fit:
    """The fit in a card written by `scaling-lab fit --json`. Raises LabError for any other file."""
    from ..fitting.result import Fit

    try:
        card = json.loads(Path(path).read_text())
    except OSError as error:
        raise LabError(f"cannot read the fit card {path}: {error.strerror}") from error
    except ValueError as error:
        raise LabError(f"{path} is not JSON ({error}); give the output of fit --json") from error
    try:
        return Fit.from_card(card)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LabError(
            f"{path} is not a fit card ({error}); make one with: scaling-lab fit TABLE --json"
        ) from error


def readings(fit: Fit) -> list[Reading]:
    """The law at every landmark with a value on its axis, in increasing order.

    Raises LabError for a law that cannot be evaluated at landmarks.
    """
    data = reach(fit)
    marks = [mark for mark in estimates.landmarks() if _place(mark, data.axis)]
    if data.axis == "C":
        marks = [mark for mark in marks if mark.compared]
    found = [_reading(fit, data, mark) for mark in marks]
    return sorted(found, key=lambda one: one.at[1])


def reach(fit: Fit) -> Reach:
    """The range of the law's data. Raises LabError if its variables are not those of landmarks."""
    scales = fit.certificate["scales"]
    if set(fit.variables) == {"N", "D"}:
        # Cards of earlier versions lack the compute of the points: use the corners of N and D.
        ends = {end: FLOP_EACH * scales["N"][end] * scales["D"][end] for end in ("low", "high")}
        ends |= fit.certificate.get("compute", {})
        return Reach("C", ends["low"], ends["high"])
    if len(fit.variables) == 1 and fit.variables[0] in ("N", "D", "C"):
        (axis,) = fit.variables
        return Reach(axis, scales[axis]["low"], scales[axis]["high"])
    raise LabError(
        f"{fit.law} depends on {', '.join(fit.variables)}; give a fit of a law of C, of N, of D, "
        "or of N and D"
    )


def at(fit: Fit, axis: str, values: ArrayLike, level: float = 0.95) -> dict[str, np.ndarray]:
    """The law along its axis: role -> [3, values] of low, centre, high.

    Roles are L and, for a law of N and D along C, the optimal N and D.
    """
    values = np.asarray(values, "float64")
    if axis in fit.variables:
        found = fit.predict({axis: values}, level)
        return {"L": np.stack([found.low, found.center, found.high])}
    center, drawn = optimum(fit, values, FLOP_EACH)
    return {role: np.stack(_between(center[role], drawn[role], level)) for role in ("L", "N", "D")}


def summary(fit: Fit) -> str:
    """The readings as a table of text, with a conclusion."""
    data, found = reach(fit), readings(fit)
    best = [role for role in ("N", "D") if getattr(found[0], role) is not None]
    heads = ("", data.axis, fit.law.response, *(f"best {r}" for r in best), "decades", "")
    rows = [heads] + [
        (
            one.landmark.name,
            power(one.at[1]),
            loss(one.L),
            *(shown(getattr(one, role)) for role in best),
            one.decades,
            one.verdict,
        )
        for one in found
    ]
    lines = [
        f"{fit.law}   {fit.equation}",
        f"fitted to {fit.n} points with {data.axis} from {power(data.low)} to {power(data.high)}"
        + (f", {fit.where}" if fit.where else ""),
        *(f"! {warning}" for warning in fit.warnings),
        "",
    ]
    return "\n".join([*lines, *aligned(rows), "", _conclusion(data, found)])


def to_dict(fit: Fit) -> dict[str, Any]:
    """The readings as JSON."""
    data = reach(fit)
    return {
        "law": str(fit.law),
        "axis": data.axis,
        "data": {"low": data.low, "high": data.high, "decades": data.span},
        "readings": [
            {
                "landmark": one.landmark.name,
                "at": one.at[1],
                "beyond": one.beyond,
                "verdict": one.verdict,
            }
            | {
                role: {"low": _finite(low), "value": value, "high": _finite(high)}
                for role in ("L", "N", "D")
                if (found := getattr(one, role)) is not None
                for low, value, high in [found]
            }
            for one in readings(fit)
        ],
    }


def loss(found: Range) -> str:
    """A loss with its band, to the digits that the band makes significant."""
    low, centre, high = found
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{centre:.3g}"
    size = max(high - low, 1e-3 * abs(centre), 1e-300)
    digits = min(8, max(0, 1 - math.floor(math.log10(size))))
    return f"{centre:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _reading(fit: Fit, data: Reach, mark: Landmark) -> Reading:
    place = _place(mark, data.axis)
    assert place is not None
    value = place.centre()
    found = {
        role: tuple(float(end) for end in ends[:, 0])
        for role, ends in at(fit, data.axis, [value]).items()
    }
    return Reading(
        landmark=mark,
        at=place.range,
        beyond=data.beyond(value),
        verdict=data.verdict(value),
        **found,  # type: ignore[arg-type]
    )


def _conclusion(data: Reach, found: list[Reading]) -> str:
    """Which landmarks lie inside the data, and how far beyond it the last one is."""
    inside = [one.landmark.name for one in found if one.verdict == INTERPOLATION]
    last = found[-1]
    near = (
        f"Inside the data: {', '.join(inside)}. " if inside else "No landmark is inside the data. "
    )
    return near + (
        f"{last.landmark.name[:1].upper()}{last.landmark.name[1:]} is {last.beyond:.1f} decades "
        f"beyond data that span {data.span:.1f}: {last.verdict}."
        if last.beyond > 0
        else ""
    )


def _between(center: np.ndarray, drawn: np.ndarray, level: float) -> list[np.ndarray]:
    low, high = interval(drawn, level)
    return [low, center, high]


def _place(mark: Landmark, axis: str) -> Estimate | None:
    return getattr(mark, axis)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
