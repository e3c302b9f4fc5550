"""Does a tiny MLP learn digits?

Question: Does it?
Prediction: It does.
Cost: 12 runs, 2 programs, a few seconds.
Command: scaling-lab run tests/tiny_experiment.py
"""

from scaling_lab import MLP, Claim, Digits, Recipe, Run, Supervised, axis, product

base = Run(
    learner=Supervised(),
    data=Digits(),
    model=MLP(depth=1),
    recipe=Recipe(batch_size=32),
    steps=300,
)
grid = product(
    axis("N", [600, 2_000]), axis("D", [60, 200, 1_000]), axis("learning_rate", [3e-3, 1e-2])
)
claims = (
    Claim(
        name="L(D)",
        law="power_law",
        x="D",
        where="N == N.max()",
        parameter="alpha",
        low=0.1,
        high=2,
        reason="it is trained by tests of the engine, which read no verdict",
    ),
)
