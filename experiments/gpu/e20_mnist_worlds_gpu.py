"""How well is the distribution of MNIST learnt, by models of up to ten million parameters?

Question: Those of e20, asked of convolutional autoencoders, a Glow of sixteen steps at each of two
levels (a side of 28 halves twice), over 20,000 steps.

Prediction: The autoencoder's loss on all pictures stops falling with N near 10^6 parameters: there
50,000 pictures hold it, and larger models do worse with fewer. L(D) of the largest has an exponent
of 0.3 to 1.2. Glow keeps falling to its largest size, and now learns 500 pictures by heart.

The learning rate falls as N^(-1/4).

Cost: 28 runs, 10 programs, 1.4e17 FLOP; an estimate, for it has not been run: about three hours on
one H200, of which Glow, whose many small steps follow one another, takes most.

Command: scaling-lab run e20_mnist_worlds_gpu
"""

from scaling_lab import (
    Claim,
    ConvVAE,
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
    zip_,
)

base = Run(
    learner=Vae(anneal=5_000),
    data=Mnist(),
    model=ConvVAE(),
    recipe=Recipe(batch_size=256, warmup=500, clip=1.0),
    steps=20_000,
)


def sized(sizes: list[float], rate: float):
    """Sizes, each with its learning rate: `rate` at 10^5 parameters."""
    rates = [round(rate * (n / 1e5) ** -0.25, 6) for n in sizes]
    return zip_(axis("N", sizes), axis("learning_rate", rates))


autoencoders = product(
    axis("learner", [base.learner]),
    axis("model", [ConvVAE(latent=64)]),
    sized([1e5, 3e5, 1e6, 3e6, 1e7], 2e-3),
    axis("D", [500, 2_000, 10_000, 50_000]),
)
flows = where(
    product(
        axis("learner", [Flow()]),
        axis("model", [Glow(levels=2, steps=16)]),
        sized([1e5, 3e5, 1e6, 3e6, 1e7], 3e-3),
        axis("D", [500, 2_000, 10_000, 50_000]),
    ),
    lambda point: point["D"] == 50_000 or point["N"] == 1e6,
)
grid = chain(autoencoders, flows)


def keep(point) -> bool:
    return point["D"] == 50_000


claims = (
    Claim(
        name="L(D) of the largest autoencoder",
        law="power_law_floor",
        x="D",
        where='learner == "vae" and N > 8000000',
        parameter="alpha",
        low=0.3,
        high=1.2,
        reason="no source has autoencoders of binary digits",
    ),
    Claim(
        name="L(N) of flows on all data",
        law="power_law_floor",
        x="N",
        where='learner == "flow" and D == D.max()',
        parameter="alpha",
        low=0.2,
        high=1.0,
        reason="no source has flows of digits",
    ),
)
