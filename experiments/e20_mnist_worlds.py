"""How well is the distribution of MNIST learnt, by an autoencoder and by a flow?

Question: How do the nats a picture of a variational autoencoder (perceptrons, pixels drawn black or
white) and the bits a dimension of Glow (all grey levels, dequantised) fall with N and with D, at a
fixed number of steps? The two learn different pictures: their losses do not compare. The
autoencoder's learning rate is the better of two at each point, Glow has one; the weight of the KL
rises in the first 3,000 steps, without which narrow autoencoders never use their latent.

Prediction: The autoencoder's loss falls with N above a floor with an exponent of 0.3 to 1.0 on all
data, and with D at its largest N with one of 0.3 to 1.2: few pictures are learnt by heart. Glow's
bits fall with N above a floor with an exponent of 0.2 to 0.8, to 1.0 to 1.25 at 130,000 parameters,
and with D at 64,000 parameters with one of 0.3 to 1.2. What is said of Glow was written after a
first grid of other flows, on raw pixels, and after trials of this one at 42,000 parameters, which
came to 1.29 bits; what is said of the autoencoder is older than its runs.

Cost: 68 runs, 10 programs, 8e13 FLOP; about three quarters of an hour on two CPU cores.

Command: scaling-lab run e20_mnist_worlds
"""

from scaling_lab import (
    MLPVAE,
    Claim,
    Flow,
    Glow,
    Mnist,
    Recipe,
    Run,
    Vae,
    axis,
    chain,
    product,
    where,
)

base = Run(
    learner=Vae(samples=8, eval_examples=1_000, anneal=3_000),
    data=Mnist(),
    model=MLPVAE(),
    recipe=Recipe(batch_size=128, learning_rate=2e-3, warmup=100, clip=1.0),
    steps=8_000,
)

data = chain(
    axis("D", [500, 2_000, 10_000, 50_000]), product(axis("D", [50_000]), axis("seed", [1, 2]))
)
autoencoders = product(
    axis("learner", [base.learner]),
    axis("model", [MLPVAE()]),
    axis("N", [30_000, 60_000, 120_000, 250_000, 500_000]),
    data,
    axis("learning_rate", [1e-3, 3e-3]),
)
flows = where(
    product(
        axis("learner", [Flow(eval_examples=1_000)]),
        axis("model", [Glow(levels=2, steps=8)]),
        axis("N", [8_000, 16_000, 32_000, 64_000, 128_000]),
        axis("D", [500, 2_000, 10_000, 50_000]),
        axis("batch_size", [8]),
        axis("learning_rate", [1e-2]),
        axis("steps", [7_000]),
    ),
    lambda point: point["D"] == 50_000 or point["N"] == 64_000,
)
grid = chain(autoencoders, flows)


def keep(point) -> bool:
    return point["D"] == 50_000 and "seed" not in point


claims = (
    Claim(
        name="L(N) of autoencoders on all data",
        law="power_law_floor",
        x="N",
        where='learner == "vae" and D == D.max()',
        parameter="alpha",
        low=0.3,
        high=1.0,
        reason="no source has autoencoders of binary digits",
    ),
    Claim(
        name="L(D) of the largest autoencoder",
        law="power_law_floor",
        x="D",
        where='learner == "vae" and N > 400000',
        parameter="alpha",
        low=0.3,
        high=1.2,
        reason="no source has autoencoders of binary digits",
    ),
    Claim(
        name="bits(N) of flows on all data",
        law="power_law_floor",
        x="N",
        where='learner == "flow" and D == D.max()',
        parameter="alpha",
        low=0.2,
        high=0.8,
        reason="no source has flows of digits",
        loss="best_test_bits_per_dim",
    ),
    Claim(
        name="bits(D) of flows of 64,000 parameters",
        law="power_law_floor",
        x="D",
        where='learner == "flow" and N > 50000 and N < 80000',
        parameter="alpha",
        low=0.3,
        high=1.2,
        reason="no source has flows of digits",
        loss="best_test_bits_per_dim",
    ),
    Claim(
        kind="value",
        name="bits of the flow of 128,000 parameters",
        where='learner == "flow"',
        at={"N": 128_000, "D": 50_000},
        low=1.0,
        high=1.25,
        loss="best_test_bits_per_dim",
    ),
)
