"""Ways of learning, one a file: supervised, generative, adversarial, by reinforcement.

A learner is a frozen dataclass, registered as a learner, with

    objective, direction                the metric that chooses, and whether "min" or "max" is best
    spec(run) -> data.Spec              what the model reads and how many outputs it has
    cost(run) -> counting.StepCost      N by group, FLOP and examples of a step; loads nothing
    bind(run) -> BoundLearner           the pure functions for this run's static choices
    example() -> Run                    a small run, for the contract suite and for readers

(`protocols.Learner`). The engine knows nothing else of it. `traced` maps the dotted path of each
traced field of the run ("D", "steps", "recipe.learning_rate", ...) to a scalar, and "data" to the
arrays of `BoundLearner.data`; runs that differ only in the scalars share the arrays. All functions
are pure and can be vmapped. Evaluation batches are sized by the learner and its data, never by the
recipe, so that every run of a learner is evaluated by the same arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

Key = jax.Array
State = Any
Traced = Mapping[str, Any]
Metrics = dict[str, jax.Array]


class BoundLearner(NamedTuple):
    """A learner's functions for one static choice.

    init(key, traced) -> state
    step(state, key, traced) -> (state, metrics): one training step; scalars, "loss" among them
    evaluate(state, traced) -> metrics: scalars, `objective` among them
    params(state) -> the trained parameters
    data() -> tree of host arrays
    objective: the metric that chooses, on validation data. direction: "min" or "max" is best
    final_metrics(params) -> numbers for the record: called once, on the host, for a run that ended
        well. For metrics that are too expensive to evaluate often, or cannot be traced.
    step_data() -> the part of data() that `init` and `step` read, where the rest takes long to
        prepare: the check of a plan's cost asks for no more
    """

    init: Callable[[Key, Traced], State]
    step: Callable[[State, Key, Traced], tuple[State, Metrics]]
    evaluate: Callable[[State, Traced], Metrics]
    params: Callable[[State], Any]
    data: Callable[[], Any]
    objective: str = "valid_loss"
    direction: str = "min"
    final_metrics: Callable[[Any], dict[str, float]] | None = None
    step_data: Callable[[], Any] | None = None
