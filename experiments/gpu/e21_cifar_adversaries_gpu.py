"""Do more parameters, more compute and more data make better photographs?

Question: That of e21 with convolutional adversaries, up to 3 10^7 parameters of both, on CIFAR-10,
the players being told the class.

Prediction: The Fréchet distance on all data falls with N as a power of exponent 0.1 to 0.6, less
steeply than of digits. With 1,500 pictures the discriminator knows them by heart, and the largest
pair does worse than one a tenth of its size. The distance that training pictures have is not
reached.

The distance is in the features of a small classifier trained here, which gets perhaps a third of
CIFAR-10's test pictures wrong: it ranks the runs of this table, and compares with no Inception
distance elsewhere. The learning rate falls as N^(-1/4).

Cost: 20 runs, 5 programs, 3.9e17 FLOP; an estimate, for it has not been run: about six hours on one
H200, in float32.

Command: scaling-lab run e21_cifar_adversaries_gpu
"""

from scaling_lab import Cifar10, Claim, ConvAdversaries, Gan, Recipe, Run, axis, product, zip_

base = Run(
    learner=Gan(eval_examples=5_000),
    data=Cifar10(),
    model=ConvAdversaries(stages=3, latent=128),
    recipe=Recipe(optimizer="adam", batch_size=128, schedule="constant", momentum=0.0, second=0.99),
    steps=40_000,
)

SIZES = [3e5, 1e6, 3e6, 1e7, 3e7]
rates = [round(4e-4 * (n / 1e6) ** -0.25, 6) for n in SIZES]
grid = product(
    zip_(axis("N", SIZES), axis("learning_rate", rates)),
    axis("D", [1_500, 5_000, 15_000, 45_000]),
)


def keep(point) -> bool:
    return point["D"] == 45_000


claims = (
    Claim(
        name="distance against N on all data",
        law="power_law",
        x="N",
        where="D == D.max()",
        parameter="alpha",
        low=0.1,
        high=0.6,
        reason="larger is better (Brock 2019), by how much no source says",
        loss="best_test_distance",
    ),
)
