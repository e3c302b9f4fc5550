"""Does the exponent depend on the architecture, up to a hundred million parameters?

Question: That of e13 for 10^5 to 10^8 parameters, on novels, with a context of 1024, where an LSTM
has more to remember.

Prediction: The exponents of power laws differ by less than 0.05 up to 10^6 parameters; beyond, the
LSTM levels off first, and its loss by position does after some hundred characters (Kaplan 2020,
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
    chain,
    experiment,
    product,
    zip_,
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


def sized(model: object, factor: float):
    """The family's members, each with its learning rate."""
    rates = [round(factor * 0.012 * (n / 1e5) ** -0.25, 5) for n in SIZES]
    return product(axis("model", [model]), zip_(axis("N", SIZES), axis("learning_rate", rates)))


grid = product(
    chain(sized(Transformer(aspect=64.0, head_size=64), 1.0), sized(LSTM(depth=2), 2.0)),
    axis("seed", range(2)),
)


def keep(point) -> bool:
    return point["seed"] == 0


claims = (
    Claim(
        name="Exponent of the LSTM less that of the Transformer",
        law="Architectures",
        x="N",
        parameter="power_law.N.lstm-transformer",
        low=-0.05,
        high=0.05,
    ),
)
