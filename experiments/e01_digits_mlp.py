"""Does the test loss of an MLP on handwritten digits fall as a power of N and of D?

Question: On 8x8 digits, how does the test loss of a two-layer perceptron fall with its number of
parameters N and its number of training images D, and is one exponent enough for each?

Prediction: With the largest model, loss falls with data as a power with a floor, alpha_D between
0.3 and 1.0: faster than language (0.1) as the task is easy and of low dimension. With all data,
loss falls with parameters with alpha_N between 0.3 and 2.0 until data limit it.

Cost: 378 runs, 7 programs, 1e12 FLOP; about a minute on two cores.

Command: scaling-lab run e01_digits_mlp
"""

from scaling_lab import MLP, Claim, Digits, Recipe, Run, Supervised, axis, product

base = Run(
    learner=Supervised(),
    data=Digits(),
    model=MLP(depth=2),
    recipe=Recipe(optimizer="adamw", schedule="cosine", batch_size=64, warmup=20),
    steps=1_000,
)

grid = product(
    axis("N", [300, 700, 1_500, 3_000, 6_000, 12_000, 25_000]),
    axis("D", [50, 100, 200, 400, 800, 1_197]),
    axis("learning_rate", [1e-3, 3e-3, 1e-2]),
    axis("seed", range(3)),
)

claims = (
    Claim(
        name="L(D) at the largest model",
        law="power_law_floor",
        x="D",
        where="N == N.max()",
        parameter="alpha",
        low=0.3,
        high=1.0,
        reason="photographs have 0.3 to 0.5 (Hestness 2017); easier pictures may be steeper",
    ),
    Claim(
        name="L(N) on all data",
        law="power_law_floor",
        x="N",
        where="D == D.max()",
        parameter="alpha",
        low=0.3,
        high=2.0,
        reason="no source has small perceptrons; a bottleneck of few units may be steep",
    ),
)
