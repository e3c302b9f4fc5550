"""A human life as a training run: thirty years of a brain, and their price."""

from __future__ import annotations

from .. import Landmark, Quote
from ..quantity import Estimate, Factor, two_to
from . import brain, hardware
from ._counting import DEFINITION

PLACE = 8
SLIDE = "the talk, Why Now?"
COTRA = "Cotra 2020, Forecasting TAI with biological anchors"
PRICED = 2024  # the year of hardware.flop_per_dollar

_day = Factor("a day", 1, "day", DEFINITION)

seconds = Estimate("thirty years", Factor("years", 30, "years", SLIDE, within=1.5), "s")
flops = Estimate(
    "training a human brain for thirty years", brain.flops_per_second * seconds, "FLOP"
)
flops_carlsmith = Estimate(
    "the same with Carlsmith's brain", brain.flops_per_second_carlsmith * seconds, "FLOP"
)
_a_day = Estimate("a life's compute in a day", flops / _day, "FLOP/s")
petaflops = Estimate("petaflop/s for a life's compute a day", _a_day, "petaFLOP/s")
petaflop_days = Estimate(
    "the talk's 10^24 FLOP, in petaflop/s-days",
    Factor("a life", 1e24, "FLOP", SLIDE) / hardware.petaflop_day,
    "",
)
devices = Estimate("H100 for a life's compute a day", _a_day / hardware.h100, "devices")


def dollars_a_day(year: int) -> Estimate:
    """What a life's compute a day costs in that year, as the price of FLOP/s goes on falling."""
    ahead = Factor(f"years from {PRICED} to {year}", year - PRICED, "years", DEFINITION)
    then = hardware.flop_per_dollar * two_to(ahead / hardware.doubling_time)
    bought = Estimate(f"what a dollar buys ({year})", then, "FLOP / dollar")
    return Estimate(f"a life's compute a day ({year})", flops / _day / bought, "dollars / day")


dollars_a_day_in_2018 = dollars_a_day(2018)
dollars_a_day_in_2024 = dollars_a_day(2024)
dollars_a_day_in_2030 = dollars_a_day(2030)
dollars_a_day_in_2036 = dollars_a_day(2036)

biggest_cluster = Estimate(
    "a day of 100,000 H100",
    Factor("devices", 1e5, "devices", "xAI 2024, Colossus, on which Grok-3 was trained")
    * hardware.h100
    * _day,
    "FLOP",
)

LANDMARKS = (
    Landmark(
        name="a human life",
        kind="brain",
        N=Estimate(
            "synapses as parameters",
            brain.synapses * Factor("one each", 1, "parameter / synapse", DEFINITION),
            "parameters",
        ),
        D=Estimate(
            "seconds as examples",
            seconds * Factor("one each", 1, "example / s", DEFINITION),
            "examples",
        ),
        C=flops,
        compared=True,
    ),
    Landmark(
        name="lifetime anchor",
        kind="anchor",
        C=Estimate("lifetime anchor", Factor("median", 1e28, "FLOP", COTRA, within=1e3), "FLOP"),
    ),
)
TALK = (
    Quote(
        what="seconds of training a brain",
        value=1e9,
        units="s",
        slide=SLIDE,
        follows=seconds,
    ),
    Quote(
        what="FLOP of a human life",
        value=1e24,
        units="FLOP",
        slide=SLIDE,
        bound="at most",
        follows=flops,
        measured=flops_carlsmith,
    ),
    Quote(
        what="a life's compute in a day, “relatively soon”",
        bound="at least",
        value=1e24,
        units="FLOP",
        slide=SLIDE,
        follows=flops,
        measured=biggest_cluster,
        note="1.2e4 petaflop/s, some 30,000 H100: there since 2024",
    ),
)
