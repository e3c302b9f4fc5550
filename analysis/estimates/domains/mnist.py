"""MNIST: handwritten digits and a perceptron of two hidden layers, as the talk has it."""

from __future__ import annotations

from .. import Landmark, Quote
from ..quantity import Estimate, Factor
from ._counting import by_architecture, dense, madds, six
from ._counting import parameters as parameters_of

PLACE = 2
SLIDE = "the talk, MNIST by the Numbers"
SIDE = 28

_images = Factor("training images", 50_000, "examples", SLIDE)
_passes = Factor("passes over them", 20, "", SLIDE, within=1.5)
_hidden = [dense(f"hidden layer {i}", SIDE**2, SIDE**2, SLIDE) for i in (1, 2)]
_layers = [*_hidden, dense("the head", SIDE**2, 10, SLIDE)]

pixels = Estimate(
    "pixels of an image",
    Factor("rows", SIDE, "pixels", SLIDE) * Factor("columns", SIDE, "", SLIDE),
    "pixels",
)
images = Estimate("images to train on", _images, "examples")
layer_parameters = _hidden[0].parameters
parameters = parameters_of("parameters of the perceptron", _layers)
parameters_per_image = Estimate(
    "parameters for each image", parameters / images, "parameters / example"
)
training = Estimate(
    "training a perceptron on MNIST, by 6 N D", six * parameters * images * _passes, "FLOP"
)
training_by_architecture = by_architecture(
    "training a perceptron on MNIST, by its layers",
    madds("multiply-adds of a forward pass", _layers),
    images,
    _passes,
)

LANDMARKS = (Landmark(name="MNIST perceptron", N=parameters, D=images, C=training, compared=True),)
TALK = (
    Quote(
        what="images of MNIST",
        value=50_000,
        units="examples",
        slide=SLIDE,
        measured=Factor("training images", 60_000, "examples", "LeCun 1998"),
        note="10,000 of the 60,000 are usually kept for validation",
    ),
    Quote(
        what="dimensions of an MNIST image",
        value=784,
        units="pixels",
        slide=SLIDE,
        follows=pixels,
    ),
    Quote(
        what="parameters of a hidden layer",
        value=615_440,
        units="parameters",
        slide=SLIDE,
        follows=layer_parameters,
    ),
    Quote(
        what="parameters for each image, N ≫ D",
        value=1,
        units="parameters / example",
        slide=SLIDE,
        bound="at least",
        follows=parameters_per_image,
    ),
)
