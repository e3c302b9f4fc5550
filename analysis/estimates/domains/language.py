"""Language: the Billion Word Benchmark, its models, translation systems, large models since."""

from __future__ import annotations

import math
from typing import NamedTuple

from .. import Landmark, Quote
from ..quantity import Estimate, Factor
from ..units import counted
from . import hardware
from ._counting import AI_AND_COMPUTE, DEFINITION, by_hardware, six

PLACE = 4
counted("word")

SLIDE = "the talk, ML Scales - Language"
LIMITS = "Jozefowicz 2016, Exploring the Limits of Language Modeling"
VOCABULARY = 793_471
EPOCH = "Epoch AI, notable models (CC BY)"


class Model(NamedTuple):
    """A row of the talk's table: test perplexity, and parameters in billions."""

    name: str
    perplexity: float
    billions: float


# Jozefowicz 2016, table 1, as the talk shows it.
PERPLEXITY = (
    Model("Sigmoid-RNN-2048 (Ji 2015)", 68.3, 4.1),
    Model("Interpolated KN 5-gram, 1.1 B n-grams (Chelba 2013)", 67.6, 1.76),
    Model("Sparse non-negative matrix LM (Shazeer 2015)", 52.9, 33),
    Model("RNN-1024 + MaxEnt 9-gram features (Chelba 2013)", 51.3, 20),
    Model("LSTM-512-512", 54.1, 0.82),
    Model("LSTM-1024-512", 48.2, 0.82),
    Model("LSTM-2048-512", 43.7, 0.83),
    Model("LSTM-8192-2048 (no dropout)", 37.9, 3.3),
    Model("LSTM-8192-2048 (50% dropout)", 32.2, 3.3),
    Model("2-layer LSTM-8192-1024 (big LSTM)", 30.6, 1.8),
    Model("Big LSTM + CNN inputs", 30.0, 1.04),
    Model("Big LSTM + CNN inputs + CNN softmax", 39.8, 0.29),
    Model("Big LSTM + CNN inputs + CNN softmax + 128-dim correction", 35.8, 0.39),
    Model("Big LSTM + CNN inputs + char LSTM predictions", 47.9, 0.23),
)


def _recurrent(units: int, projection: int, layers: int) -> Estimate:
    """The parameters of LSTM layers with a projection; biases and peepholes are a part in 1000."""
    neurons = Factor("units of a layer", units, "neurons", LIMITS)
    gates = Factor("gates and the candidate", 4, "", DEFINITION)
    seen = Factor("inputs and state that each sees", 2 * projection, "parameters / neuron", LIMITS)
    back = Factor("projection", projection, "parameters / neuron", LIMITS)
    one = Factor("layers", layers, "", LIMITS)
    return Estimate(
        "parameters of the recurrent layers",
        neurons * gates * seen * one + neurons * back * one,
        "parameters",
    )


def _lstm(units: int, projection: int, layers: int = 1) -> Estimate:
    words = Factor("words of the vocabulary", VOCABULARY, "words", LIMITS)
    width = Factor("width of embedding and of softmax", projection, "parameters / word", LIMITS)
    both = Factor("embedding and softmax", 2, "", DEFINITION)
    return Estimate(
        f"parameters of {layers}-layer LSTM-{units}-{projection}",
        words * width * both + _recurrent(units, projection, layers),
        "parameters",
    )


lstm_512_512 = _lstm(512, 512)
lstm_1024_512 = _lstm(1024, 512)
lstm_2048_512 = _lstm(2048, 512)
lstm_8192_2048 = _lstm(8192, 2048)
big_lstm = _lstm(8192, 1024, 2)

_words = Factor("words to train on", 0.83e9, "words", "Chelba 2013", within=1.02)
_said_words = Factor("words", 1e9, "words", SLIDE)
_passes = Factor("passes over them", math.sqrt(10 * 100), "", SLIDE, math.sqrt(10), "flat")
_word = Factor("a word is an example", 1, "example / word", DEFINITION)

words = Estimate("words of the Billion Word Benchmark", _words, "words")
reading_time = Estimate(
    "reading a billion words",
    _said_words / Factor("reading", 200, "words / minute", "usual; Brysbaert 2019: 238", 1.3),
    "years",
)
training = Estimate(
    "training the big LSTM",
    six * _recurrent(8192, 1024, 2) * _words * _word * _passes,
    "FLOP",
    note="embedding look-ups cost nothing and the softmax was sampled: neither is counted",
)
training_time = Estimate(
    "training the big LSTM on 32 K40",
    training / (Factor("GPUs", 32, "devices", LIMITS) * hardware.K40 * hardware.USED_2018),
    "days",
)
gnmt = Estimate(
    "training Google's translation system (GNMT)",
    by_hardware(
        "a model of the paper",
        Factor("GPUs", 96, "devices", "Wu 2016, section 8.4"),
        Factor("days", 9, "days", "Wu 2016, section 8.4"),
        hardware.K80,
        hardware.USED_2018,
    )
    * Factor("data of production, ten to a hundred", math.sqrt(1000), "", AI_AND_COMPUTE, 2),
    "FLOP",
)


def _six_nd(name: str, billions: float, tokens: float, source: str) -> Estimate:
    tokens_seen = Factor("tokens seen", tokens, "examples", source)
    return Estimate(name, six * _billions(billions, source) * tokens_seen, "FLOP")


def _billions(value: float, source: str) -> Factor:
    return Factor("parameters", value * 1e9, "parameters", source)


gpt_3 = _six_nd("training GPT-3", 175, 300e9, "Brown 2020, table D.1")
chinchilla = _six_nd("training Chinchilla", 70, 1.4e12, "Hoffmann 2022, section 4")
palm = _six_nd("training PaLM", 540.35, 780e9, "Chowdhery 2022, tables 1 and 2")

LANDMARKS = (
    Landmark(name="big LSTM on a Billion Words", N=big_lstm, D=words, C=training),
    Landmark(name="GNMT", C=gnmt),
    Landmark(name="GPT-3", C=gpt_3),
    Landmark(name="PaLM (2022)", C=palm),
)
TALK = (
    Quote(
        what="reading a billion words",
        value=10,
        units="years",
        slide=SLIDE,
        follows=reading_time,
        note="without sleep",
    ),
    Quote(
        what="training on them, 10 to 100 passes",
        value=10,
        units="days",
        slide=SLIDE,
        within=3,
        follows=training_time,
        measured=Factor("the best model", 21, "days", LIMITS),
    ),
    Quote(
        what="parameters of LSTM-2048-512",
        value=0.83e9,
        units="parameters",
        slide=SLIDE,
        follows=lstm_2048_512,
    ),
    Quote(
        what="parameters of LSTM-8192-2048",
        value=3.3e9,
        units="parameters",
        slide=SLIDE,
        follows=lstm_8192_2048,
    ),
    Quote(
        what="parameters of the 2-layer LSTM-8192-1024",
        value=1.8e9,
        units="parameters",
        slide=SLIDE,
        follows=big_lstm,
    ),
    Quote(
        what="FLOP of heavy duty translation systems",
        value=1e21,
        units="FLOP",
        slide=SLIDE,
        bound="at least",
        follows=gnmt,
        measured=Factor("GNMT", 6.62e21, "FLOP", EPOCH),
        note="at least, it said",
    ),
)
