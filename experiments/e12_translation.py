"""How does the loss of a translation fall with parameters and with sentence pairs?

Question: German captions into English (Multi30k, 2,000 byte pairs): how do test loss and BLEU of an
attention encoder-decoder and of an LSTM sequence-to-sequence go with N from 2 10^4 to 3 10^5
parameters and with D from 1,000 to 29,000 pairs?

Prediction: With attention the loss falls with D as a power of exponent .2 to .5, near the .28 that
Bansal 2022 found for many encoder-decoders (over a floor, which is out of reach here), and with N
as Gordon 2021 found, with .15 to .5 (tables counted). The LSTM, whose memory of the source is one
state, is behind at every N and D and gains less from both. BLEU rises as the loss falls, nearly
linearly between 5 and 30.

The learning rate follows a rule, 0.01 (N / 8e4)^(-1/4), tested against 2.5 times less and more.

Cost: 54 runs, 10 programs, 5e13 FLOP; about a quarter of an hour on two CPU cores.

Command: scaling-lab run e12_translation
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
    chain,
    derive,
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

SIZES = [20_000, 40_000, 80_000, 160_000, 320_000]

# From ten passes over the least pairs to three over the most.
pairs = zip_(
    axis("D", [1_000, 2_300, 5_400, 12_500, 29_000]),
    axis("steps", [300, 500, 900, 1_600, 2_700]),
)
families = axis("model", [EncoderDecoder(), Seq2Seq(depth=1)])


def sized(sizes: list[int], factor: float):
    """Sizes, each with its learning rate."""
    return derive(
        axis("N", sizes),
        learning_rate=lambda point: round(factor * 0.01 * (point["N"] / 8e4) ** -0.25, 5),
    )


middle = where(pairs, lambda point: point["D"] == 5_400)
grid = chain(
    product(families, sized(SIZES, 1.0), pairs),
    *(product(families, sized([80_000], factor), middle) for factor in (0.4, 2.5)),
)


def keep(point) -> bool:
    return point["D"] == 29_000


choose = ("learning_rate",)


def _claims(
    model: str, law: str, exponents: dict[str, tuple[float, float]], reason: str
) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            name=f"L({x}) of the {model}",
            law=law,
            x=x,
            where=f"model == '{model}' and {rest} == {rest}.max()",
            parameter="alpha",
            low=low,
            high=high,
            reason=reason,
        )
        for (x, (low, high)), rest in zip(exponents.items(), ("D", "N_target"), strict=True)
    )


claims = (
    *_claims(
        "encoder_decoder",
        "power_law",
        {"N": (0.15, 0.5), "D": (0.2, 0.5)},
        "larger models have 0.28 along D (Bansal 2022), and N is counted with its tables here",
    ),
    *_claims(
        "seq2seq",
        "power_law",
        {"N": (0.05, 0.3), "D": (0.1, 0.4)},
        "no source has models without attention; the state that they pass on limits them",
    ),
    Claim(
        kind="ordering",
        name="The encoder-decoder is ahead at every N and D",
        where="model == 'encoder_decoder'",
        against="model == 'seq2seq'",
    ),
)
