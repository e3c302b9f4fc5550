"""How does the loss of a language model on novels fall with parameters and with text, at length?

Question: That of e10, for 10^5 to 10^8 parameters, 10^5 to 2.4 10^7 characters, a context of 512.

Prediction: With so little text the largest models gain nothing over models a tenth of their size:
L(N) on all text has a floor at 1.0 to 1.2 nats that is the text's, and the 5-gram's 1.39 is passed
by a million parameters. L(D) at the largest size keeps the exponent it has in e10, 0.2 to 0.7.

Cost: 46 runs, 14 programs, 4e17 FLOP; about an hour on one H200, not yet run.

Command: scaling-lab run e10_language_gpu
"""

from dataclasses import replace
from pathlib import Path

from scaling_lab import (
    LSTM,
    Claim,
    Language,
    Transformer,
    axis,
    derive,
    experiment,
    product,
    where,
    zip_,
)

small = experiment.load(str(Path(__file__).parents[1] / "e10_language.py")).base
base = replace(
    small,
    learner=Language(context=512, evaluation_tokens=524_288),
    recipe=replace(small.recipe, batch_size=64, warmup=200, precision="bfloat16"),
)

SIZES = [1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8]
text = zip_(
    axis("D", [100_000, 400_000, 1_600_000, 6_400_000, 24_000_000]),
    axis("steps", [400, 800, 1_600, 2_400, 3_600]),
)


def rate(point) -> float:
    """The rule of e10: twice as much for an LSTM."""
    factor = 2.0 if isinstance(point["model"], LSTM) else 1.0
    return round(factor * 0.012 * (point["N"] / 1e5) ** -0.25, 5)


def asked(point) -> bool:
    """All of the Transformer; of the LSTM all sizes with the most text, and one size with less."""
    transformer = isinstance(point["model"], Transformer)
    return transformer or point["D"] == 24_000_000 or point["N"] == 1e7


models = axis("model", [Transformer(aspect=64.0, head_size=64), LSTM(depth=2)])
grid = where(product(derive(product(models, axis("N", SIZES)), learning_rate=rate), text), asked)


def keep(point) -> bool:
    return point["D"] == 24_000_000


claims = (
    Claim(
        name="L(D) of the largest Transformer",
        law="power_law_floor",
        x="D",
        where='model == "transformer" and N > 50000000',
        parameter="alpha",
        low=0.2,
        high=0.7,
        reason="without a floor 0.07 to 0.13 (Hestness 2017, Kaplan 2020); over one it is larger",
    ),
)
