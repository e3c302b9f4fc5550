"""How does the test loss of an MLP on MNIST fall with parameters, data and compute?

Question: On real MNIST (50,000 training images), how does the test loss of a two-layer ReLU
perceptron fall with N from 10^3 to 10^6.5 parameters and D from 100 to 50,000 images, each at its
best learning rate?

Prediction: With the largest model loss falls with data as a power with exponent 0.4 to 0.8, as
Rosenfeld 2019 found for small image sets (0.5 to 0.6). With all data it falls with parameters with
exponent 0.3 to 1.0 until data limit it (the smallest model, one unit wide, is a bottleneck of
another kind and left out). N >> D does no harm: at fixed D more parameters never hurt.

Cost: 648 runs, 7 programs, 5e14 FLOP; about an hour on two CPU cores, a few minutes on a GPU.

Command: scaling-lab run e02_mnist_mlp
"""

from scaling_lab import MLP, Claim, Mnist, Recipe, Run, Supervised, axis, product, where

base = Run(
    learner=Supervised(),
    data=Mnist(),
    model=MLP(depth=2),
    recipe=Recipe(optimizer="adamw", schedule="cosine", batch_size=128, warmup=50),
    steps=2_000,
)

# The best learning rate falls with width: the highest is not worth its cost on the largest model.
grid = where(
    product(
        axis("N", [1_000, 4_000, 15_000, 60_000, 200_000, 800_000, 3_200_000]),
        axis("D", [100, 250, 600, 1_500, 4_000, 10_000, 25_000, 50_000]),
        axis("learning_rate", [1.5e-4, 5e-4, 1.5e-3, 5e-3]),
        axis("seed", range(3)),
    ),
    lambda point: point["N"] < 1e6 or point["learning_rate"] < 5e-3,
)

claims = (
    Claim(
        name="L(D) at the largest model",
        law="power_law",
        x="D",
        where="N == N.max()",
        parameter="alpha",
        low=0.4,
        high=0.8,
        source="Rosenfeld 2019, small image sets: 0.5 to 0.6",
    ),
    Claim(
        name="L(N) on all data",
        law="power_law_floor",
        x="N",
        where="D == D.max() and N > 2000",
        parameter="alpha",
        low=0.3,
        high=1.0,
        reason="no source has small perceptrons on easy pictures",
    ),
)
