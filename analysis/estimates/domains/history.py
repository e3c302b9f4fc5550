"""The history of training compute: OpenAI's points of 2018, their projection, and since."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pandas as pd

from .. import Landmark, Quote, doubling
from ..quantity import LEVEL, Estimate, Factor, two_to
from ..units import counted
from . import life
from ._counting import AI_AND_COMPUTE
from .hardware import petaflop_day as _petaflop_day

PLACE = 9
counted("game", "move")

SLIDE = "the talk, Compute in ML"
EPOCH = "Epoch AI, notable models, February 2025 (CC BY)"
ERAS = ((2010, 2025), (2018, 2025))  # of Epoch's table, years inclusive


class System(NamedTuple):
    """A system, the day it was published and its training compute."""

    name: str
    date: str
    amount: float


# Amodei & Hernandez 2018, in petaflop/s-days.
POINTS = (
    System("AlexNet", "2012-06-01", 0.005787540000000001),
    System("Dropout", "2012-07-03", 0.0021312),
    System("Word2vec", "2013-10-01", 4.5e-4),
    System("Visualizing CNNs", "2013-11-12", 0.00615384),
    System("VAE", "2013-12-01", 5.5e-6),
    System("DQN", "2013-12-19", 2.7e-5),
    System("GAN", "2014-06-01", 0.006),
    System("VGG", "2014-09-04", 0.098),
    System("Seq2Seq", "2014-09-10", 0.09324),
    System("GoogLeNet", "2014-09-17", 0.018),
    System("Adam", "2014-12-01", 7e-4),
    System("DeepSpeech2", "2015-12-08", 0.24),
    System("ResNet", "2015-12-10", 0.12053333333333335),
    System("GNMT", "2016-09-25", 79.42774259317446),
    System("Xception", "2016-10-07", 5.214779999999999),
    System("Architecture search", "2016-11-05", 31.99996800000001),
    System("Transformer", "2017-06-01", 0.089),
    System("Dota 1v1", "2017-08-11", 6.974926),
    System("AlphaGo Zero", "2017-10-19", 1862),
    System("AlphaZero", "2017-12-05", 420),
)

# Since then: the largest of their time, in FLOP, from Epoch AI's notable models (CC BY).
SINCE = (
    System("OpenAI Five", "2019-12-13", 6.7e22),
    System("GPT-3", "2020-05-28", 3.14e23),
    System("PaLM", "2022-04-04", 2.5272e24),
    System("GPT-4", "2023-03-15", 2.1e25),
    System("Llama 3.1", "2024-07-23", 3.8e25),
    System("Grok-3", "2025-02-17", 4.64e26),
)


def points() -> pd.DataFrame:
    """OpenAI's points: system, date, flop."""
    return _table(POINTS, _petaflop_day.centre())


def since() -> pd.DataFrame:
    """The largest systems since: system, date, flop."""
    return _table(SINCE, 1.0)


@cache
def trend() -> doubling.Doubling:
    """The doubling time of the systems that set a record, from OpenAI's points; its 90% range."""
    return doubling.fit(doubling.record_setters(points()), LEVEL)


def _table(systems: tuple[System, ...], unit: float) -> pd.DataFrame:
    frame = pd.DataFrame(systems, columns=["system", "date", "flop"])
    frame["date"] = pd.to_datetime(frame["date"])
    return frame.assign(flop=frame["flop"] * unit)


def _of(name: str) -> System:
    (found,) = [system for system in (*POINTS, *SINCE) if system.name == name]
    return found


def _published(name: str, within: float) -> Estimate:
    fact = Factor("published estimate", _of(name).amount, "FLOP", EPOCH, within)
    return Estimate(f"training {name}", fact, "FLOP")


alphago_zero = Estimate(
    "training AlphaGo Zero",
    Factor("petaflop/s-days", _of("AlphaGo Zero").amount, "petaFLOP / s * day", AI_AND_COMPUTE, 2),
    "FLOP",
    note="the network of 20 blocks; that of 40 blocks took more",
)
alphago_zero_by_games = Estimate(
    "training AlphaGo Zero, by its games",
    Factor("games of self-play", 29e6, "games", "Silver 2017", within=1.1)
    * Factor("moves", 211, "moves / game", EPOCH, within=1.1)
    * Factor("time for a move", 0.8, "s / move", EPOCH, within=1.5)
    * Factor("TPUs that play", 4, "devices", "Silver 2017")
    * Factor("peak of a TPU (8 bits)", 92e12, "FLOP/s / device", "Jouppi 2017")
    * Factor("share of the peak that is used", 0.4, "", EPOCH, within=2),
    "FLOP",
    note="the network of 40 blocks, with all of its self-play",
)
gpt_4 = _published("GPT-4", 2.3)
grok_3 = _published("Grok-3", 2)

_line = trend()
_doubling_time = Factor(
    "doubling time of the record-setters",
    _line.months,
    "months",
    "least squares over six of OpenAI's points",
    within=(_line.high / _line.low) ** 0.5,
)
_to_2022 = Factor(
    "from AlphaGo Zero to 2022",
    (pd.Timestamp("2022-01-01") - pd.Timestamp(_of("AlphaGo Zero").date)).days,
    "days",
    "the calendar",
)
projected_2022 = Estimate(
    "the largest run of 2022, by the trend to 2017",
    alphago_zero * two_to(_to_2022 / _doubling_time),
    "FLOP",
)
lives_projected = Estimate("the same in lives", projected_2022 / life.flops, "")
lives_of_palm = Estimate(
    "the largest run of early 2022 (PaLM) in lives",
    Factor("PaLM", _of("PaLM").amount, "FLOP", EPOCH) / life.flops,
    "",
)

LANDMARKS = (
    Landmark(name="AlphaGo Zero", C=alphago_zero, compared=True),
    Landmark(name="GPT-4 (2023)", C=gpt_4),
    Landmark(name="Grok-3 (2025)", C=grok_3),
    Landmark(name="2022, as projected in 2018", kind="anchor", C=projected_2022),
)
TALK = (
    Quote(
        what="human lives of compute in one run of 2022",
        value=1000,
        units="",
        slide=SLIDE,
        follows=lives_projected,
        measured=lives_of_palm,
        note="the trend to 2017 gives more still; it slowed",
    ),
)
