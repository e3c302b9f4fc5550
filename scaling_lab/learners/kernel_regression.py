"""Kernel regression on the circle: a Gaussian process learned by the kernel that it was drawn from.

The teacher has covariance cosh(pi - |x - y|) / cosh(pi), variance 1. Its value at each new point is
drawn given those seen before, and the minimum-norm interpolant (`models.circle_spline`) predicts it
first: the squared error is the loss of a minibatch. Between points a gap g apart, at a distance r,
the teacher's variance given the points is

    2 tanh(pi) sinh(r) sinh(g - r) / sinh(g)

and its mean over the circle is the squared error that is evaluated: the expectation over all
teachers that agree with what was seen,

    loss = tanh(pi) sum_i (g_i coth(g_i) - 1) / (2 pi)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .. import examples, models, optim, populations, registry
from ..config import Run
from ..counting import StepCost
from ..data import Spec
from ..models.circle_spline import CIRCUMFERENCE, EMPTY, interpolate, neighbours
from ..optim import TrainState, eval_params, init_state, with_params
from ..recipe import Recipe
from ..registry import register
from . import BoundLearner, Key, Metrics, Traced
from .memoriser import counted

TANH = float(np.tanh(np.pi))
SMALL = 0.3  # gaps below which the error of one is summed as a series


@register("learner", "kernel_regression")
@dataclass(frozen=True, kw_only=True)
class KernelRegression:
    """Each example is a point of the interpolant, while there is room. The run's seed draws the
    teacher. Recipes matter by their batch size and average alone.
    """

    objective: ClassVar[str] = "valid_loss"
    direction: ClassVar[str] = "min"

    @staticmethod
    def example() -> Run:
        """A small run of this learner, a second on one core."""
        model, data = registry.get("model", "circle_spline"), registry.get("data", "circle")
        return Run(
            learner=KernelRegression(),
            data=data(),
            model=model(points=200),
            recipe=Recipe(batch_size=4),
            D=200,
            steps=50,
        )

    def spec(self, run: Run) -> Spec:
        """One value at each point."""
        models.expect(run.model, "circle", "kernel_regression")
        populations.expect(run.data, "circle", "kernel_regression")
        return run.data.spec

    def cost(self, run: Run) -> StepCost:
        return counted(run, self.spec(run))

    def bind(self, run: Run) -> BoundLearner:
        optim.require_no_gradients(run.recipe)
        spec, recipe = self.spec(run), run.recipe
        network = run.model.network(spec.outputs)

        def init(key: Key, traced: Traced) -> TrainState:
            params = network.init(key, jnp.zeros(1))["params"]
            params = {
                "points": jnp.full_like(params["points"], EMPTY),
                "embedding": jnp.zeros_like(params["embedding"]),
            }
            return init_state(params, recipe, traced)

        def learned(
            now: tuple[jax.Array, jax.Array], example: tuple[jax.Array, ...]
        ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            """The points and values with one more example, and the error of its prediction."""
            points_P, values_PV = now
            place, x, normal = example
            first = place == 0
            near = neighbours(x, points_P)
            guess = jnp.where(first, 0.0, interpolate(x, points_P, values_PV)[0])
            variance = 2 * TANH * jnp.sinh(near.before) * jnp.sinh(near.after)
            variance = jnp.where(first, 1.0, variance / jnp.sinh(near.before + near.after))
            error = jnp.sqrt(jnp.where(jnp.isfinite(variance), variance, 0.0)) * normal
            points_P = points_P.at[place].set(x, mode="drop")
            values_PV = values_PV.at[place, 0].set(guess + error, mode="drop")
            return (points_P, values_PV), error**2

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            places_B = examples.places(state.step, recipe.batch_size, traced)
            x_B = examples.at(places_B, lambda key: jax.random.uniform(key, maxval=CIRCUMFERENCE))
            seen_B = state.step * recipe.batch_size + jnp.arange(recipe.batch_size)
            normal_B = jax.random.normal(key, (recipe.batch_size,))
            now = (jnp.asarray(state.params["points"]), jnp.asarray(state.params["embedding"]))
            now, error_B = lax.scan(learned, now, (seen_B, x_B, normal_B))
            params = {"points": now[0], "embedding": now[1]}
            return optim.updated(state, params, state.opt_state, traced), {"loss": error_B.mean()}

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            loss = expected_error(jnp.asarray(eval_params(state)["points"]))
            return {"valid_loss": loss, "test_loss": loss}

        return BoundLearner(
            init,
            step,
            evaluate,
            eval_params,
            dict,
            self.objective,
            self.direction,
            with_params=with_params,
        )


def expected_error(points_P: jax.Array) -> jax.Array:
    """The expected squared error of the interpolant of the points that are there; 1 without any."""
    there = jnp.sum(points_P >= 0)
    sorted_P = jnp.sort(jnp.where(points_P >= 0, points_P, jnp.inf))
    place_P = jnp.arange(len(points_P))
    after_P = jnp.where(place_P == there - 1, sorted_P[0] + CIRCUMFERENCE, jnp.roll(sorted_P, -1))
    gap_P = jnp.where(place_P < there, after_P - sorted_P, 0.0)
    large_P = jnp.maximum(gap_P, SMALL)
    series_P = gap_P**2 / 3 - gap_P**4 / 45 + 2 * gap_P**6 / 945
    error_P = jnp.where(gap_P < SMALL, series_P, large_P / jnp.tanh(large_P) - 1)
    return jnp.where(there > 0, TANH * jnp.sum(error_P) / CIRCUMFERENCE, 1.0)
