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
    lack_of_fit: float = 0.01  # p-value of all its tests together
    lack_of_fit_certain: float = 1e-4  # below it, if the law misses more than `missed`, invalid
    missed: float = 0.01  # of the response, root mean square; an exponent then moves by hundredths
    freedom: int = 2  # degrees of freedom from which residuals are tested
    correlated: float = 0.01  # p-value of all groupings together
    rounding: float = 2e-6  # residuals below are those of numbers written with six digits
    trend: float = 0.7  # rank correlation of the residuals with a variable
    noise_ratio: float = 2.0  # scatter of the points over the noise that the table states

    # Influence
    delta: float = 0.05  # relative change of an exponent with ten times Huber's delta
    point: float = 0.05  # the same without one point; both if that leaves the interval
    leaves: float = (
        0.15  # of the interval's width, beyond an end: one of 8 clean rows is at the end
    )
    outlier: float = 8.0  # robust standard deviations; normal noise has one in 10^15
    outlier_share: float = 0.02  # of the response: worth a note; from five times as much a doubt
    outlier_freedom: int = 4  # points beyond the parameters from which outliers can be told
    outliers: float = 0.02  # the same without all outliers; within one standard error

    # Hold-out and extrapolation
    holdout: float = 0.01  # p-value of the held-out rows under law and scatter together
    holdout_certain: float = 1e-4  # below it, the law fails where it was to predict
    beyond: float = 1.0  # decades outside the table over decades in it, along one variable

    # Copies
    near: float = 1e-3  # relative difference of a variable within which rows may be copies
    near_rows: int = 4  # rows that nearly repeat others
    near_scatter: float = 0.1  # their scatter over that about the law
    near_pairs: float = 0.5  # share of rows with a neighbour ten times closer than by chance
    near_gap: float = 0.1
    near_certain: float = 1e-4  # p-value of the F test: seeds of a cell are no copies

    # Units
    tokens_most: float = 1e7  # examples per parameter; the most trained have 1e5
    tokens_least: float = 1e-7  # three images for a network of 10 million have 3e-7
    flop_least: float = 0.1  # C / (N D): one multiplication of a bilinear layer has 2
    flop_most: float = 1e7  # a convolution uses a parameter at 10^4 places, for 10^2 epochs
    counted: float = 1e6  # models of fewer parameters are not counted in billions
    perplexity: float = 12.0  # log of 160,000, the largest vocabularies
    rises: float = 0.7  # rank correlation of a loss with N, D and C together
    rises_each: float = 0.1  # and with each: one of them may matter little
    few: float = 10.0  # examples; models of 10^6 parameters are not trained on fewer

    # Tables
    sweep_ends: float = 0.2  # share of points whose best rate is at an end: one of six may be noise
    last_step: float = 0.97  # share of the steps: the best evaluation is the last
    steep: float = 0.05  # d log loss / d log step: the last half of the steps gained 3.4%
    cut_short: float = 0.1  # share of runs that still fell
    passes: float = 1.1  # over the data: the last batch and warm-up read a few examples again
    steps_vary: float = 1.2  # most steps over fewest
    grows: float = 0.7  # r^2 of a size's logarithm with log N: a rule of growth, not a jump
    embedding: float = 0.5  # share of N from which counting decides the exponent
    embedding_varies: float = 0.2
    follows: float = 0.999  # squared correlation of the logarithms of two axes

    # Pooled rows
    pooled: float = 0.25  # share of the residual variance between the values of an unused column
    pooled_most: float = 0.5
    pooled_certain: float = 1e-4  # p-value


DEFAULTS = Thresholds()
