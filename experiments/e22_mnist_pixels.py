"""Are the exponents of pictures as sequences those of Henighan 2020?

Question: A Transformer reads MNIST pixel by pixel, in 16 greys, at 8x8 and at 16x16. How does its
loss, in nats a picture, fall with N and with D? The learning rate is the best of three at each
point, on validation data. Heads are 8 wide: with one head of 32 a run may take thousands of steps
to find the pixel above. Minibatches are of 8: on a CPU many small steps learn more than few large.

Prediction: L(N) = E + A N^-alpha with alpha of 0.2 to 0.6 at 8x8 and no larger at 16x16. Henighan
2020 has .24 and .22 for coloured photographs of those sizes, over far larger models; digits are
simpler, small models come first, and exponents are then steeper. A first, shorter grid had
exponents of 0.04 to 0.55 at 8x8 and 1.75 at 16x16, where the largest was not trained long enough;
this one is longer for that reason, and the prediction is as it was.

Cost: 36 runs, 10 programs, 9e13 FLOP; about forty minutes on two CPU cores.

Command: scaling-lab run e22_mnist_pixels
"""

from scaling_lab import Claim, Mnist, Pixels, Recipe, Run, Transformer, axis, chain, product

base = Run(
    learner=Pixels(),
    data=Mnist(),
    model=Transformer(head_size=8),
    recipe=Recipe(batch_size=8, warmup=100, final=0.1, clip=1.0, second=0.99),
    steps=16_000,
)

rates = axis("learning_rate", [0.003, 0.006, 0.012])
eight = product(axis("learner.side", [8]), rates)
sixteen = product(axis("learner.side", [16]), axis("steps", [10_000]), rates)

grid = chain(
    product(eight, axis("N", [3e3, 7e3, 1.5e4, 3e4, 8e4]), axis("D", [50_000])),
    product(eight, axis("N", [3e4]), axis("D", [300, 3_000])),
    product(sixteen, axis("N", [3e3, 7e3, 1.5e4, 2.1e4, 3e4]), axis("D", [50_000])),
)


def keep(point) -> bool:
    return point["D"] == 50_000


claims = (
    Claim(
        name="L(N) at 8x8",
        law="power_law_floor",
        x="N",
        where="`learner.side` == 8 and D == D.max()",
        parameter="alpha",
        low=0.2,
        high=0.6,
        published=0.24,
        source="Henighan 2020, photographs at 8x8",
    ),
    Claim(
        name="L(N) at 16x16",
        law="power_law_floor",
        x="N",
        where="`learner.side` == 16 and D == D.max()",
        parameter="alpha",
        low=0.2,
        high=0.6,
        published=0.22,
        source="Henighan 2020, photographs at 16x16",
    ),
)
