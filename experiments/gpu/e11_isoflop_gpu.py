"""How large should a language model be, for a given compute, a hundred times that of e11?

Question: That of e11 for budgets of 10^13 to 10^15 FLOP and sizes from 10^5 to 2.6 10^7.

Prediction: N* ~ C^a with a of 0.4 to 0.6 while the text is read at most four times: so often it is
nearly as good as new (Muennighoff 2023).

Cost: 21 runs, 9 programs, 4e15 FLOP; some minutes on one H200, not yet run.

Command: scaling-lab run e11_isoflop_gpu
"""

from dataclasses import replace
from pathlib import Path

from scaling_lab import Claim, Language, Transformer, axis, derive, experiment, product, where

small = experiment.load(str(Path(__file__).parents[1] / "e11_isoflop.py")).base
base = replace(
    small,
    learner=Language(context=512, evaluation_tokens=524_288),
    model=Transformer(aspect=64.0, head_size=64),
    recipe=replace(small.recipe, batch_size=16, warmup=100, precision="bfloat16"),
)

SIZES = [1e5 * 2**power for power in range(9)]
BUDGETS = [1e13, 3e13, 1e14, 3e14, 1e15]

# At most four passes over 24 million characters, and as many characters as parameters at least.
grid = where(
    product(
        derive(
            axis("N", SIZES),
            learning_rate=lambda point: round(0.012 * (point["N"] / 1e5) ** -0.25, 5),
        ),
        axis("C", BUDGETS),
    ),
    lambda point: point["N"] <= point["C"] / (6 * point["N"]) <= 96_000_000,
)

claims = (
    Claim(
        name="Best N against C, by Akima's curve",
        law="Best N for each C",
        x="C",
        parameter="a_akima",
        low=0.4,
        high=0.6,
        source="Hoffmann 2022, three approaches: 0.46 to 0.50",
    ),
)
