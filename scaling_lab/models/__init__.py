"""Architecture families, one per file.

A family is a frozen dataclass of its shape, registered as a model, with

    network(outputs) -> flax.linen.Module      init(key, batch) and apply(variables, batch)
    cost(spec) -> counting.Cost                parameters by group, FLOP of one forward pass
    sized(n, spec) -> the member of the family nearest to n parameters

(`protocols.Family`), where `spec` (data.Spec) gives the shape of an input and the number of
outputs. Parameters of the last layer are under the name `head`, embedding tables under
`embedding`: counting goes by these names.

A family whose network maps anything but an array declares what it `reads`:

    tokens   ids_BT -> logits_BTV of the next token at each position. For sampling its network also
             has empty(batch, length) -> cache, and extend(ids_BT, cache) -> (logits_BTV, cache) for
             tokens that follow those in the cache; every leaf of a cache has B as its first axis
    pairs    source_BS, target_BT -> logits_BTV of the next token at each position of the target

and a family that generates images, with `network(outputs, shape)`, declares its kind there:

    autoencoder   encode(x_B...) -> (mean_BK, log_deviation_BK) of the latent, and decode(z_BK) ->
                  out_B...V, `outputs` numbers per pixel; called with (x, noise_BK) it does both.
                  The field `latent` is K
    flow          x_B... -> (z_BK, log_determinant_B), invertible, K the number of pixels;
                  inverse(z_BK) -> x_B...; `init` may use the values of its batch
    adversaries   make(z_BK, class_B) -> x_B... in [-1, 1], and discriminate(x_B..., class_B) ->
                  logit_B, with parameters under `generator` and `discriminator` and `outputs`
                  classes; costs(spec) -> (Cost, Cost) of the two. The field `latent` is K

Shape suffixes of arrays: B batch, H height, W width of an image, C channels, D width of a layer,
T time, S time attended to, F feed-forward, H heads, K head size or latent size, V outputs (classes
or vocabulary), E class embedding, N batch and heads on one axis, R runs.
"""

from __future__ import annotations

from typing import Protocol

from ..counting import Cost
from ..data import Spec
from ..errors import LabError
from ..protocols import Family, Model


class Autoencoder(Family, Protocol):
    """A family of kind `autoencoder`."""

    @property
    def latent(self) -> int: ...


class Adversaries(Family, Protocol):
    """A family of kind `adversaries`."""

    @property
    def latent(self) -> int: ...
    def costs(self, spec: Spec) -> tuple[Cost, Cost]: ...


def reads(model: Model | type) -> str:
    """What the networks of a model, or of a family's class, read: "array", or a name above."""
    return getattr(model, "reads", "array")


def expect(model: Model, kind: str, learner: str) -> None:
    """Raise LabError unless the model reads what the learner gives it."""
    if reads(model) != kind:
        raise LabError(
            f"learner {learner} gives its model {kind} and {type(model).__name__} reads "
            f"{reads(model)}; take another model or another learner"
        )


def spaces(shape: tuple[int, ...], halvings: int, family: str) -> tuple[int, int, int]:
    """Height, width, channels of images. Raises LabError unless the sides halve that often."""
    if len(shape) not in (2, 3) or any(side % (1 << halvings) for side in shape[:2]):
        raise LabError(
            f"{family} needs images whose sides are multiples of {1 << halvings} and this data has "
            f"shape {shape}; give other data, or fewer stages or levels"
        )
    return shape[0], shape[1], shape[2] if len(shape) == 3 else 1
