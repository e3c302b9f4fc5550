"""Do runs lie on the exact curves of the tasks that theory can solve?

Question: Six tasks have a theory that is exact at finite size: memorising items (Hutter), quanta,
bigrams of a Zipf language, regression on the first N coordinates, random features, and Laplace's
kernel on a circle. Trained, recorded and fitted like any other run, do they lie on their curves?

Prediction: They do. No point is farther than 4 standard errors from its curve, and chi^2 over all
points has a p of at least 0.001. Exponents of the loss, against D, N or compute, are 0.95 to 1.05
times those of the same law fitted to the theory at the same points, and exponents of the best N
0.85 to 1.15 times. Fitted as any table is, with its own interval, L(D) of the memoriser of items
i^-2 has an exponent of 0.47 to 0.53, where theory has 0.501 at these points and 1/2 in the limit,
and L(D) of the kernel one of 0.95 to 1.04, where theory has 0.994 and 1.

The theory of each task is a file of analysis/theory/, written before any run of this experiment. A
pilot with other examples gave the scatter of runs, from which the numbers of seeds follow.

Cost: 4,888 runs, 85 programs, 2e12 FLOP and as many random numbers; ten minutes on two cores.

Command: scaling-lab run e60_calibration
"""

from collections.abc import Iterator
from itertools import chain
from math import log2
from typing import Any

from scipy.special import zeta

from scaling_lab import (
    BigramCounts,
    Circle,
    CircleSpline,
    Claim,
    KernelRegression,
    Memoriser,
    PowerLaw,
    RandomFeatures,
    Recipe,
    Regression,
    Run,
    Table,
    TopFeatures,
    Zipf,
    ZipfBigrams,
)

base = Run(
    learner=Regression(),
    data=PowerLaw(coordinates=256, tail=True),
    model=TopFeatures(),
    recipe=Recipe(optimizer="sgd", schedule="constant", batch_size=16),
    D=16,
    steps=1,
)

Points = Iterator[dict[str, Any]]

COORDINATES, FEATURES_OF = 256, 512
# The best N at the first budget, and its exponent, as the theory has them: (a, b) or phase ->
TOP = {(1.0, 1.0): (22, 0.336), (0.5, 1.0): (20, 0.404), (0.5, 0.5): (22, 0.404)}
PHASES = {"Ia": (1.6, 22, 0.37), "II": (2.4, 28, 0.42), "III": (4.0, 36, 0.40)}
ITEMS, CONTEXTS, TOKENS, ROOM = 65_536, 4_096, 32, 2_048
MEMORISED = [2**k for k in range(10, 18)]


def budgets(first: float, decades: float) -> list[float]:
    """Five budgets of N x steps."""
    return [first * 10 ** (decades * k / 4) for k in range(5)]


def sizes(best: float, apart: float) -> list[int]:
    """Five sizes about the best, of a series with neighbours so many octaves apart."""
    middle = round(log2(best) / apart)
    return [round(2 ** (apart * (middle + shift))) for shift in range(-2, 3)]


def top_features(a: float, b: float) -> Points:
    """Five sizes at each budget, and the step length of which the sum of eigenvalues allows 4."""
    data = PowerLaw(coordinates=COORDINATES, a=a, b=b, tail=True)
    best, slope = TOP[a, b]
    for budget in budgets(1e4, 1.6):
        for n in sizes(best * (budget / 1e4) ** slope, 0.5):
            yield {
                "data": data,
                "model": TopFeatures(),
                "N": n,
                "learning_rate": 0.25 / float(zeta(1 + a)),
                "D": 16 * round(budget / n),
            }


def random_features(b: float, best: float, slope: float) -> Points:
    """Five sizes at each budget, two draws of the features of each."""
    data = PowerLaw(coordinates=FEATURES_OF, a=1.0, b=b)
    rate = 0.25 / float(zeta(2.0) - zeta(2.0, FEATURES_OF + 1))
    for budget in budgets(1e3, 1.5):
        for n in sizes(best * (budget / 1e3) ** slope, 0.75):
            for draw in (0, 1):
                yield {
                    "data": data,
                    "model": RandomFeatures(draw=draw),
                    "N": n,
                    "batch_size": 64,
                    "learning_rate": rate,
                    "D": 64 * round(budget / n),
                }


