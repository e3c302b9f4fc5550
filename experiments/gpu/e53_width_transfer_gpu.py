"""How does the best learning rate of a Transformer change with width, up to 4096?

Question: That of e53 for Transformers of four blocks on novels, 128 to 4096 wide, with a context of
256: does the rate that is best for a million parameters suit eight hundred million?

Prediction: As in e53: under the standard parametrisation the best Adam rate falls with width with a
slope of -0.4 or less, under muP its slope lies from -0.2 to 0.2, and the two lie apart by 0.2 or
more.

Cost: 780 runs, 12 programs, 1.2e18 FLOP; about two hours on one H200, not yet run.

Command: scaling-lab run e53_width_transfer_gpu
"""

import math
from dataclasses import replace
from pathlib import Path

from scaling_lab import (
    Language,
    Novels,
    Recipe,
    Run,
    Transformer,
    axis,
    chain,
    experiment,
    product,
)
from scaling_lab.counting import cost_of

small = experiment.load(str(Path(__file__).parents[1] / "e53_width_transfer.py"))
base = Run(
    learner=Language(context=256, evaluation_tokens=131_072),
    data=Novels(),
    model=Transformer(depth=4, head_size=64, aspect=0.0, base_width=128),
    recipe=Recipe(
        optimizer="adam", batch_size=16, warmup=50, second=0.98, clip=1.0, precision="bfloat16"
    ),
    D=24_000_000,
    steps=300,
)

WIDTHS = [128, 256, 512, 1024, 2048, 4096]
FIRST = -7.0  # log2 of the rate that is expected to be best at the smallest width


def size(width: int) -> int:
    """Parameters at a width."""
    return cost_of(replace(base.model, width=width), base.learner.spec(base)).parameters


def rates(name: str, width: int) -> list[float]:
    """In steps of sqrt 2; under the standard parametrisation they fall with the width."""
    falls = 0.9 * math.log2(width / WIDTHS[0]) if name == "standard" else 0.0
    middle = round(2 * (FIRST - falls))
    return [float(f"{2 ** (half / 2):.4g}") for half in range(middle - 6, middle + 7)]


grid = chain(
    *(
        product(
            axis("parametrization", [name]),
            axis("N", [size(width)]),
            axis("learning_rate", rates(name, width)),
            axis("seed", range(5)),
        )
        for width in WIDTHS
        for name in ("standard", "mup")
    )
)

claims = tuple(
    replace(
        claim,
        gate={name: value for name, value in claim.gate.items() if name == "equivalence"},
        reason=claim.reason.split(";")[0],
    )
    for claim in small.claims
    if claim.parameter.startswith("transformer.")
)
