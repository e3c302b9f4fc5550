"""Supervised learning: minibatch gradient descent on the negative log-likelihood.

L(theta) = -mean_i log p(y_i | x_i; theta),   p = softmax of the model's outputs
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from .. import models, optim, registry
from ..config import Run
from ..counting import StepCost, cost_of
from ..data import Spec
from ..errors import unknown
from ..optim import TrainState, apply_step, eval_params, init_state, with_params
from ..recipe import Recipe
from ..registry import register
from ..shuffle import draw, evaluation_batches
from ..stream import ShuffledStream, streams
from . import BoundLearner, Key, Metrics, Params, Traced

EVALUATION_BATCH = 2_000  # examples
CROSS_ENTROPY, SQUARES = "cross_entropy", "squares"

Pair = tuple[jax.Array, jax.Array]


@register("learner", "supervised")
@dataclass(frozen=True, kw_only=True)
class Supervised:
    """Classification by maximum likelihood; losses in nats an example.

    loss: "cross_entropy", or "squares" for regression on the classes, sum_k (f_k - y_k)^2 / 2 with
    y_k one of the right class and zero of others (Cohen et al. 2021).
    """

    loss: str = CROSS_ENTROPY

    objective: ClassVar[str] = "valid_loss"
    direction: ClassVar[str] = "min"

    def __post_init__(self):
        if self.loss not in (CROSS_ENTROPY, SQUARES):
            raise unknown("loss", self.loss, (CROSS_ENTROPY, SQUARES))

    @staticmethod
    def example() -> Run:
        """A small run of this learner, a second on one core."""
        model, data = registry.get("model", "mlp"), registry.get("data", "digits")
        return Run(
            learner=Supervised(),
            data=data(),
            model=model(depth=1, width=8),
            recipe=Recipe(batch_size=32),
            D=100,
            steps=50,
        )

    def spec(self, run: Run) -> Spec:
        """The model reads an example of the data and gives a logit for each class."""
        models.expect(run.model, "array", "supervised")
        return run.data.spec

    def cost(self, run: Run) -> StepCost:
        return cost_of(run.model, self.spec(run)).step(run.recipe.batch_size)

    def bind(self, run: Run) -> BoundLearner:
        spec, recipe, streamed = run.data.spec, run.recipe, streams(run.data)
        network, squares = run.model.network(spec.outputs), self.loss == SQUARES

        def each(out: jax.Array, y: jax.Array) -> jax.Array:
            """Losses (B,) of outputs (B, classes)."""
            if squares:
                return 0.5 * jnp.square(out - jax.nn.one_hot(y, spec.outputs)).sum(-1)
            return optax.softmax_cross_entropy_with_integer_labels(out, y)

        def logits(params: Params, x: jax.Array) -> jax.Array:
            x = (x.astype(jnp.float32) - spec.mean) / spec.std
            params, x = optim.cast_to_precision(recipe, (params, x))
            return network.apply({"params": params}, x).astype(jnp.float32)

        def init(key: Key, traced: Traced) -> TrainState:
            params = network.init(key, jnp.zeros((1, *spec.shape)))["params"]
            return init_state(params, recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            (x, y), index = draw(
                traced["data"]["train"],
                state.step,
                recipe.batch_size,
                traced["seed"],
                traced["D"],
                traced.get("data_seed"),
            )

            def loss(params: Params, index: jax.Array) -> jax.Array:
                return each(logits(params, x[index]), y[index]).mean()

            return apply_step(state, loss, index, recipe, traced)

        def score(params: Params, split: Pair) -> Pair:
            def batch(chunk: Pair) -> jax.Array:
                x, y = chunk
                out = logits(params, x)
                known = y >= 0
                losses = each(out, jnp.maximum(y, 0))
                wrong = out.argmax(-1) != y
                return jnp.stack([jnp.sum(losses * known), jnp.sum(wrong & known), known.sum()])

            loss, wrong, count = lax.map(batch, split).sum(0)
            return loss / count, wrong / count

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            metrics = {}
            for name in ("valid", "test"):
                loss, error = score(eval_params(state), traced["data"][name])
                metrics |= {f"{name}_loss": loss, f"{name}_error": error}
            return metrics

        def data() -> dict[str, tuple[np.ndarray, np.ndarray]]:
            splits = run.data.load()
            held_out = {"valid": _batched(*splits.valid), "test": _batched(*splits.test)}
            return held_out if streamed else {"train": tuple(splits.train), **held_out}

        def stream(run: Run) -> ShuffledStream:
            records = run.data.load().train
            return ShuffledStream(records, recipe.batch_size, run.seed, run.D, run.data_seed)

        return BoundLearner(
            init,
            step,
            evaluate,
            eval_params,
            data,
            self.objective,
            self.direction,
            with_params=with_params,
            stream=stream if streamed else None,
        )


def _batched(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A split in batches of equal size; padding examples have the target -1."""
    index, known = evaluation_batches(len(x), EVALUATION_BATCH, math.prod(x.shape[1:]))
    return x[index], np.where(known, y[index], -1)
