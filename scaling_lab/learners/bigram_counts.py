"""A bigram model by counting, with additive smoothing: the Bayes predictor of Dirichlet rows.

P(token j | context c) = (n_cj + s) / (n_c + s V),   loss = -sum_c q_c sum_j p_cj log P(j | c)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np

from .. import examples, models, optim, populations, registry
from ..config import Run
from ..counting import StepCost
from ..data import Spec
from ..errors import LabError
from ..models.table import Table
from ..optim import TrainState, eval_params, init_state, with_params
from ..populations import Bigrams
from ..recipe import Recipe, traced
from ..registry import register
from . import BoundLearner, Key, Metrics, Params, Traced
from .memoriser import counted


@register("learner", "bigram_counts")
@dataclass(frozen=True, kw_only=True)
class BigramCounts:
    """smoothing: s, what is added to each count. The table counts tokens by context.

    Losses are in nats a token: evaluated, the expected cross-entropy; of a minibatch, that of its
    tokens once they are counted. Recipes matter by their batch size and average alone.
    """

    smoothing: float = traced(1.0)

    objective: ClassVar[str] = "valid_loss"
    direction: ClassVar[str] = "min"

    def __post_init__(self):
        if not self.smoothing > 0:
            raise LabError(f"bigram_counts has smoothing {self.smoothing}; give one above 0")

    @staticmethod
    def example() -> Run:
        """A small run of this learner, a second on one core."""
        model, data = registry.get("model", "table"), registry.get("data", "zipf_bigrams")
        return Run(
            learner=BigramCounts(),
            data=data(contexts=64, vocabulary=8),
            model=model(rows=64),
            recipe=Recipe(batch_size=32),
            D=3_200,
            steps=100,
        )

    def spec(self, run: Run) -> Spec:
        """A row for each context, with a number for each token."""
        models.expect(run.model, "items", "bigram_counts")
        populations.expect(run.data, "bigrams", "bigram_counts")
        return run.data.spec

    def cost(self, run: Run) -> StepCost:
        spec, rows = self.spec(run), cast(Table, run.model).rows
        if rows != run.data.contexts:
            raise LabError(
                f"the table has {rows:,} rows and the language {run.data.contexts:,} "
                "contexts; give as many rows"
            )
        return counted(run, spec)

    def bind(self, run: Run) -> BoundLearner:
        optim.require_no_gradients(run.recipe)
        spec, recipe = self.spec(run), run.recipe
        network = run.model.network(spec.outputs)

        def drawn(key: Key, language: Bigrams) -> tuple[jax.Array, jax.Array]:
            one, two = jax.random.split(key)
            context = examples.item(one, jnp.asarray(language.contexts.tail))
            below_V = jnp.asarray(language.below)[context]
            token = jnp.searchsorted(below_V, jax.random.uniform(two), side="right")
            return context, jnp.minimum(token, spec.outputs - 1)

        def log_probability(counts_CV: jax.Array, traced: Traced) -> jax.Array:
            s = traced["learner.smoothing"]
            total_C = counts_CV.sum(-1, keepdims=True) + s * spec.outputs
            return jnp.log(counts_CV + s) - jnp.log(total_C)

        def init(key: Key, traced: Traced) -> TrainState:
            params = network.init(key, jnp.zeros(1, jnp.int32))["params"]
            return init_state(jax.tree.map(jnp.zeros_like, params), recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            places_B = examples.places(state.step, recipe.batch_size, traced)
            context_B, token_B = examples.at(places_B, lambda key: drawn(key, traced["data"]))
            counts_CV = _counts(state.params).at[context_B, token_B].add(1.0)
            log_BV = log_probability(counts_CV[context_B], traced)
            loss = -jnp.take_along_axis(log_BV, token_B[:, None], 1).mean()
            params = {"table": {"embedding": counts_CV}}
            return optim.updated(state, params, state.opt_state, traced), {"loss": loss}

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            language: Bigrams = traced["data"]
            log_CV = log_probability(_counts(eval_params(state)), traced)
            nats_C = -jnp.sum(language.probability * log_CV, axis=1)
            loss = jnp.sum(language.contexts.probability * nats_C)
            return {"valid_loss": loss, "test_loss": loss}

        def data() -> Bigrams:
            language = run.data.load().train
            return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), language)

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


def _counts(params: Params) -> jax.Array:
    return jnp.asarray(params["table"]["embedding"])
