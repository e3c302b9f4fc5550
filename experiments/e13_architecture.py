"""Does the exponent depend on the architecture?

Question: On the characters of tiny Shakespeare, read three times over: is the exponent with which
the test loss falls with N, from 3,000 to 800,000 parameters, another for an LSTM than for a
Transformer?

Prediction: The exponents of power laws differ by less than a tenth: constants depend on the
architecture and exponents hardly do (Hestness 2017, section 4.2, of LSTMs and recurrent highway
networks). Where the LSTM falls behind it is at late positions of the context (Kaplan 2020, figure
7). At 800,000 parameters the Transformer is near 1.5 to 1.6 nats a character and far below a
5-gram's 1.75.

The learning rate follows the rule of e10.

Cost: 20 runs, 12 programs, 5e13 FLOP; twenty minutes on two CPU cores.

Command: scaling-lab run e13_architecture
"""

from scaling_lab import (
    LSTM,
    Claim,
    Language,
    Recipe,
    Run,
    Shakespeare,
    Transformer,
    axis,
    derive,
    product,
    where,
)

base = Run(
    learner=Language(context=128),
    data=Shakespeare(),
    model=Transformer(),
    recipe=Recipe(batch_size=16, warmup=50, final=0.1, clip=1.0, weight_decay=0.05, second=0.99),
    D=966_000,
    steps=1_415,
)

SIZES = [3e3, 1e4, 3.2e4, 1e5, 3e5, 8e5]


def rate(point) -> float:
    """The rule of e10: twice as much for an LSTM."""
    factor = 2.0 if isinstance(point["model"], LSTM) else 1.0
    return round(factor * 0.012 * (point["N"] / 1e5) ** -0.25, 5)


members = product(axis("model", [Transformer(), LSTM()]), axis("N", SIZES))
grid = where(
    product(derive(members, learning_rate=rate), axis("seed", range(2))),
    lambda point: point["seed"] == 0 or point["N"] < 2e5,
)


def keep(point) -> bool:
    return point["seed"] == 0 and point["N"] < 5e5


claims = (
    Claim(
        kind="difference",
        name="Exponent of the LSTM less that of the Transformer",
        law="power_law",
        x="N",
        parameter="alpha",
        where="model == 'lstm'",
        against="model == 'transformer'",
        margin=0.0076,
        quantity=0.076,
        source="Hestness 2017, section 4.2; the size of the exponent: Kaplan 2020",
    ),
    Claim(
        kind="value",
        name="The Transformer of 800,000 parameters",
        where="model == 'transformer'",
        at={"N": 8e5},
        low=1.5,
        high=1.6,
    ),
)
