"""Thresholds: every number that decides whether a check finds something, with its reason."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULTS", "Thresholds"]


@dataclass(frozen=True)
class Thresholds:
    """The numbers of all checks. A claim may override some, with a reason."""

    # Convergence
    share_of_starts: float = 0.5  # a second optimum as wide as the first is no longer an accident
    gradient: float = 1e-3  # relative offset: negligible beside an interval (Bates & Watts 1981)
    lower_by: float = 1e-6  # how much lower another optimiser may end: its own tolerance

    # Identifiability
    scales: int = 3  # levels of a variable: two make any exponent fit
    decades: float = 1.0  # a power of 0.3 changes by a factor of two in one decade
    together: float = 0.999  # squared correlation of two variables' logarithms
    condition: float = 1e12  # of J'J: six digits of the parameters are left of sixteen
    ratio: float = 2.0  # the ends of an exponent's interval
    spare_points: int = 2  # points beyond the number of parameters
    floor: float = 0.01  # of the least response: a floor that may be this low may be 0
    exponent: float = 2.0  # factor beyond an exponent's range of starts

    # Intervals
    replicates: int = 40  # with fewer, no draw lies beyond an end of a 95% interval
    clusters: int = 10  # fewer make intervals wide: Student's quantile at 7 degrees is 2.4
    agreement: float = 0.9  # of the starts of a resampled table

    # Lack of fit
    trend: float = 0.7  # rank correlation of the residuals with a variable
    noise_ratio: float = 2.0  # scatter of the points over the noise that the table states

    # Influence
    delta: float = 0.05  # relative change of an exponent with ten times Huber's delta
    point: float = 0.05  # the same without one point; both unless within two standard errors
    outliers: float = 0.02  # the same without all outliers; within one standard error


DEFAULTS = Thresholds()
