"""L = B_1 D^beta

The critical batch size against the number of examples trained on: it grows as the loss falls, and
the loss falls with data; at fixed data it hardly depends on the size of the model.
Zhang et al. 2024, "How does critical batch size scale in pre-training?", where it is the batch that
needs 20% more steps than one in proportion would.
"""

from . import Real, Scale

VARIABLES = ("D",)
PARAMETERS = {"B_1": Scale(), "beta": Real(0.0, 1.0)}
RESPONSE = "critical batch size"
EXAMPLE = {"B_1": 22.91, "beta": 0.47}


def loss(p, x):
    return p["B_1"] * x["D"] ** p["beta"]
