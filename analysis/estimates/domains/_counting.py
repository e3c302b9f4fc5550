"""Parameters and training compute, counted in both ways of OpenAI's "AI and Compute" (2018).

From the architecture: multiply-adds of a forward pass x 2 FLOP x 3 (a backward pass costs two
forward passes) x examples seen. From the hardware: devices x time x peak rate x utilisation.
"""

from __future__ import annotations

from typing import NamedTuple

from ..quantity import Estimate, Factor, Product, Quantity, Sum
from ..units import counted

counted("madd", "neuron", "filter")

DEFINITION = "by definition"
AI_AND_COMPUTE = "Amodei & Hernandez 2018, AI and Compute, appendix"

flop_per_madd = Factor("a multiply and an add", 2, "FLOP / madd", DEFINITION)
forward_and_backward = Factor(
    "forward pass and backward pass of twice its cost", 3, "", "Kaplan 2020, section 2.1"
)
six = Factor(
    "training FLOP for each parameter and example", 6, "FLOP / (parameter example)", "Kaplan 2020"
)


class Layer(NamedTuple):
    """The parameters of a layer, and the multiply-adds of a forward pass on one example."""

    parameters: Estimate
    madds: Estimate


def dense(name: str, inputs: int, outputs: int, source: str) -> Layer:
    """A fully connected layer with biases."""
    neurons = Factor(f"neurons of {name}", outputs, "neurons", source)
    weights = Factor("weights of each", inputs, "parameters / neuron", source)
    bias = Factor("and its bias", 1, "parameter / neuron", DEFINITION)
    once = Factor("each weight is used once", 1, "madd / (parameter example)", DEFINITION)
    return Layer(
        Estimate(f"parameters of {name}", neurons * weights + neurons * bias, "parameters"),
        Estimate(f"multiply-adds of {name}", neurons * weights * once, "madds / example"),
    )


def convolution(name: str, side: int, kernel: int, inputs: int, outputs: int, source: str) -> Layer:
    """A convolution with `outputs` filters of kernel x kernel x inputs at side x side places."""
    filters = Factor(f"filters of {name}", outputs, "filters", source)
    height = Factor("kernel, down", kernel, "", source)
    width = Factor("kernel, across", kernel, "", source)
    depth = Factor("channels that each sees", inputs, "parameters / filter", source)
    rows = Factor("places, down", side, "", source)
    columns = Factor("places, across", side, "", source)
    once = Factor("each weight is used once a place", 1, "madd / (parameter example)", DEFINITION)
    weights = filters * height * width * depth
    biases = filters * Factor("and its bias", 1, "parameter / filter", DEFINITION)
    return Layer(
        Estimate(f"parameters of {name}", weights + biases, "parameters"),
        Estimate(f"multiply-adds of {name}", weights * rows * columns * once, "madds / example"),
    )


def parameters(name: str, layers: list[Layer], note: str = "") -> Estimate:
    """The parameters of a network of these layers."""
    return Estimate(name, Sum(tuple(layer.parameters for layer in layers)), "parameters", note)


def madds(name: str, layers: list[Layer], note: str = "") -> Estimate:
    """The multiply-adds of the network's forward pass on one example."""
    return Estimate(name, Sum(tuple(layer.madds for layer in layers)), "madds / example", note)


def by_architecture(name: str, forward: Quantity, *examples: Quantity, note: str = "") -> Estimate:
    """Training FLOP from the multiply-adds of a forward pass and the examples seen."""
    rest = Product(tuple((factor, 1) for factor in examples))
    return Estimate(name, forward * flop_per_madd * forward_and_backward * rest, "FLOP", note)


def by_hardware(
    name: str, devices: Quantity, time: Quantity, peak: Quantity, utilisation: Quantity, **how: str
) -> Estimate:
    """Training FLOP from devices, time, peak rate and utilisation."""
    return Estimate(name, devices * time * peak * utilisation, "FLOP", **how)
