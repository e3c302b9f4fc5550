"""Atari: deep Q-learning from the screen (DQN, 2013 and 2015)."""

from __future__ import annotations

from .. import Landmark, Quote
from ..quantity import Estimate, Factor
from ..units import counted
from ._counting import AI_AND_COMPUTE, by_architecture, convolution, dense, madds, parameters

PLACE = 5
counted("frame")

SLIDE = "the talk, ML by the Numbers - Atari"
MNIH_2013 = "Mnih 2013, sections 4.1 and 5"
MNIH_2015 = "Mnih 2015, methods"

_dqn_2015 = [
    convolution("layer 1", 20, 8, 4, 32, MNIH_2015),
    convolution("layer 2", 9, 4, 32, 64, MNIH_2015),
    convolution("layer 3", 7, 3, 64, 64, MNIH_2015),
    dense("layer 4", 7 * 7 * 64, 512, MNIH_2015),
    dense("the head", 512, 18, MNIH_2015),
]
# As "AI and Compute" counts it: three frames deep, and the head left out.
_dqn_2013 = [
    convolution("layer 1", 20, 8, 3, 16, AI_AND_COMPUTE),
    convolution("layer 2", 9, 4, 16, 32, AI_AND_COMPUTE),
    dense("layer 3", 9 * 9 * 32, 256, AI_AND_COMPUTE),
]
_rate = Factor("frames a second", 60, "frames / s", "the console")

dqn_parameters = parameters("parameters of DQN (2015)", _dqn_2015)
play = Estimate(
    "play of one game by DQN (2013)",
    Factor("frames", 1e7, "frames", MNIH_2013) / _rate,
    "s",
)
play_2015 = Estimate(
    "play of one game by DQN (2015)",
    Factor("frames", 2e8, "frames", MNIH_2015) / _rate,
    "s",
)
frames = Estimate(
    "frames that DQN (2015) decides on",
    Factor("frames", 2e8, "frames", MNIH_2015)
    / Factor("frames a decision", 4, "frames / example", MNIH_2015),
    "examples",
)
training = by_architecture(
    "training DQN (2013) on one game, by its layers",
    madds("multiply-adds of a forward pass", _dqn_2013),
    Factor("updates", 5e6, "", AI_AND_COMPUTE),
    Factor("batch", 32, "examples", MNIH_2013),
)
LANDMARKS = (
    Landmark(name="DQN (2013) on an Atari game", C=training),
    Landmark(name="DQN (2015) on an Atari game", N=dqn_parameters, D=frames),
)
TALK = (
    Quote(
        what="parameters of an Atari player",
        value=1e6,
        units="parameters",
        slide=SLIDE,
        follows=dqn_parameters,
        measured=Factor("DQN (2015)", 1.69e6, "parameters", "Epoch AI, notable models (CC BY)"),
    ),
    Quote(
        what="play before it does well",
        value=1e5,
        units="s",
        slide=SLIDE,
        bound="at least",
        follows=play,
        measured=play_2015,
        note="days to weeks, it said: the first DQN played two days, that of 2015 five weeks",
    ),
)
