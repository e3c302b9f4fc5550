"""Ways of learning, one per file: supervised, generative, adversarial, by reinforcement.

A learner is a frozen dataclass, registered as a learner, with

    objective, direction                the metric for selection; whether "min" or "max" is best
    spec(run) -> data.Spec              what the model reads and how many outputs it has
    cost(run) -> counting.StepCost      N by group, FLOP and examples of a step; loads nothing
    bind(run) -> BoundLearner           the pure functions for this run's static choices
    example() -> Run                    a small run, for the contract suite and for readers

(`protocols.Learner`). The engine knows nothing else about it. `traced` maps the dotted path of each
traced field of the run ("D", "steps", "recipe.learning_rate", ...) to a scalar, and "data" to the
arrays of `BoundLearner.data`; runs that differ only in the scalars share the arrays. All functions
are pure and can be vmapped. Evaluation batches are sized by the learner and its data, never by the
recipe, so that every run of a learner is evaluated by the same arithmetic.
"""

from __future__ import annotations

from typing import Protocol

import jax
import numpy as np

from ..config import Run
from ..protocols import BoundLearner, Params, Traced, Tree

Key = jax.Array
Metrics = dict[str, jax.Array]
Pictures = dict[str, jax.Array | np.ndarray]  # see `artifacts.gallery`


class Generative(Protocol):
    """A learner that makes pictures."""

    def shown(self, run: Run, params: Params, count: int, seed: int = 0) -> Pictures: ...


__all__ = ["BoundLearner", "Generative", "Key", "Metrics", "Params", "Pictures", "Traced", "Tree"]
