"""How does the loss of a language model on novels fall with parameters and with text?

Question: On the characters of English novels, how does the test loss of a Transformer fall with N
from 3,000 to 250,000 parameters and with D from 30,000 to 3 million characters, little text being
read many times over? And that of an LSTM beside it?

Prediction: At the largest N the loss falls with D as a power with a floor, of exponent 0.2 to 0.7:
steeper than the 0.095 of Kaplan 2020 and the 0.07 to 0.13 of Hestness 2017, whose laws have no
floor. On the most text it falls with N with an exponent of 0.2 to 0.6, Kaplan's being 0.076. Small
models learn nothing from more text, large ones most. The LSTM, which here reads 128 characters and
not 1,000 words, does as well as the Transformer at equal N (Kaplan 2020, figure 7, sees the
difference at late tokens).

The learning rate follows a rule, 0.012 (N / 1e5)^(-1/4) and twice that for the LSTM; at two sizes
it is tested against 2.5 times less and more.

Cost: 50 runs, 12 programs, 4.4e13 FLOP; half an hour on two CPU cores.

Command: scaling-lab run e10_language
"""

from scaling_lab import (
    LSTM,
    Claim,
    Language,
    Novels,
    Recipe,
    Run,
    Transformer,
    axis,
    chain,
    derive,
    product,
    where,
    zip_,
)

base = Run(
    learner=Language(context=128),
    data=Novels(),
    model=Transformer(),
    recipe=Recipe(batch_size=16, warmup=50, final=0.1, clip=1.0, weight_decay=0.05, second=0.99),
)


SIZES = [3e3, 7.5e3, 1.8e4, 4.5e4, 1.1e5, 2.5e5]
TESTED = [1.8e4, 1.1e5]

# 14 passes over the least text, 1 over the most.
text = zip_(
    axis("D", [30_000, 100_000, 300_000, 1_000_000, 3_000_000]),
    axis("steps", [200, 400, 700, 1_000, 1_465]),
)


def sized(model: object, sizes: list[float], factor: float):
    """The family's members, each with its learning rate."""
    return derive(
        product(axis("model", [model]), axis("N", sizes)),
        learning_rate=lambda point: round(factor * 0.012 * (point["N"] / 1e5) ** -0.25, 5),
    )


middle = where(text, lambda point: point["D"] == 300_000)
grid = chain(
    product(sized(Transformer(), SIZES, 1.0), text),
    where(
        product(sized(LSTM(), SIZES, 2.0), text),
        lambda point: point["D"] == 3_000_000 or point["N"] == SIZES[-1],
    ),
    *(product(sized(Transformer(), TESTED, factor), middle) for factor in (0.4, 2.5)),
    *(product(sized(LSTM(), TESTED, 2 * factor), middle) for factor in (0.4, 1.0, 2.5)),
)


def keep(point) -> bool:
    return point["D"] == 3_000_000


claims = (
    Claim(
        name="L(D) of the largest Transformer",
        law="power_law_floor",
        x="D",
        where='model == "transformer" and N > 200000',
        parameter="alpha",
        low=0.2,
        high=0.7,
        reason="without a floor 0.07 to 0.13 (Hestness 2017, Kaplan 2020); over one it is larger",
    ),
    Claim(
        name="L(N) of Transformers on the most text",
        law="power_law_floor",
        x="N",
        where='model == "transformer" and D == D.max()',
        parameter="alpha",
        low=0.2,
        high=0.6,
        reason="without a floor 0.076 (Kaplan 2020); over one it is larger",
    ),
    Claim(
        name="L(N) of LSTMs on the most text",
        law="power_law_floor",
        x="N",
        where='model == "lstm" and D == D.max()',
        parameter="alpha",
        low=0.2,
        high=0.6,
        reason="without a floor 0.076 (Kaplan 2020); over one it is larger",
    ),
)
