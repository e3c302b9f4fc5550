"""Architecture families, one a file.

A family is a frozen dataclass of its shape, registered as a model, with

    network(outputs) -> flax.linen.Module      init(key, batch) and apply(variables, batch)
    cost(spec) -> counting.Cost                parameters by group, FLOP of one forward pass
    sized(n, spec) -> the member of the family nearest to n parameters

where `spec` (data.Spec) says what comes in and how many outputs there are. Parameters of the last
layer lie under the name `head`, look-up tables under `embedding`; counting goes by these names.

A family whose network maps something other than an array says what it `reads`:

    tokens   ids_BT -> logits_BTV of the token after each. To be sampled from, its network also has
             empty(batch, length) -> cache, and extend(ids_BT, cache) -> (logits_BTV, cache), for
             tokens that come after what the cache holds; every leaf of a cache begins with B
    pairs    source_BS, target_BT -> logits_BTV of the token after each of the target

and a family that makes pictures, whose `network(outputs, shape)` knows their shape, what it is:

    autoencoder   encode(x_B...) -> (mean_BK, log_deviation_BK) of the latent, and decode(z_BK) ->
                  out_B...V, `outputs` numbers a pixel; called with (x, noise_BK) it does both.
                  `latent` is K
    flow          x_B... -> (z_BK, log_determinant_B), one to one, K the number of pixels;
                  inverse(z_BK) -> x_B...; parameters begin as the first batch has it
    adversaries   make(z_BK, class_B) -> x_B... in [-1, 1], and judge(x_B..., class_B) -> verdict_B,
                  with parameters under `generator` and `discriminator` and `outputs` classes;
                  costs(spec) -> (Cost, Cost) of the two. `latent` is K

Shape suffixes on arrays: B batch, H height, W width of an image, C channels, D width of a layer,
T time, S time attended to, F feed-forward, H heads, K head size or latent size, V outputs (classes
or vocabulary), N batch and heads on one axis, R runs.
"""

from __future__ import annotations

from typing import Any

from ..errors import LabError


def reads(model: Any) -> str:
    """What the networks of a model, or of a family, map: array, tokens, pairs, or a kind above."""
    return getattr(model, "reads", "array")


def expect(model: Any, kind: str, learner: str) -> None:
    """Raise LabError unless the model reads what the learner gives it."""
    if reads(model) != kind:
        raise LabError(
            f"learner {learner} gives its model {kind} and {type(model).__name__} reads "
            f"{reads(model)}; take another model or another learner"
        )


def spaces(shape: tuple[int, ...], halvings: int, family: str) -> tuple[int, int, int]:
    """Height, width and channels of pictures. Raises LabError unless they halve so many times."""
    if len(shape) not in (2, 3) or any(side % (1 << halvings) for side in shape[:2]):
        raise LabError(
            f"{family} needs pictures whose sides are multiples of {1 << halvings}, and this data "
            f"has shape {shape}; give other data or fewer halvings of the picture"
        )
    return shape[0], shape[1], shape[2] if len(shape) == 3 else 1
