"""How does the loss of a translation fall, up to thirty million parameters?

Question: That of e12 for 10^5 to 3 10^7 parameters, with 8,000 byte pairs and rows of 48.

Prediction: The loss on all pairs stops falling with N near 3 10^6 parameters: 29,000 pairs are then
what holds it. BLEU comes to 35 to 42 with attention. L(D) at the largest N keeps the exponent of
0.2 to 0.5.

Cost: 40 runs, 10 programs, 2.4e16 FLOP; a quarter of an hour on one H200, not yet run.

Command: scaling-lab run e12_translation_gpu
"""

from dataclasses import replace
from pathlib import Path

from scaling_lab import (
    Claim,
    EncoderDecoder,
    Multi30k,
    Seq2Seq,
    axis,
    derive,
    experiment,
    product,
    zip_,
)

small = experiment.load(str(Path(__file__).parents[1] / "e12_translation.py")).base
base = replace(
    small,
    data=Multi30k(target="en", vocabulary=8_000, longest=48),
    recipe=replace(
        small.recipe, batch_size=128, warmup=400, precision="bfloat16", weight_decay=0.05
    ),
)

SIZES = [300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000]
grid = product(
    axis("model", [EncoderDecoder(), Seq2Seq(depth=2)]),
    derive(
        axis("N", SIZES), learning_rate=lambda point: round(0.01 * (point["N"] / 8e4) ** -0.25, 5)
    ),
    zip_(axis("D", [2_300, 5_400, 12_500, 29_000]), axis("steps", [500, 900, 1_600, 4_000])),
)


def keep(point) -> bool:
    return point["D"] == 29_000


claims = (
    Claim(
        name="L(D) of the largest encoder-decoder",
        law="power_law",
        x="D",
        where="model == 'encoder_decoder' and N > 20000000",
        parameter="alpha",
        low=0.2,
        high=0.5,
        reason="0.28 for many encoder-decoders (Bansal 2022), here with far fewer pairs",
    ),
)
