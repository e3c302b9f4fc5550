"""Hardware: peak FLOP/s of accelerators by precision, utilisation and price."""

from __future__ import annotations

from ..quantity import Estimate, Factor
from ._counting import AI_AND_COMPUTE, DEFINITION

PLACE = 10
NVIDIA = "NVIDIA data sheet"
GOOGLE = "Google Cloud documentation"

# Peak rates of dense matrix products; sparsity is not counted.
GTX_580 = Factor("peak of a GTX 580, 32 bits (2010)", 1.58e12, "FLOP/s / device", AI_AND_COMPUTE)
K40 = Factor("peak of a K40, 32 bits (2013)", 4.29e12, "FLOP/s / device", NVIDIA)
K80 = Factor("peak of a K80, 32 bits, boosted (2014)", 8.73e12, "FLOP/s / device", NVIDIA)
P100 = Factor("peak of a P100, 32 bits (2016)", 10.6e12, "FLOP/s / device", NVIDIA)
V100 = Factor("peak of a V100, 16 bits (2017)", 125e12, "FLOP/s / device", NVIDIA)
A100 = Factor("peak of an A100, bf16 (2020)", 312e12, "FLOP/s / device", NVIDIA)
H100 = Factor("peak of an H100 SXM, bf16 (2022)", 989e12, "FLOP/s / device", NVIDIA)
B200 = Factor("peak of a B200, bf16 (2024)", 2.25e15, "FLOP/s / device", NVIDIA)
TPU_V3 = Factor("peak of a TPU v3 chip, bf16 (2018)", 123e12, "FLOP/s / device", GOOGLE)
TPU_V4 = Factor("peak of a TPU v4 chip, bf16 (2021)", 275e12, "FLOP/s / device", GOOGLE)

# Utilisation: the share of peak rate that does useful work in training.
USED_2018 = Factor("share of the peak that is used", 0.333, "", AI_AND_COMPUTE, within=1.5)
USED_NOW = Factor(
    "share of the peak that is used",
    0.4,
    "",
    "35% to 56% published for language models of 0.1 to 1.4 B parameters",
    within=1.4,
)

_day = Factor("a day", 1, "day", DEFINITION)
_hour = Factor("an hour", 1, "hour", DEFINITION)
_petaflop = Factor("a petaflop/s", 1e15, "FLOP/s", DEFINITION)

petaflop_day = Estimate("a petaflop/s-day", _petaflop * _day, "FLOP")
petaflop_hour = Estimate("a petaflop/s-hour", _petaflop * _hour, "FLOP")

k80 = Estimate("a K80 in training", K80 * USED_2018, "FLOP/s / device")
p100 = Estimate("a P100 in training", P100 * USED_2018, "FLOP/s / device")
v100 = Estimate("a V100 in training", V100 * USED_2018, "FLOP/s / device")
a100 = Estimate("an A100 in training", A100 * USED_NOW, "FLOP/s / device")
h100 = Estimate("an H100 in training", H100 * USED_NOW, "FLOP/s / device")
b200 = Estimate("a B200 in training", B200 * USED_NOW, "FLOP/s / device")
tpu_v3 = Estimate("a TPU v3 chip in training", TPU_V3 * USED_NOW, "FLOP/s / device")
tpu_v4 = Estimate("a TPU v4 chip in training", TPU_V4 * USED_NOW, "FLOP/s / device")

h100_day = Estimate(
    "a day of one H100", h100 * Factor("one", 1, "device", DEFINITION) * _day, "FLOP"
)
_rent = Factor(
    "renting an H100 (2024)",
    2.5,
    "dollars / hour / device",
    "list prices of clouds in 2024, 2 to 4 dollars",
    within=1.6,
)
flop_per_dollar = Estimate("what a dollar buys (2024)", h100 / _rent, "FLOP / dollar")
doubling_time = Factor(
    "doubling time of FLOP/s for a dollar",
    2.07,
    "years",
    "Hobbhahn & Besiroglu 2022, GPUs used in machine learning: 1.54 to 3.13",
    within=1.4,
)
