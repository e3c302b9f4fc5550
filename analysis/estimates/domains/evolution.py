"""Evolution, the genome and other biological anchors for the compute of training a mind."""

from __future__ import annotations

from .. import Landmark
from ..quantity import Estimate, Factor
from ..units import counted
from ._counting import DEFINITION

PLACE = 11
counted("organism", "base_pair")

COTRA = "Cotra 2020, Forecasting TAI with biological anchors"

flops = Estimate(
    "evolution of brains",
    Factor("nervous systems at a time", 1e21, "organisms", COTRA, within=10)
    * Factor("what each computes", 1e4, "FLOP/s / organism", COTRA, within=10)
    * Factor("time since the first of them", 1e9, "years", COTRA, within=2),
    "FLOP",
)
genome = Estimate(
    "what the human genome holds",
    Factor("base pairs", 3.1e9, "base_pairs", "International Human Genome Consortium 2001")
    * Factor("bits of each", 2, "bits / base_pair", DEFINITION),
    "bytes",
)


def _anchor(name: str, median: float) -> Estimate:
    # Cotra's distributions are several orders of magnitude wide on either side.
    return Estimate(name, Factor("median", median, "FLOP", COTRA, within=1e3), "FLOP")


network_short = _anchor("network as large as a brain, short horizon", 1e32)
network_medium = _anchor("network as large as a brain, medium horizon", 1e34)
network_long = _anchor("network as large as a brain, long horizon", 1e37)
genome_training = _anchor("network as large as a genome", 1e33)
evolution_anchor = _anchor("evolution", 1e41)

LANDMARKS = (
    Landmark(name="network anchor, short horizon", kind="anchor", C=network_short),
    Landmark(name="network anchor, medium horizon", kind="anchor", C=network_medium),
    Landmark(name="network anchor, long horizon", kind="anchor", C=network_long),
    Landmark(name="genome anchor", kind="anchor", C=genome_training),
    Landmark(name="evolution", kind="anchor", C=flops),
)
