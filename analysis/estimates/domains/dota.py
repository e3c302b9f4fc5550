"""Dota 2: OpenAI's one against one (2017) and OpenAI Five (2018, 2019)."""

from __future__ import annotations

from .. import Landmark, Quote
from ..quantity import Estimate, Factor
from ..units import counted
from . import hardware
from ._counting import AI_AND_COMPUTE, DEFINITION, by_hardware, six

PLACE = 6
counted("tick", "move", "game", "number")

SLIDE = "the talk, ML by the Numbers - Dota"
FIVE = "OpenAI 2018, OpenAI Five"
PAPER = "Berner 2019, Dota 2 with large scale deep reinforcement learning"

_play = Factor("years of play in a day", 180, "years / day", FIVE)
_tick_rate = Factor("ticks a second", 30, "ticks / s", FIVE)
_every = Factor("ticks for a move", 4, "ticks / move", FIVE)
_move = Factor("a move is an example", 1, "example / move", DEFINITION)
_day = Factor("a day", 1, "day", DEFINITION)
_gpus = Factor("P100 that learn", 256, "devices", FIVE)


def _lstm(units: int) -> Estimate:
    """Parameters of one LSTM layer whose inputs are as many as its units."""
    neurons = Factor("units", units, "neurons", SLIDE)
    gates = Factor("gates and the candidate", 4, "", DEFINITION)
    seen = Factor("inputs and state that each sees", 2 * units, "parameters / neuron", DEFINITION)
    return Estimate(f"parameters of an LSTM of {units} units", neurons * gates * seen, "parameters")


play_a_day = Estimate("play in a day", _play * _day, "s")
moves_a_game = Estimate(
    "moves of a game of 30 minutes",
    Factor("a game", 30, "minutes / game", SLIDE) * _tick_rate / _every,
    "moves / game",
)
moves_of_a_long_game = Estimate(
    "moves of a game of 45 minutes",
    Factor("a game", 45, "minutes / game", FIVE) * _tick_rate / _every,
    "moves / game",
)
batch = Estimate(
    "numbers in a batch",
    Factor("observations", 1e6, "examples", SLIDE)
    * Factor("numbers of each", 2e4, "numbers / example", SLIDE),
    "numbers",
)
lstm_1024 = _lstm(1024)
lstm_2048 = _lstm(2048)
observations_a_day = Estimate(
    "observations in a day",
    play_a_day * _tick_rate / _every * _move * Factor("heroes", 5, "", FIVE),
    "examples",
)
flop_a_day = by_hardware(
    "training OpenAI Five for a day, by its GPUs",
    _gpus,
    _day,
    hardware.P100,
    hardware.USED_2018,
)
flop_a_day_by_architecture = Estimate(
    "training OpenAI Five for a day, by its LSTM",
    six * lstm_1024 * observations_a_day,
    "FLOP",
    note="each observation used once; the layers around the LSTM are left out",
)
one_against_one = Estimate(
    "training one against one (2017)",
    Factor("petaflop/s-days", 6.97, "petaFLOP / s * day", AI_AND_COMPUTE, within=1.5),
    "FLOP",
)
five = Estimate(
    "training OpenAI Five (2019)",
    Factor("petaflop/s-days", 770, "petaFLOP / s * day", PAPER, within=1.1),
    "FLOP",
)
observations = Estimate(
    "observations of OpenAI Five (2018)",
    observations_a_day * Factor("days", 45, "", "OpenAI 2019: a month and a half", within=1.5),
    "examples",
)

LANDMARKS = (
    Landmark(name="Dota, one against one", C=one_against_one, compared=True),
    Landmark(name="OpenAI Five (2018)", N=lstm_1024, D=observations),
    Landmark(name="OpenAI Five (2019)", C=five),
)
TALK = (
    Quote(what="GPUs", value=256, units="devices", slide=SLIDE, measured=_gpus),
    Quote(
        what="CPU cores",
        value=1e5,
        units="devices",
        slide=SLIDE,
        measured=Factor("cores", 128_000, "devices", FIVE),
    ),
    Quote(
        what="play in a day",
        value=1e10,
        units="s",
        slide=SLIDE,
        measured=play_a_day,
        note="180 years of play a day; 900 years if each of five heroes counts",
    ),
    Quote(
        what="observations of a batch",
        value=1e6,
        units="examples",
        slide=SLIDE,
        measured=Factor("observations", 1_048_576, "examples", FIVE),
    ),
    Quote(
        what="moves of a game of 30 minutes",
        value=2e4,
        units="moves / game",
        slide=SLIDE,
        follows=moves_a_game,
        measured=moves_of_a_long_game,
        note="20k moves are those of 45 minutes, which is what OpenAI counted",
    ),
    Quote(
        what="units of its LSTM (1024 or 2048)",
        value=2048,
        units="neurons",
        slide=SLIDE,
        measured=Factor("OpenAI Five (2019)", 4096, "neurons", PAPER),
        note="1024 in 2018; 4096 and 1.6e8 parameters in 2019, no longer small",
    ),
)
