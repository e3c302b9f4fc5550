"""Adversarial learning: a generator and a discriminator, each with its optimiser.

    discriminator: minimise  E softplus(-d(x)) + E softplus(d(g(z)))
    generator:     minimise  E softplus(-d(g(z)))          (non-saturating; Goodfellow 2014)

The model family is the discriminator's; the generator is a perceptron of its own width. What is
evaluated is no likelihood: the distance between the first two moments of real and made images (a
Fréchet distance in pixel space, with diagonal covariances).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from .. import models, optim, registry
from ..config import Recipe, Run, traced
from ..counting import PARTS, StepCost, dense
from ..data import Spec
from ..registry import register
from ..shuffle import minibatch
from . import Key, Learner, Metrics, Traced

MADE = 512  # images made for an evaluation


class Generator(nn.Module):
    """z_BK -> x_BD, in units of the data's standard deviation."""

    width: int
    outputs: int

    @nn.compact
    def __call__(self, z_BK: jax.Array) -> jax.Array:
        hidden_BD = nn.relu(nn.Dense(self.width, name="layer_0")(z_BK))
        return nn.Dense(self.outputs, name="head")(hidden_BD)


class State(NamedTuple):
    """Parameters and optimiser states of both players, and steps done."""

    discriminator: Any
    generator: Any
    momenta: tuple[Any, Any]
    step: jax.Array


@register("learner", "gan")
@dataclass(frozen=True, kw_only=True)
class Gan:
    """latent: dimension of z. width: of the generator. generator_rate: its learning rate / the
    discriminator's, which is the recipe's."""

    latent: int = 16
    width: int = 64
    generator_rate: float = traced(1.0)

    @staticmethod
    def example() -> Run:
        """A small run of this learner, a second on one core."""
        model, data = registry.get("model", "mlp"), registry.get("data", "digits")
        return Run(
            learner=Gan(),
            data=data(),
            model=model(depth=1, width=32),
            recipe=Recipe(batch_size=64, schedule="constant", learning_rate=3e-3, momentum=0.5),
            D=1_000,
            steps=400,
        )

    def spec(self, run: Run) -> Spec:
        """The discriminator sees an image and says one number."""
        models.expect(run.model, "array", "gan")
        return replace(run.data.spec, outputs=1)

    def cost(self, run: Run) -> StepCost:
        pixels, batch = prod(run.data.spec.shape), run.recipe.batch_size
        judge = run.model.cost(self.spec(run))
        weights = {"matmul": self.latent * self.width, "head": self.width * pixels}
        counts = {**weights, "embedding": 0, "other": self.width + pixels}
        make = {"matmul": dense(self.latent, self.width), "head": dense(self.width, pixels)}
        flops = {}
        for part in PARTS:
            once, made = judge.forward.get(part, 0.0), make.get(part, 0.0)
            # Discriminator: real and made, forward and backward, and making them once. Generator:
            # through the discriminator and back, whose own weights need no gradient.
            flops[part] = batch * (2 * 3 * once + made + 2 * once + 3 * made)
        groups = {group: judge.N[group] + counts[group] for group in judge.N}
        return StepCost(N=groups, flops=flops, examples=batch)

    def bind(self, run: Run) -> Learner:
        optim.only_plain(run.recipe)
        spec, recipe = run.data.spec, run.recipe
        judge = run.model.network(1)
        make = Generator(self.width, prod(spec.shape))

        def normal(x: jax.Array) -> jax.Array:
            return (x.astype(jnp.float32) - spec.mean) / spec.std

        def images(params: Any, key: Key, count: int) -> jax.Array:
            z = jax.random.normal(key, (count, self.latent))
            made: Any = make.apply({"params": params}, z)
            return made.reshape(count, *spec.shape)

        def verdict(params: Any, x: jax.Array) -> jax.Array:
            return judge.apply({"params": params}, x)[:, 0]

        def optimizers(traced: Traced) -> tuple[Any, Any]:
            rate = traced["recipe.learning_rate"] * traced["learner.generator_rate"]
            other = {**traced, "recipe.learning_rate": rate}
            return optim.optimizer(recipe, traced), optim.optimizer(recipe, other)

        def init(key: Key, traced: Traced) -> State:
            one, two = jax.random.split(key)
            discriminator = judge.init(one, jnp.zeros((1, *spec.shape)))["params"]
            generator = make.init(two, jnp.zeros((1, self.latent)))["params"]
            first, second = optimizers(traced)
            momenta = first.init(discriminator), second.init(generator)
            return State(discriminator, generator, momenta, jnp.zeros((), jnp.int32))

        def step(state: State, key: Key, traced: Traced) -> tuple[State, Metrics]:
            index = minibatch(state.step, recipe.batch_size, traced["seed"], traced["D"])
            real = normal(traced["data"]["train"][index])
            keys = jax.random.split(key)
            made = images(state.generator, keys[0], recipe.batch_size)

            def judged(params: Any) -> jax.Array:
                real_loss = jax.nn.softplus(-verdict(params, real)).mean()
                return real_loss + jax.nn.softplus(verdict(params, made)).mean()

            loss, slope = jax.value_and_grad(judged)(state.discriminator)
            first, second = optimizers(traced)
            updates, momentum = first.update(slope, state.momenta[0], state.discriminator)
            discriminator = jax.tree.map(jnp.add, state.discriminator, updates)

            def fooled(params: Any) -> jax.Array:
                made = images(params, keys[1], recipe.batch_size)
                return jax.nn.softplus(-verdict(discriminator, made)).mean()

            other, slope = jax.value_and_grad(fooled)(state.generator)
            updates, second_momentum = second.update(slope, state.momenta[1], state.generator)
            generator = jax.tree.map(jnp.add, state.generator, updates)
            momenta = momentum, second_momentum
            return State(discriminator, generator, momenta, state.step + 1), {"loss": loss + other}

        def evaluate(state: State, traced: Traced) -> Metrics:
            made = images(state.generator, jax.random.key(0), MADE)
            return {
                f"{name}_distance": moment_distance(normal(traced["data"][name]), made)
                for name in ("valid", "test")
            }

        def data() -> dict[str, Any]:
            splits = run.data.load()
            names = ("train", "valid", "test")
            return {name: split.x for name, split in zip(names, splits, strict=True)}

        def params(state: State) -> Any:
            return {"discriminator": state.discriminator, "generator": state.generator}

        return Learner(init, step, evaluate, params, data, objective="valid_distance")


def moment_distance(a: jax.Array, b: jax.Array) -> jax.Array:
    """Fréchet distance of two normal laws with the samples' means and variances, pixel by pixel."""
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    means = jnp.sum((a.mean(0) - b.mean(0)) ** 2)
    return means + jnp.sum((a.std(0) - b.std(0)) ** 2)
