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

Shape suffixes on arrays: B batch, H height, W width of an image, C channels, D width of a layer,
T time, S time attended to, F feed-forward, H heads, K head size, V outputs (classes or
vocabulary), N batch and heads on one axis, R runs.
"""

from __future__ import annotations

from typing import Any

from ..errors import LabError


def reads(model: Any) -> str:
    """What the networks of a model, or of a family, map to logits: array, tokens or pairs."""
    return getattr(model, "reads", "array")


def expect(model: Any, kind: str, learner: str) -> None:
    """Raise LabError unless the model reads what the learner gives it."""
    if reads(model) != kind:
        raise LabError(
            f"learner {learner} gives its model {kind} and {type(model).__name__} reads "
            f"{reads(model)}; take another model or another learner"
        )
