"""ImageNet: from AlexNet (2012) to ResNet-152 (2015)."""

from __future__ import annotations

from .. import Landmark, Quote
from ..quantity import Estimate, Factor
from . import hardware
from ._counting import (
    AI_AND_COMPUTE,
    DEFINITION,
    by_architecture,
    by_hardware,
    convolution,
    dense,
    madds,
    parameters,
)

PLACE = 3
SLIDE = "the talk, ImageNet"
ALEXNET = "Krizhevsky 2012, section 3.5"
HE = "He 2015, table 1"

# Layers 2, 4 and 5 see half the channels of the layer below: the network lay on two GPUs.
_alexnet = [
    convolution("layer 1", 55, 11, 3, 96, ALEXNET),
    convolution("layer 2", 27, 5, 48, 256, ALEXNET),
    convolution("layer 3", 13, 3, 256, 384, ALEXNET),
    convolution("layer 4", 13, 3, 192, 384, ALEXNET),
    convolution("layer 5", 13, 3, 192, 256, ALEXNET),
    dense("layer 6", 6 * 6 * 256, 4096, ALEXNET),
    dense("layer 7", 4096, 4096, ALEXNET),
    dense("the head", 4096, 1000, ALEXNET),
]
_images = Factor("images", 1.2e6, "examples", "Krizhevsky 2012, section 2", within=1.07)
_side = Factor("pixels, down", 256, "pixels", SLIDE)
_across = Factor("pixels, across", 256, "", SLIDE)

images = Estimate("images to train on", _images, "examples")
pixels = Estimate("pixels of an image", _side * _across, "pixels")
numbers = Estimate(
    "numbers of an image", _side * _across * Factor("colours", 3, "", DEFINITION), "pixels"
)
alexnet_parameters = parameters("parameters of AlexNet", _alexnet)
alexnet = by_architecture(
    "training AlexNet, by its layers",
    madds("multiply-adds of a forward pass", _alexnet),
    images,
    Factor("passes over them", 90, "", "Krizhevsky 2012, section 5", within=1.1),
)
alexnet_by_hardware = by_hardware(
    "training AlexNet, by its GPUs",
    Factor("GPUs", 2, "devices", "Krizhevsky 2012"),
    Factor("days", 5.5, "days", "Krizhevsky 2012: five to six days", within=1.1),
    hardware.GTX_580,
    hardware.USED_2018,
)
resnet_152 = by_architecture(
    "training ResNet-152, by its layers",
    Factor("multiply-adds of a forward pass", 11.3e9, "madds / example", HE),
    images,
    Factor("passes over them", 128, "", AI_AND_COMPUTE, within=1.1),
)

LANDMARKS = (
    Landmark(name="AlexNet on ImageNet", N=alexnet_parameters, D=images, C=alexnet, compared=True),
    Landmark(name="ResNet-152 on ImageNet", C=resnet_152),
)
TALK = (
    Quote(
        what="images of ImageNet",
        value=1e6,
        units="examples",
        slide=SLIDE,
        measured=Factor("training images", 1_281_167, "examples", "Russakovsky 2015"),
    ),
    Quote(
        what="classes of ImageNet",
        value=1e3,
        units="",
        slide=SLIDE,
        measured=Factor("classes", 1000, "", "Russakovsky 2015"),
    ),
    Quote(
        what="pixels of an image, 256 × 256",
        value=6e5,
        units="pixels",
        slide=SLIDE,
        follows=pixels,
        note="256 × 256 is 6.6e4 (2.0e5 numbers with three colours): the slide is ten times off",
    ),
    Quote(
        what="parameters of the first model that did well",
        value=6e7,
        units="parameters",
        slide=SLIDE,
        follows=alexnet_parameters,
        measured=Factor("parameters", 6e7, "parameters", "Krizhevsky 2012, abstract"),
    ),
    Quote(
        what="layers of models for such data",
        value=1e8,
        units="",
        slide=SLIDE,
        measured=Factor("layers of ResNet-152", 152, "", HE),
        note="a slip of the slide: such models have 10^1 to 10^2 layers",
    ),
    Quote(
        what="FLOP to train",
        value=1e19,
        units="FLOP",
        slide=SLIDE,
        follows=resnet_152,
        measured=Factor("ResNet-152", 1.04e19, "FLOP", "Epoch AI, notable models (CC BY)"),
        note="true of ResNet-152; AlexNet took 5e17, twenty times less",
    ),
    Quote(
        what="the same as a petaflop-hour",
        value=1e19,
        units="FLOP",
        slide=SLIDE,
        follows=hardware.petaflop_hour,
        note="a petaflop/s-hour is 3.6e18 FLOP; 1e19 is 2.8 of them",
    ),
)
