"""How large should a language model be, for a given compute?

Question: On the characters of English novels, each read once at most, which N is best for each of
five budgets of compute C from 4e10 to 3.2e12 FLOP, and with which power of C does it grow?

Prediction: N* ~ C^a with a of 0.4 to 0.65 (Hoffmann 2022: 0.46 to 0.50 by three approaches, all of
subwords and of 10^8 times the compute). Counted without embedding and head, as Kaplan 2020 did, a
comes out larger on the same runs, since the tables are most of a small model (Pearce & Song 2024).
The loss falls along the frontier as a power of C with an exponent of 0.1 to 0.4 over a floor.
A later token of the context is easier than an earlier one, the more so the larger the model.

With warm-up-stable-decay a model is trained once, to its largest budget, and the decays of the
smaller budgets branch off. The learning rate follows the rule of e10.

Cost: 30 runs, 9 programs, 2.3e13 FLOP; a quarter of an hour on two CPU cores.

Command: scaling-lab run e11_isoflop
"""

from scaling_lab import (
    Claim,
    Language,
    Novels,
    Recipe,
    Run,
    Transformer,
    axis,
    derive,
    product,
    where,
)

base = Run(
    learner=Language(context=128),
    data=Novels(),
    model=Transformer(),
    recipe=Recipe(
        schedule="wsd", batch_size=8, warmup=30, decay=0.2, clip=1.0, weight_decay=0.05, second=0.99
    ),
    D=24_000_000,
)

SIZES = [2.5e3 * 2**power for power in range(9)]
BUDGETS = [4e10, 1.2e11, 3.6e11, 1.08e12, 3.24e12]

# As many tokens as parameters at least, and 3,500 times as many at most.
grid = where(
    product(
        derive(
            axis("N", SIZES),
            learning_rate=lambda point: round(0.012 * (point["N"] / 1e5) ** -0.25, 5),
        ),
        axis("C", BUDGETS),
    ),
    lambda point: 1 <= point["C"] / (6 * point["N"] ** 2) <= 3_500,
)


claims = (
    Claim(
        name="Best N against C, by Akima's curve",
        law="Best N for each C",
        x="C",
        parameter="a_akima",
        low=0.4,
        high=0.65,
        source="Hoffmann 2022, three approaches: 0.46 to 0.50",
    ),
    Claim(
        name="Best N against C, by the law of N and D",
        law="Best N for each C",
        x="C",
        parameter="a_parametric",
        low=0.4,
        high=0.65,
        source="Hoffmann 2022, three approaches: 0.46 to 0.50",
    ),
    Claim(
        name="Loss along the frontier",
        law="L(C) on the frontier",
        x="C",
        parameter="alpha",
        low=0.1,
        high=0.4,
        reason="no source has a floor and so little compute",
    ),
)
