"""Does full-batch gradient descent settle where the sharpness is 2 / eta?

Question: A tanh perceptron learns 1,000 handwritten digits by full-batch gradient descent on
squared errors. Does the largest eigenvalue of the Hessian of its training loss, the sharpness, rise
until it is 2 / eta and stay there, at each learning rate eta, as Cohen 2021 found? Is there a rate
too low to get there, and which rates are too high to train at all?

Prediction: At the rates 0.07, 0.08, 0.1 and 0.11 sharpness x eta / 2 ends within 1% of 1, in the
mean over seeds. At 0.02 it stays below 0.9. Rates above 2 over the sharpness at initialisation
diverge. That is the textbook's, of a quadratic loss, and doubted here: in a trial a rate of 0.1,
far above that bound, did not diverge in a hundred steps. The sharpness fell instead, as in the
catapult phase of Lewkowycz 2020, which ends near four over the initial sharpness if the last layer
alone is trained; so a fourth prediction is that rates from 8 over it on diverge. The initial
sharpness of three seeds was computed before anything was trained: 37 of each. An older trial of
other code found 0.9991, 0.9988, 0.9987 and 1.0017 at the four rates, from which the noise of a run
is guessed.

Cost: 41 runs, 1 program, 5.8e12 FLOP, and twice as many for the sharpness; ten minutes on one core.

Command: scaling-lab run e51_edge_of_stability
"""

from scaling_lab import MLP, Claim, Digits, Recipe, Run, Supervised, axis, chain, product

base = Run(
    learner=Supervised(loss="squares"),
    data=Digits(),
    model=MLP(width=64, depth=2, activation="tanh"),
    recipe=Recipe(
        optimizer="sgd",
        schedule="constant",
        batch_size=1_000,
        learning_rate=0.1,
        power_iterations=1,
    ),
    D=1_000,
    steps=5_000,
)

RATES = [0.07, 0.08, 0.1, 0.11]
LOW = 0.02
# 4 to 16 times 2 over the initial sharpness, 37.
HIGH = [0.22, 0.44, 0.88]

grid = chain(
    product(axis("learning_rate", [LOW, *RATES]), axis("seed", range(4))),
    product(axis("learning_rate", HIGH), axis("seed", range(7)), axis("steps", [500])),
)

choose = ()

claims = (
    *(
        Claim(
            kind="value",
            name=f"the edge of stability at a rate of {rate:g}",
            at={"learning_rate": rate},
            loss="sharpness_over_threshold",
            low=0.99,
            high=1.01,
            source="Cohen 2021: just above 1",
            options={"noise": 0.001},
        )
        for rate in RATES
    ),
    Claim(
        kind="value",
        name=f"a rate of {LOW:g} stays below",
        at={"learning_rate": LOW},
        loss="sharpness_over_threshold",
        low=0.1,
        high=0.9,
        reason="how far the sharpness rises at a low rate depends on the steps",
        options={"noise": 0.05},
    ),
    Claim(
        kind="share",
        name="rates above 2 over the initial sharpness diverge",
        event="status == 'diverged'",
        where="learning_rate > 0.055",
        low=0.9,
        high=1.0,
        source="descent on a quadratic loss",
    ),
    Claim(
        kind="share",
        name="rates above 8 over the initial sharpness diverge",
        event="status == 'diverged'",
        where="learning_rate > 0.215",
        low=0.8,
        high=1.0,
        source="Lewkowycz 2020: 4 over it if the last layer alone is trained",
    ),
)