def memoriser(a: float, threshold: int, examples: list[int]) -> Points:
    for D in examples:
        yield {
            "learner": Memoriser(threshold=threshold),
            "data": Zipf(items=ITEMS, a=a),
            "model": Table(),
            "N": ITEMS,
            "batch_size": 128,
            "D": D,
        }


def quanta(a: float, threshold: int) -> Points:
    """D with all quanta; and N, with D such that the last of N is met about eight times."""
    yield from memoriser(a, threshold, [2 * D for D in MEMORISED])
    for N in (16, 32, 64, 128, 256, 512):
        yield {
            "learner": Memoriser(threshold=threshold),
            "data": Zipf(items=ITEMS, a=a),
            "model": Table(),
            "N": N,
            "batch_size": 128,
            "D": 128 * round(16 * N ** (1 + a) / 128),
        }


def bigrams(a: float) -> Points:
    for D in MEMORISED:
        yield {
            "learner": BigramCounts(),
            "data": ZipfBigrams(contexts=CONTEXTS, vocabulary=TOKENS, a=a),
            "model": Table(),
            "N": CONTEXTS * TOKENS,
            "batch_size": 256,
            "D": 2 * D,
        }


def circle() -> Points:
    for D in (64, 104, 172, 284, 464, 760, 1_248, 2_048):
        yield {
            "learner": KernelRegression(),
            "data": Circle(),
            "model": CircleSpline(),
            "N": 2 * ROOM,
            "batch_size": 4,
            "D": D,
        }


def repeated(points: Points, seeds: list[int]) -> Points:
    """Each point with its number of seeds; the last number is that of all further points."""
    for at, point in enumerate(points):
        yield from [point] * seeds[min(at, len(seeds) - 1)]


# Seeds for a standard error of about 1% of the excess loss, by a pilot's scatter.
runs = chain(
    *(repeated(top_features(*task), [8]) for task in TOP),
    *(repeated(random_features(*phase), [8]) for phase in PHASES.values()),
    repeated(memoriser(0.25, 1, MEMORISED), [12]),
    repeated(memoriser(0.5, 1, MEMORISED), [24, 16, 16, 12]),
    repeated(memoriser(1.0, 1, MEMORISED), [96, 72, 56, 48, 48, 40, 32]),
    repeated(quanta(0.7, 4), [32, 32, 24, 24, 16]),
    *(repeated(bigrams(a), [32, 24, 16]) for a in (0.5, 1.0)),
    repeated(circle(), [160, 112, 80, 56, 40, 28, 20]),
)
# Runs of few steps scatter more: random features of b = 2.4 and 4 missed the gate's 2% at some of
# them, which alone decided where these seeds were added. Steps up to -> further seeds.
FURTHER = {1.6: {20: 8}, 2.4: {40: 24, 70: 8}, 4.0: {10: 216, 16: 64, 37: 24, 62: 16}}


def further() -> Points:
    for phase in PHASES.values():
        for point in random_features(*phase):
            steps = point["D"] // point["batch_size"]
            seeds = (n for most, n in FURTHER[phase[0]].items() if steps <= most)
            yield from [point] * next(seeds, 0)


# Every run has examples of its own, so that all points are independent.
grid = tuple(
    point | {"epochs": 1, "seed": number, "data_seed": number}
    for number, point in enumerate(chain(runs, further()), start=1)
)
choose = ()


def on_its_curve(task: str, theory: str, x: Any, where: str, **options: Any) -> Claim:
    return Claim(
        name=f"{task}: on its curve",
        kind="curve",
        theory=theory,
        x=x,
        where=where,
        loss="test_loss",
        options=options,
        source=f"analysis/theory/{theory}.py",
    )


