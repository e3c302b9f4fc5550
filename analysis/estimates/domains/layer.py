"""One layer by hand: the talk's explicit example, ReLU(W x + b) with three neurons."""

from __future__ import annotations

import numpy as np

from .. import Landmark, Quote
from ..quantity import Estimate, Factor, Quantity
from ._counting import dense, flop_per_madd

PLACE = 1
TALK_SLIDE = "the talk, A Very Explicit Example"

W = np.array([[4, 5, 6], [3, 2, 1], [-9, -8, -7]])
b = np.array([12, 3, 4])
x = np.array([3, -2, 1])

_layer = dense("the layer", W.shape[1], W.shape[0], TALK_SLIDE)

parameters = _layer.parameters
forward = Estimate(
    "a forward pass of one layer",
    _layer.madds * flop_per_madd * Factor("vectors", 1, "example", TALK_SLIDE),
    "FLOP",
)


def _neuron(row: int) -> Estimate:
    """What neuron `row` gives before its ReLU: its weights times the inputs, and the bias."""
    found: Quantity = Factor("bias", int(b[row]), "", TALK_SLIDE)
    for weight, value in zip(W[row], x, strict=True):
        found = found + Factor("weight", int(weight), "", TALK_SLIDE) * Factor(
            "input", int(value), "", TALK_SLIDE
        )
    return Estimate(f"neuron {row + 1} before its ReLU", found, "")


first, second, third = _neuron(0), _neuron(1), _neuron(2)


def outputs() -> np.ndarray:
    """ReLU(W x + b) [3]."""
    return np.maximum(0, W @ x + b)


LANDMARKS = (Landmark(name="one 3 × 3 layer, forward", C=forward),)
TALK = tuple(
    Quote(
        what=f"neuron {row} before its ReLU",
        value=said,
        units="",
        slide=TALK_SLIDE,
        follows=follows,
        note="" if said > 0 else "the ReLU makes it 0, and the layer gives (20, 9, 0)",
    )
    for row, (said, follows) in enumerate(((20, first), (9, second), (-14, third)), start=1)
)
