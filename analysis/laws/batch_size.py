"""L = A x^b

The best batch size, or any other hyperparameter, against one scale; b may have either sign.
Li et al. 2025, "Predictable scale, part I: optimal hyperparameter scaling law":
0.58 D^0.571 tokens. Bi et al. 2024, "DeepSeek LLM": batch size 0.2920 C^0.3271 tokens,
learning rate 0.3118 C^-0.1250.
"""

from . import Real, Scale

VARIABLES = ("x",)
PARAMETERS = {"A": Scale(), "b": Real(-1.0, 1.0)}
RESPONSE = "batch size"
EXAMPLE = {"A": 0.58, "b": 0.571}


def loss(p, x):
    return p["A"] * x["x"] ** p["b"]
