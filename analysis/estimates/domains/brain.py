"""The brain: its compute, after several authors, and its size."""

from __future__ import annotations

import math

from .. import Landmark, Quote
from ..quantity import Estimate, Factor
from ..units import counted
from ._counting import DEFINITION

PLACE = 7
counted("neuron", "synapse", "spike", "calculation")

SLIDE = "the talk, Why Now?"
CARLSMITH = "Carlsmith 2020, How much computational power does it take to match the human brain?"
KURZWEIL = "Kurzweil 1999, The Age of Spiritual Machines, chapter 6"
ROADMAP = "Sandberg & Bostrom 2008, Whole Brain Emulation, by level of detail"

_neurons = Factor("neurons", 1e11, "neurons", SLIDE, within=1.5)
_synapses = Factor("synapses of a neuron", 1e4, "synapses / neuron", SLIDE, within=3)
_spikes = Factor("spikes", 1.0, "spikes / synapse / s", SLIDE, within=3)
_flop = Factor("operations for a spike", 1.0, "FLOP / spike", SLIDE, within=10)

flops_per_second = Estimate(
    "what a brain computes, as the talk has it", _neurons * _synapses * _spikes * _flop, "FLOP/s"
)
flops_per_second_carlsmith = Estimate(
    "what a brain computes, after Carlsmith",
    Factor("spikes through synapses", 1e14, "spikes / s", CARLSMITH, 10, "flat")
    * Factor("operations for each", 10, "FLOP / spike", CARLSMITH, 10, "flat"),
    "FLOP/s",
    note="1e15 is more likely than not enough, he holds; under 10% that more than 1e21 is needed",
)
flops_per_second_kurzweil = Estimate(
    "what a brain computes, after Kurzweil",
    Factor("neurons", 1e11, "neurons", KURZWEIL)
    * Factor("connections of a neuron", 1e3, "synapses / neuron", KURZWEIL, within=3)
    * Factor("calculations", 200, "calculations / synapse / s", KURZWEIL, within=3)
    * Factor("a calculation", 1, "FLOP / calculation", DEFINITION),
    "FLOP/s",
    note="the book of 2005 says 1e16",
)
flops_per_second_emulation = Estimate(
    "what emulating a brain takes, after Sandberg & Bostrom",
    Factor(
        "from spiking neurons (1e18) to the metabolome (1e25)",
        math.sqrt(1e18 * 1e25),
        "FLOP/s",
        ROADMAP,
        math.sqrt(1e7),
        "flat",
    ),
    "FLOP/s",
)
year = Estimate(
    "a year of a brain", flops_per_second * Factor("a year", 1, "year", DEFINITION), "FLOP"
)
second = Estimate(
    "a second of a brain", flops_per_second * Factor("a second", 1, "s", DEFINITION), "FLOP"
)
synapses = Estimate("synapses of a brain", _neurons * _synapses, "synapses")
cortex = Estimate(
    "what the cortex alone computes, with the talk's factors",
    Factor("neurons of the cortex", 1.6e10, "neurons", "Azevedo 2009", within=1.2)
    * _synapses
    * _spikes
    * _flop,
    "FLOP/s",
)

LANDMARKS = (
    Landmark(name="a second of a brain", kind="brain", C=second),
    Landmark(name="a year of a brain", kind="brain", C=year, compared=True),
)
TALK = (
    Quote(
        what="neurons",
        value=1e11,
        units="neurons",
        slide=SLIDE,
        bound="at most",
        measured=Factor("neurons", 8.6e10, "neurons", "Azevedo 2009"),
    ),
    Quote(
        what="FLOP/s of a human cortex",
        value=1e15,
        units="FLOP/s",
        slide=SLIDE,
        follows=flops_per_second,
        measured=flops_per_second_carlsmith,
        note="its factors are those of the whole brain; the cortex has a fifth of the neurons",
    ),
)
