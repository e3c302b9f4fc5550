"""Do more parameters, more compute and more data make better pictures?

Question: How does the Fréchet distance between made and real digits, in the features of a
classifier trained here, fall with the parameters N of both adversaries, with the compute C that
they have spent and with the number D of real pictures, the players being told the class?

Prediction: More of each makes better pictures (Brock 2019): the distance on all data falls with N
as a power of exponent 0.2 to 1.0, and on the frontier with C as one of 0.3 to 1.2. With 500
pictures the discriminator knows them by heart, and the distance is at least twice that of 50,000
at the largest N. Nothing comes below the distance that real training pictures have. A first grid of
4,000 steps had N^-0.54 and, with 500 pictures, 1.2 times the distance; this one is three times as
long for that reason. What is said of the frontier was written after the first grid.

Cost: 15 runs, 5 programs, 4e13 FLOP; about a quarter of an hour on two CPU cores.

Command: scaling-lab run e21_mnist_adversaries
"""

from scaling_lab import Claim, Gan, MLPAdversaries, Mnist, Recipe, Run, axis, product

base = Run(
    learner=Gan(),
    data=Mnist(),
    model=MLPAdversaries(),
    recipe=Recipe(
        optimizer="adam", batch_size=64, schedule="constant", learning_rate=5e-4, momentum=0.5
    ),
    steps=12_000,
)

grid = product(
    axis("N", [20_000, 50_000, 120_000, 300_000, 700_000]),
    axis("D", [500, 5_000, 50_000]),
)


def keep(point) -> bool:
    return point["D"] == 50_000


claims = (
    Claim(
        name="distance against N on all data",
        law="power_law",
        x="N",
        where="D == D.max()",
        parameter="alpha",
        low=0.2,
        high=1.0,
        reason="larger is better (Brock 2019), by how much no source says",
        loss="best_test_distance",
    ),
    Claim(
        name="distance against C on the frontier",
        law="L(C) on the frontier",
        x="C",
        parameter="alpha",
        low=0.3,
        high=1.2,
        reason="larger is better (Brock 2019), by how much no source says",
    ),
    Claim(
        kind="ratio",
        name="500 pictures are known by heart",
        where="D == 500",
        against="D == 50000",
        at={"N": 700_000},
        low=2.0,
        loss="best_test_distance",
        reason="how much worse than twice, no source says",
    ),
)