def exponent(task: str, law: str, within: float, error: float = 0.01) -> Claim:
    """The exponent of runs / that of theory. error: standard, as the pilot's scatter gives it."""
    return Claim(
        name=f"{task}: exponent of {law}",
        law="calibration",
        parameter=f"{task}: {law}",
        low=1 - within,
        high=1 + within,
        source="the same law fitted to the theory at the same points",
        options={"expected": 1.0, "error": error, "freedom": 100},
    )


SGD = ["N", "steps"]
LANGUAGE = {"contexts": CONTEXTS, "vocabulary": TOKENS, "strength": 1.0, "draw": 0}
curves = {
    **{
        (task := f"top features, a = {a:g}, b = {b:g}"): on_its_curve(
            task,
            "top_features",
            SGD,
            f"model == 'top_features' and `data.a` == {a} and `data.b` == {b}",
            a=a,
            b=b,
            coordinates=COORDINATES,
            tail=True,
        )
        for a, b in TOP
    },
    **{
        (task := f"random features, b = {b:g}"): on_its_curve(
            task,
            "random_features",
            [*SGD, "model.draw"],
            f"model == 'random_features' and `data.b` == {b}",
            a=1.0,
            b=b,
            coordinates=FEATURES_OF,
        )
        for b, *_ in PHASES.values()
    },
    **{
        (task := f"hutter, a = {a:g}"): on_its_curve(
            task,
            "hutter",
            ["D"],
            f"`learner.threshold` == 1 and `data.a` == {a}",
            a=a,
            items=ITEMS,
        )
        for a in (0.25, 0.5, 1.0)
    },
    "quanta": on_its_curve(
        "quanta",
        "quanta",
        ["N", "D"],
        "`learner.threshold` == 4",
        a=0.7,
        items=ITEMS,
        threshold=4,
    ),
    **{
        (task := f"zipf bigrams, a = {a:g}"): on_its_curve(
            task,
            "zipf_bigrams",
            ["D"],
            f"learner == 'bigram_counts' and `data.a` == {a}",
            a=a,
            **LANGUAGE,
        )
        for a in (0.5, 1.0)
    },
    "laplace circle": on_its_curve(
        "laplace circle", "laplace_circle", ["D"], "learner == 'kernel_regression'"
    ),
}
along_compute = [task for task in curves if "features" in task]

claims = (
    *curves.values(),
    Claim(
        name="no point farther than 4 standard errors",
        law="calibration",
        parameter="z",
        low=0.0,
        high=4.0,
        source="|z| of the farthest of some 280 points is 3.0 in the median",
        options={"expected": 3.0, "error": 0.001, "freedom": 100},
    ),
    Claim(
        name="chi^2 of all points together",
        law="calibration",
        parameter="p",
        low=0.001,
        high=1.0,
        source="p of a true theory is uniform",
        options={"expected": 0.5, "error": 0.001, "freedom": 100},
    ),
    *(exponent(task, "L(C)", 0.05) for task in along_compute),
    *(exponent(task, "L(D)", 0.05) for task in curves if task not in along_compute),
    exponent("quanta", "L(N)", 0.05),
    *(exponent(task, "N(C)", 0.15, 0.03) for task in along_compute),
    Claim(
        name="L(D) of the memoriser, fitted as any table",
        law="power_law",
        x="D",
        where="`learner.threshold` == 1 and `data.a` == 1",
        loss="test_loss",
        parameter="alpha",
        low=0.47,
        high=0.53,
        source="analysis/theory/hutter.py: 0.501 at these points; asymptote a / (1 + a)",
    ),
    Claim(
        name="L(D) of the kernel, fitted as any table",
        law="power_law",
        x="D",
        where="learner == 'kernel_regression'",
        loss="test_loss",
        parameter="alpha",
        low=0.95,
        high=1.04,
        source="analysis/theory/laplace_circle.py: 0.994 at these points; asymptote 1",
    ),
)
