"""Are the exponents of photographs as sequences those of Henighan 2020?

Question: A Transformer of 10^5 to 10^8 parameters reads CIFAR-10 in colour, a number of 256 levels
after another, at 8x8 (192 numbers a picture) and at 16x16 (768). How does its loss, in nats a
picture, fall with N and with D?

Prediction: Henighan 2020 (table 1) has L(N) = E + (N0 / N)^alpha with alpha of .24 at 8x8 and .22
at 16x16, for photographs without end. Here are 45,000, read many times over: the exponents to
10^7 parameters are 0.15 to 0.35, and beyond it more parameters help no more at 8x8.

The learning rate falls as N^(-1/4), 0.003 at 10^5 parameters.

Cost: 18 runs, 14 programs, 1.3e18 FLOP; an estimate, for it has not been run: about four hours on
one H200.

Command: scaling-lab run e22_cifar_pixels_gpu
"""

from scaling_lab import Cifar10, Claim, Pixels, Recipe, Run, Transformer, axis, chain, product, zip_

base = Run(
    learner=Pixels(levels=256),
    data=Cifar10(),
    model=Transformer(aspect=64.0, head_size=64),
    recipe=Recipe(
        batch_size=128, warmup=500, final=0.1, clip=1.0, second=0.99, precision="bfloat16"
    ),
    steps=10_000,
)


def sized(sizes: list[float]):
    """Sizes, each with its learning rate."""
    rates = [round(0.003 * (n / 1e5) ** -0.25, 6) for n in sizes]
    return zip_(axis("N", sizes), axis("learning_rate", rates))


SIZES = [1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8]
grid = chain(
    product(axis("learner.side", [8, 16]), sized(SIZES), axis("D", [45_000])),
    product(axis("learner.side", [8]), sized([1e7]), axis("D", [500, 2_000, 8_000, 20_000])),
)


def keep(point) -> bool:
    return point["D"] == 45_000


claims = tuple(
    Claim(
        name=f"L(N) at {side}x{side}",
        law="power_law_floor",
        x="N",
        where=f"`learner.side` == {side} and D == D.max() and N < 20000000",
        parameter="alpha",
        low=0.15,
        high=0.35,
        source="Henighan 2020, table 1: .24 at 8x8 and .22 at 16x16",
    )
    for side in (8, 16)
)
