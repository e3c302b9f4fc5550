"""Is the whole chain right, on one task that theory solves exactly?

Question: Linear regression by stochastic gradient descent, with Gaussian inputs, has an expected
error that is known at every step (analysis/theory/top_features.py). Do trained runs have it?

Prediction: Yes: means over seeds lie on the exact curve, in which nothing is fitted, at every
number of steps. A trial with other examples gave the scatter, and so the number of seeds.

Every run draws examples of its own, so all points are independent. The six tasks of e60_calibration
are the long form of this test.

Cost: 256 runs, 1 program, 2e8 FLOP; ten seconds on two cores.

Command: scaling-lab run e00_exact_curve
"""

from scaling_lab import Claim, PowerLaw, Recipe, Regression, Run, TopFeatures, axis, product

base = Run(
    learner=Regression(),
    data=PowerLaw(coordinates=64, a=1.0, b=1.0, tail=True),
    model=TopFeatures(width=32),
    recipe=Recipe(optimizer="sgd", schedule="constant", batch_size=16, learning_rate=0.15),
    D=16,
    steps=1,
)
EXAMPLES = [16 * 2**k for k in range(3, 11)]

grid = tuple(
    dict(point) | {"data_seed": number}
    for number, point in enumerate(
        product(axis("D", EXAMPLES), axis("epochs", [1]), axis("seed", range(32))), start=1
    )
)
choose = ()

claims = (
    Claim(
        name="one-pass SGD on its exact curve",
        kind="curve",
        theory="top_features",
        x="steps",
        loss="test_loss",
        options={"a": 1.0, "b": 1.0, "coordinates": 64, "tail": True},
        source="the recursion of Paquette et al. 2024, exact at every step",
    ),
)
