"""A memoriser: it knows the items that it has seen often enough, and nothing of any other.

    loss = sum_i p_i [i has no row, or was seen fewer than `threshold` times]

With threshold 1 and a row for every item it is the learner of Hutter 2021, "Learning curve theory";
with a threshold and fewer rows than items, a learner of quanta (Michaud et al. 2023, "The
quantization model of neural scaling"), whose rows are those of the most frequent items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np

from .. import examples, models, optim, populations, registry
from ..config import Run
from ..counting import StepCost, cost_of
from ..data import Spec
from ..errors import LabError
from ..models.table import Table
from ..optim import TrainState, eval_params, init_state, with_params
from ..populations import Items
from ..recipe import Recipe
from ..registry import register
from . import BoundLearner, Key, Metrics, Params, Traced

COUNTED = 6.0  # FLOP of an example: a multiply-add and its backward pass, which no program computes


@register("learner", "memoriser")
@dataclass(frozen=True, kw_only=True)
class Memoriser:
    """The table counts items. The loss of a minibatch is the share of its examples that were not
    known when they came; losses evaluated are expected shares. Recipes matter by their batch size
    and average alone.
    """

    threshold: int = 1

    objective: ClassVar[str] = "valid_loss"
    direction: ClassVar[str] = "min"

    def __post_init__(self):
        if self.threshold < 1:
            raise LabError(f"memoriser has threshold {self.threshold}; give 1 or more")

    @staticmethod
    def example() -> Run:
        """A small run of this learner, a second on one core."""
        model, data = registry.get("model", "table"), registry.get("data", "zipf")
        return Run(
            learner=Memoriser(),
            data=data(items=300, a=0.5),
            model=model(rows=200),
            recipe=Recipe(batch_size=32),
            D=3_200,
            steps=100,
        )

    def spec(self, run: Run) -> Spec:
        """One number for each item, at most as many as the population has."""
        models.expect(run.model, "items", "memoriser")
        populations.expect(run.data, "items", "memoriser")
        return run.data.spec

    def cost(self, run: Run) -> StepCost:
        spec, rows = self.spec(run), cast(Table, run.model).rows
        if rows > run.data.items:
            raise LabError(
                f"the table has {rows:,} rows and the population {run.data.items:,} "
                "items; give at most as many rows"
            )
        return counted(run, spec)

    def bind(self, run: Run) -> BoundLearner:
        optim.require_no_gradients(run.recipe)
        spec, recipe = self.spec(run), run.recipe
        rows, threshold = cast(Table, run.model).rows, float(self.threshold)
        network = run.model.network(spec.outputs)

        def init(key: Key, traced: Traced) -> TrainState:
            params = network.init(key, jnp.zeros(1, jnp.int32))["params"]
            return init_state(jax.tree.map(jnp.zeros_like, params), recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            places_B = examples.places(state.step, recipe.batch_size, traced)
            item_B = examples.at(places_B, lambda key: examples.item(key, traced["data"].tail))
            before = jnp.append(_counts(state.params), 0.0)  # the last for items without a row
            row_B = jnp.minimum(item_B, rows)
            after = before.at[row_B].add(1.0)
            known, now = jnp.minimum(before[row_B], threshold), jnp.minimum(after[row_B], threshold)
            # An item that came m times was wrong until it was known: shared by its m examples.
            wrong_B = (now - known) / (after[row_B] - before[row_B])
            loss = jnp.where(row_B < rows, wrong_B, 1.0).mean()
            params = {"table": {"embedding": after[:rows, None]}}
            return optim.updated(state, params, state.opt_state, traced), {"loss": loss}

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            probability = jnp.asarray(traced["data"].probability)
            unknown = jnp.append(
                _counts(eval_params(state)) < threshold, jnp.ones(len(probability) - rows, bool)
            )
            loss = jnp.sum(jnp.where(unknown, probability, 0.0))
            return {"valid_loss": loss, "test_loss": loss}

        def data() -> Items:
            population = run.data.load().train
            return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), population)

        return BoundLearner(
            init,
            step,
            evaluate,
            eval_params,
            data,
            self.objective,
            self.direction,
            with_params=with_params,
        )


def counted(run: Run, spec: Spec) -> StepCost:
    """The cost of a step that looks rows up and counts, in which nothing is multiplied."""
    cost = cost_of(run.model, spec).step(run.recipe.batch_size)
    flop = COUNTED * run.recipe.batch_size
    return replace(cost, flops={"matmul": flop}, input_gradient=flop)


def _counts(params: Params) -> jax.Array:
    return jnp.asarray(params["table"]["embedding"])[:, 0]
