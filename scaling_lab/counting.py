"""Counting parameters N, data D and compute C; the one place where 6ND lives.

One multiply-add is 2 FLOP; a backward pass is 2 forward passes; an embedding look-up is 0; the
last layer (the head) and attention are counted, each as a part of its own, so that every
convention of the literature can be recomputed from a record:

    C = 3 x forward x examples        (ours: exact, by parts)
    C ~ 6 N D                         (Kaplan 2020, section 2.1; Hoffmann 2022, appendix F)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

GROUPS = ("embedding", "matmul", "head", "other")
PARTS = ("matmul", "attention", "head")


@dataclass(frozen=True)
class Cost:
    """What a model costs on one example.

    N: parameters by group (GROUPS). forward: FLOP of one forward pass on one example by part
    (PARTS). input_gradient: FLOP that the convention counts and no program spends, the gradient
    of the first layer with respect to the data.
    """

    N: Mapping[str, int]
    forward: Mapping[str, float]
    input_gradient: float = 0.0

    @property
    def parameters(self) -> int:
        """All parameters."""
        return sum(self.N.values())

    def step(self, examples: int) -> StepCost:
        """One step of training on that many examples: forward, and backward twice that."""
        flops = {part: 3.0 * self.forward.get(part, 0.0) * examples for part in PARTS}
        return StepCost(N=self.N, flops=flops, examples=examples)


@dataclass(frozen=True)
class StepCost:
    """What a learner costs: N by group, FLOP of one training step by part, examples it sees.

    Examples are in the unit of D: images, tokens, sentence pairs.
    """

    N: Mapping[str, int]
    flops: Mapping[str, float]
    examples: int

    @property
    def parameters(self) -> int:
        """All parameters."""
        return sum(self.N.values())

    @property
    def total(self) -> float:
        """FLOP of one step."""
        return sum(self.flops.values())

    def seen(self, D: int, steps: int) -> int:
        """Distinct examples that so many steps see of D: all, or fewer where steps are few."""
        return min(D, self.examples * steps)


def dense(inputs: int, outputs: int) -> int:
    """FLOP of a dense layer on one example."""
    return 2 * inputs * outputs


def convolution(size: tuple[int, int], kernel: int, inputs: int, outputs: int) -> int:
    """FLOP of a stride-1 SAME convolution on one image, taps on the padding included.

    size: height and width of the image. kernel: side of the kernel.
    """
    return 2 * kernel**2 * size[0] * size[1] * inputs * outputs


def six_nd(parameters: float, examples: float) -> float:
    """Training FLOP by the rule of thumb 6 N D."""
    return 6.0 * parameters * examples


def by_group(params: Any) -> dict[str, int]:
    """Parameters of a tree by group, from the names in its paths.

    A leaf under a module named `head` with two or more axes is of the head; an `embedding` leaf of
    the embedding; other leaves with two or more axes are matrices; what remains is other, and so
    are a `bias` and a `scale` of any shape (layers in a loop stack them).
    """
    import jax

    counts: dict[str, int] = dict.fromkeys(GROUPS, 0)
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        names = [str(getattr(key, "key", key)) for key in path]
        if "embedding" in names:
            group = "embedding"
        elif leaf.ndim < 2 or names[-1] in ("bias", "scale"):
            group = "other"
        else:
            group = "head" if "head" in names else "matmul"
        counts[group] += int(leaf.size)
    return counts


def nearest(count: Callable[[int], int], target: float, largest: int = 1 << 20) -> int:
    """The whole number >= 1 whose `count` (a growing function) is nearest to target in ratio."""
    low, high = 1, largest
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if count(middle) < target else (low, middle)
    if low == 1:
        return 1
    below, above = count(low - 1), count(low)
    return low - 1 if target / below < above / target else low
