"""Ways of learning, one a file: supervised, generative, adversarial, reinforcement.

A learner is a frozen dataclass, registered as a learner, with

    spec(run) -> data.Spec              what goes into the model and how much comes out
    cost(run) -> counting.StepCost      N by group, FLOP and examples of a step; loads nothing
    bind(run) -> Learner                the pure functions for this run's static choices
    example() -> Run                    a small run, for the contract suite and for readers

The engine knows nothing else of it. `traced` maps the dotted path of each traced field of the run
("D", "steps", "recipe.learning_rate", ...) to a scalar, and "data" to the arrays of `Learner.data`;
runs differ in the scalars and share the arrays. All functions are pure and can be vmapped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

Key = jax.Array
State = Any
Traced = Mapping[str, Any]
Metrics = dict[str, jax.Array]


class Learner(NamedTuple):
    """What learns, as functions.

    init(key, traced) -> state. step(state, key, traced) -> (state, metrics): one optimiser step;
    its metrics are scalars, "loss" among them. evaluate(state, traced) -> metrics: scalars;
    `objective` names the one that chooses (least is best), on validation data.
    params(state) -> the trained parameters. data() -> tree of host arrays. final_metrics(params) ->
    numbers for the record, asked for once, on the host, of a run that ended well: what is too dear
    to evaluate often or cannot be traced.
    """

    init: Callable[[Key, Traced], State]
    step: Callable[[State, Key, Traced], tuple[State, Metrics]]
    evaluate: Callable[[State, Traced], Metrics]
    params: Callable[[State], Any]
    data: Callable[[], Any]
    objective: str = "valid_loss"
    final_metrics: Callable[[Any], dict[str, float]] | None = None
