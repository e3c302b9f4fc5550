"""Does the exponent depend on the architecture, up to a hundred million parameters?

Question: That of e13 for 10^5 to 10^8 parameters, on novels, with a context of 1024, where an LSTM
has more to remember.

Prediction: The exponents of power laws differ by less than a tenth up to 10^6 parameters; beyond,
the LSTM levels off first, and its loss by position does after some hundred characters (Kaplan 2020,
figure 7).

Cost: 28 runs, 14 programs, 4e17 FLOP; about an hour on one H200, not yet run.

Command: scaling-lab run e13_architecture_gpu
"""

from dataclasses import replace
from pathlib import Path

from scaling_lab import (
    LSTM,
    Claim,
    Language,
    Novels,
    Transformer,
    axis,
    derive,
    experiment,
    product,
)

small = experiment.load(str(Path(__file__).parents[1] / "e13_architecture.py")).base
base = replace(
    small,
    learner=Language(context=1_024, evaluation_tokens=524_288),
    data=Novels(),
    recipe=replace(small.recipe, batch_size=32, warmup=200, precision="bfloat16"),
    D=24_000_000,
    steps=2_900,
)

SIZES = [1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8]


def rate(point) -> float:
    """The rule of e10: twice as much for an LSTM."""
    factor = 2.0 if isinstance(point["model"], LSTM) else 1.0
    return round(factor * 0.012 * (point["N"] / 1e5) ** -0.25, 5)


models = axis("model", [Transformer(aspect=64.0, head_size=64), LSTM(depth=2)])
grid = product(
    derive(product(models, axis("N", SIZES)), learning_rate=rate), axis("seed", range(2))
)


def keep(point) -> bool:
    return point["seed"] == 0


claims = (
    Claim(
        kind="difference",
        name="Exponent of the LSTM less that of the Transformer",
        law="power_law",
        x="N",
        parameter="alpha",
        where="model == 'lstm' and N < 2e6",
        against="model == 'transformer' and N < 2e6",
        margin=0.0076,
        quantity=0.076,
        source="Hestness 2017, section 4.2; the size of the exponent: Kaplan 2020",
    ),
)
