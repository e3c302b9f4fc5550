"""Linear regression on a population: stochastic gradient descent on the squared error.

    theta <- theta - eta grad mean_i (f(x_i) - y_i)^2,   theta = 0 at first

Examples are drawn in `step` (see `examples`). Of a linear model the expected squared error over the
population is known in closed form, and that is the loss that is evaluated:

    E (f(x) - y)^2 = sum_j deviation_j^2 (v_j - weight_j)^2 + noise^2,   f(x) = <v, x>
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .. import examples, models, optim, populations, registry
from ..config import Run
from ..counting import StepCost, cost_of
from ..data import Spec
from ..errors import LabError
from ..optim import TrainState, apply_step, eval_params, init_state, with_params
from ..populations import Linear
from ..recipe import Recipe
from ..registry import register
from . import BoundLearner, Key, Metrics, Params, Traced


@register("learner", "regression")
@dataclass(frozen=True, kw_only=True)
class Regression:
    """A linear model by SGD; losses are squared errors, so SGD moves by 2 eta (y - f) x."""

    objective: ClassVar[str] = "valid_loss"
    direction: ClassVar[str] = "min"

    @staticmethod
    def example() -> Run:
        """A small run of this learner, a second on one core."""
        model, data = registry.get("model", "top_features"), registry.get("data", "power_law")
        return Run(
            learner=Regression(),
            data=data(coordinates=64),
            model=model(width=16),
            recipe=Recipe(optimizer="sgd", schedule="constant", batch_size=8, learning_rate=0.1),
            D=800,
            steps=100,
        )

    def spec(self, run: Run) -> Spec:
        """The model is linear, without a bias, in the coordinates of the population."""
        models.expect(run.model, "array", "regression")
        populations.expect(run.data, "linear", "regression")
        if not getattr(run.model, "linear", False):
            raise LabError(
                f"regression knows the risk of linear models alone and {type(run.model).__name__} "
                "does not say that it is one; take top_features or random_features"
            )
        return run.data.spec

    def cost(self, run: Run) -> StepCost:
        return cost_of(run.model, self.spec(run)).step(run.recipe.batch_size)

    def bind(self, run: Run) -> BoundLearner:
        optim.require_defaults(run.recipe)
        spec, recipe = self.spec(run), run.recipe
        network = run.model.network(spec.outputs)

        def predict(params: Params, x_BD: jax.Array) -> jax.Array:
            return network.apply({"params": params}, x_BD)[:, 0]

        def init(key: Key, traced: Traced) -> TrainState:
            params = network.init(key, jnp.zeros((1, *spec.shape)))["params"]
            return init_state(jax.tree.map(jnp.zeros_like, params), recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            def loss(params: Params, batch: tuple[jax.Array, jax.Array]) -> jax.Array:
                x_BD, y_B = batch
                return jnp.mean((predict(params, x_BD) - y_B) ** 2)

            places_B = examples.places(state.step, recipe.batch_size, traced)
            return apply_step(state, loss, drawn(traced["data"], places_B), recipe, traced)

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            params, here = eval_params(state), jnp.zeros((1, *spec.shape))
            weight_D = jax.grad(lambda x_BD: predict(params, x_BD)[0])(here)[0]
            risk = expected_error(traced["data"], weight_D)
            return {"valid_loss": risk, "test_loss": risk}

        def data() -> Linear:
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


def drawn(population: Linear, places_B: jax.Array) -> tuple[jax.Array, jax.Array]:
    """x_BD and y_B of the examples at these places of the population."""
    deviation, weight, noise = map(jnp.asarray, population)

    def one(key: Key) -> tuple[jax.Array, jax.Array]:
        z_D = jax.random.normal(key, (len(deviation) + 1,))
        x_D = deviation * z_D[:-1]
        # A sum, not a product of vectors: drawing is no part of the cost of a step.
        return x_D, jnp.sum(x_D * weight) + noise * z_D[-1]

    return examples.at(places_B, one)


def expected_error(population: Linear, weight_D: jax.Array) -> jax.Array:
    """The expected squared error of the linear function with these weights."""
    apart = population.deviation * (weight_D - population.weight)
    return jnp.sum(apart**2) + population.noise**2
