"""How does the loss of a translation fall with parameters and with sentence pairs?

Question: German captions into English (Multi30k, 2,000 byte pairs): how do test loss and BLEU of an
attention encoder-decoder and of an LSTM sequence-to-sequence go with N from 2 10^4 to 3 10^5
parameters and with D from 1,000 to 29,000 pairs?

Prediction: With attention the loss falls with D as a power above a floor, with an exponent near the
.28 that Bansal 2022 found for many encoder-decoders (.2 to .5 here, as captions are narrow and
models small), and with N as Gordon 2021 found, with .2 to .3 (.15 to .5 here, tables counted). The
LSTM, whose memory of the source is one state, is behind at every N and D and gains less from D.
BLEU rises as loss falls, nearly linearly between 5 and 30.

Cost: 100 runs, 10 programs, 7.7e13 FLOP; about 25 minutes on two CPU cores.

Command: scaling-lab run e12_translation
On a GPU, larger models, pairs seen longer: scaling-lab run e12_translation --results
results-gpu -o N=100000,300000,1000000,3000000,10000000,30000000 -o steps=6000 -o batch_size=128
-o data.vocabulary=8000 -o data.longest=48
"""

from scaling_lab import (
    Claim,
    EncoderDecoder,
    Multi30k,
    Recipe,
    Run,
    Seq2Seq,
    Translation,
    axis,
    product,
    where,
    zip_,
)

base = Run(
    learner=Translation(evaluation_pairs=512, beams=1),
    data=Multi30k(target="en", vocabulary=2_000, longest=32),
    model=EncoderDecoder(),
    recipe=Recipe(optimizer="adamw", schedule="cosine", batch_size=32, warmup=100, clip=1.0),
)

# Few pairs are learnt by heart soon. The least validation loss is what counts, so a run need only
# be long enough to come to it: from ten passes over the smallest D to two over the largest. The
# best learning rate falls with width: two of three are tried at each size.
grid = where(
    product(
        axis("model", [EncoderDecoder(), Seq2Seq(depth=1)]),
        axis("N", [20_000, 40_000, 80_000, 160_000, 320_000]),
        zip_(
            axis("D", [1_000, 2_300, 5_400, 12_500, 29_000]),
            axis("steps", [300, 500, 800, 1_300, 2_000]),
        ),
        axis("learning_rate", [4e-3, 1e-2, 2.5e-2]),
    ),
    lambda point: point["learning_rate"] != (4e-3 if point["N"] < 1e5 else 2.5e-2),
)

choose = ("learning_rate",)


def _claims(model: str, law: str, exponents: dict[str, tuple[float, float]]) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            name=f"L({x}) of the {model}",
            law=law,
            x=x,
            where=f"model == '{model}' and {rest} == {rest}.max()",
            parameter="alpha",
            low=low,
            high=high,
        )
        for (x, (low, high)), rest in zip(exponents.items(), ("D", "N_target"), strict=True)
    )


claims = (
    *_claims("encoder_decoder", "power_law", {"N": (0.15, 0.5), "D": (0.2, 0.5)}),
    *_claims("seq2seq", "power_law", {"N": (0.05, 0.3), "D": (0.1, 0.4)}),
)
