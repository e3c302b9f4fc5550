"""How does the best learning rate change with width, under the standard parametrisation and muP?

Question: A network is made wider and nothing else changes: does the learning rate that was best for
the narrow one suit the wide one? The best Adam rate is measured against width for a perceptron on
digits, 32 to 2048 units, and for a Transformer on the characters of Shakespeare's plays, 16 to 256,
under the standard parametrisation and under muP. The question is whether the rate transfers, not
how good the losses are.

Prediction: Under the standard parametrisation the best rate falls with width as a power with a
slope of -0.4 or less; under muP it hardly changes, with a slope from -0.2 to 0.2; and the two
slopes lie apart by 0.2 or more. The slopes of very wide networks would be -1 and 0 (Yang 2022).

A pilot with other seeds chose the depth, the steps, the base widths and where the sweeps lie, and
gave what `plan` prints as P(decided).

Cost: 1,350 runs, 24 programs, 4e13 FLOP; half an hour on two CPU cores.

Command: scaling-lab run e53_width_transfer
"""

import math
from dataclasses import replace

from scaling_lab import (
    MLP,
    Claim,
    Digits,
    Language,
    Recipe,
    Run,
    Shakespeare,
    Supervised,
    Transformer,
    axis,
    chain,
    product,
)
from scaling_lab.counting import cost_of

base = Run(
    learner=Supervised(),
    data=Digits(),
    model=MLP(depth=3, base_width=8),
    recipe=Recipe(optimizer="adam", schedule="cosine", batch_size=64),
    D=1_197,
    steps=18,
)
plays = replace(
    base,
    learner=Language(context=32, evaluation_tokens=4_096),
    data=Shakespeare(),
    model=Transformer(depth=2, head_size=8, aspect=0.0, base_width=16),
    recipe=replace(base.recipe, batch_size=8, warmup=10, second=0.98),
    D=960_000,
    steps=100,
)

PERCEPTRONS = [32, 64, 128, 256, 512, 1024, 2048]
TRANSFORMERS = [16, 32, 64, 128, 256]


def swept(run: Run, widths: list[int], standard: float, falls: float, mup: float, steps: int):
    """For each width and parametrisation rates in steps of sqrt 2 about the expected best one.

    standard, mup: log2 of that rate at the smallest width; under the standard parametrisation it
    falls by `falls` when the width doubles. steps: on each side.
    """
    cells = []
    for width in widths:
        size = cost_of(replace(run.model, width=width), run.learner.spec(run)).parameters
        doublings = math.log2(width / widths[0])
        for name, centre in (("standard", standard - falls * doublings), ("mup", mup)):
            halves = range(round(2 * centre) - steps, round(2 * centre) + steps + 1)
            rates = [float(f"{2 ** (half / 2):.4g}") for half in halves]
            point = product(axis("parametrization", [name]), axis("N", [size]))
            cells.append(product(point, axis("learning_rate", rates)))
    return chain(*cells)


of_plays = {
    "learner": plays.learner,
    "data": plays.data,
    "model": plays.model,
    "batch_size": plays.recipe.batch_size,
    "warmup": plays.recipe.warmup,
    "second": plays.recipe.second,
    "D": plays.D,
    "steps": plays.steps,
}
grid = chain(
    product(swept(base, PERCEPTRONS, -5.2, 0.85, -3.5, steps=6), axis("seed", range(5))),
    product(
        tuple(
            {**of_plays, **point} for point in swept(plays, TRANSFORMERS, -4.5, 0.95, -4.5, steps=5)
        ),
        axis("seed", range(4)),
    ),
)

FEWER = {"levels": 5, "decades": 1.2}
WHY = "; a Transformer of twice the width costs four times as much"

# What a pilot found with the seeds 100 to 105 at some of the widths: slope and its standard error.
PILOT = {
    "mlp": {"standard": (-0.87, 0.03), "mup": (0.10, 0.022), "difference": (0.97, 0.03)},
    "transformer": {"standard": (-1.0, 0.04), "mup": (-0.03, 0.02), "difference": (0.97, 0.04)},
}


def about(family: str, gate: dict[str, float], reason: str, freedom: int) -> tuple[Claim, ...]:
    """The three claims about one family."""

    def claim(name: str, low: float, high: float, why: str, **more) -> Claim:
        expected, error = PILOT[family][name]
        said = {"standard": "standard", "mup": "muP", "difference": "muP less standard"}[name]
        return Claim(
            name=f"best rate of the {family}, {said}",
            law="mup_optimum",
            parameter=f"{family}.{name}",
            low=low,
            high=high,
            reason=why + reason,
            gate=gate | more.pop("gate", {}),
            options={"expected": expected, "error": error, "freedom": freedom},
            **more,
        )

    return (
        claim("standard", -2.0, -0.4, "-1 is of infinite width; all below -0.4 is no transfer"),
        claim(
            "mup",
            -0.2,
            0.2,
            "half of the least slope that is claimed of the standard one: a rate found at one "
            "width is within a factor of 2^0.2 of the best at twice the width",
            quantity=0.4,
            gate={"equivalence": 0.5},
        ),
        claim("difference", 0.2, 2.0, "as far apart at least as the slopes that are claimed"),
    )


claims = (*about("mlp", {}, "", 5), *about("transformer", FEWER, WHY, 3))
