"""Adversarial learning: a generator and a discriminator, each with its optimiser.

    non_saturating   discriminator  E softplus(-d(x)) + E softplus(d(g(z)))      (Goodfellow 2014)
                     generator      E softplus(-d(g(z)))
    hinge            discriminator  E relu(1 - d(x)) + E relu(1 + d(g(z)))       (Lim & Ye 2017)
                     generator      -E d(g(z))

and for the discriminator penalty / 2 * E |grad_x d(x)|^2 at real pictures (R1, Mescheder 2018),
which needs no state, unlike spectral normalisation. If `conditional`, both are given the class.
There is no likelihood to evaluate; the metric is the distance of generated from real images in the
features of a classifier (`images.feature_distance`), for an exponential moving average of the
generator.

A step is one update of each network and counts as one. C counts the matrix products of a step: with
g and d one forward pass of generator and discriminator, 6 d for real images (three of them the
penalty's, a gradient of a gradient), 3 d for generated ones, 2 d to carry the generator's gradient
through, and 4 g.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .. import models, optim, registry
from ..config import Run
from ..counting import PARTS, StepCost, cost_of
from ..data import Spec
from ..errors import LabError, unknown
from ..images import feature_distance, latent_paths, likelihood
from ..recipe import Recipe, renamed, traced
from ..registry import register
from ..shuffle import minibatch, subset
from . import BoundLearner, Key, Metrics, Params, Pictures, Traced, Tree

LOSSES = ("non_saturating", "hinge")


class State(NamedTuple):
    """Parameters and optimiser states of both networks, the averaged generator, steps done."""

    generator: Params
    discriminator: Params
    average: Params
    opt_state: tuple[optax.OptState, optax.OptState]
    step: jax.Array


@register("learner", "gan")
@dataclass(frozen=True, kw_only=True)
class Gan:
    """loss: "non_saturating" or "hinge". conditional: whether both networks are given the class.

    penalty: weight of the R1 penalty. average: decay of the generator's moving average (see
    `optim.moving_average`). generator_rate: the generator's learning rate / the discriminator's,
    which is the recipe's. eval_examples: images that are generated for an evaluation, and real ones
    they are compared with, the same in every run.
    """

    loss: str = "non_saturating"
    conditional: bool = True
    penalty: float = traced(1.0)
    average: float = traced(0.999)
    generator_rate: float = traced(1.0)
    eval_examples: int = renamed("judged", 2_000)

    objective: ClassVar[str] = "valid_distance"
    direction: ClassVar[str] = "min"
    numerics: ClassVar[int] = feature_distance.VERSION

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)
        if not (0 <= self.average < 1 and self.penalty >= 0 and self.generator_rate > 0):
            raise LabError(
                f"{self}: give an average from 0 to below 1, a penalty of 0 or more and a "
                "generator_rate above 0"
            )
        if self.eval_examples <= feature_distance.NEIGHBOUR:
            raise LabError(
                f"eval_examples is {self.eval_examples}; "
                f"give more than {feature_distance.NEIGHBOUR}"
            )

    @staticmethod
    def example() -> Run:
        """A small run of this learner, seconds on one core."""
        model, data = registry.get("model", "mlp_gan"), registry.get("data", "digits")
        return Run(
            learner=Gan(eval_examples=300),
            data=data(),
            model=model(width=32, depth=1, latent=8),
            recipe=Recipe(batch_size=64, schedule="constant", learning_rate=2e-3, momentum=0.5),
            D=1_000,
            steps=300,
        )

    def spec(self, run: Run) -> Spec:
        """Outputs are the classes that both networks are given: 1 if unconditional."""
        spec = likelihood.expect(run, "adversaries", "gan")
        return spec if self.conditional else replace(spec, outputs=1)

    def cost(self, run: Run) -> StepCost:
        spec, batch = self.spec(run), run.recipe.batch_size
        model = cast(models.Adversaries, run.model)
        generator, discriminator = model.costs(spec)
        flops = {
            part: batch
            * (11 * discriminator.forward.get(part, 0.0) + 4 * generator.forward.get(part, 0.0))
            for part in PARTS
        }
        # The discriminator's gradient with respect to real and generated images is not computed.
        return StepCost(
            N=cost_of(model, spec).N,
            flops=flops,
            examples=batch,
            input_gradient=2 * batch * discriminator.input_gradient,
        )

    def bind(self, run: Run) -> BoundLearner:
        optim.require_defaults(run.recipe)
        if run.recipe.ema_decay:
            raise LabError(
                "a GAN averages its generator by learner.average; leave recipe.ema_decay 0"
            )
        model = cast(models.Adversaries, run.model)
        spec, recipe, latent = self.spec(run), run.recipe, model.latent
        network = model.network(spec.outputs, spec.shape)
        middle = (spec.levels - 1) / 2
        hinge = self.loss == "hinge"

        def make(params: Params, key: Key, classes: jax.Array) -> jax.Array:
            z = jax.random.normal(key, (len(classes), latent))
            return network.apply({"params": {"generator": params}}, z, classes, method="make")

        def discriminate(params: Params, x: jax.Array, classes: jax.Array) -> jax.Array:
            return network.apply(
                {"params": {"discriminator": params}}, x, classes, method="discriminate"
            )

        def classes_of(y: jax.Array) -> jax.Array:
            return y if self.conditional else jnp.zeros_like(y)

        def optimizers(traced: Traced) -> tuple[optax.GradientTransformation, ...]:
            rate = traced["recipe.learning_rate"] * traced["learner.generator_rate"]
            other = {**traced, "recipe.learning_rate": rate}
            return optim.optimizer(recipe, traced), optim.optimizer(recipe, other)

        def init(key: Key, traced: Traced) -> State:
            blank = jnp.zeros((1, latent)), jnp.zeros(1, jnp.int32)
            params = network.init(key, *blank)["params"]
            generator, discriminator = params["generator"], params["discriminator"]
            first, second = optimizers(traced)
            opt_state = first.init(discriminator), second.init(generator)
            average = jax.tree.map(jnp.copy, generator)
            return State(generator, discriminator, average, opt_state, jnp.zeros((), jnp.int32))

        def step(state: State, key: Key, traced: Traced) -> tuple[State, Metrics]:
            index = minibatch(state.step, recipe.batch_size, traced["seed"], traced["D"])
            x, y = traced["data"]["train"]
            index = subset(index, traced.get("data_seed"), len(y))
            real, classes = x[index].astype(jnp.float32) / middle - 1.0, classes_of(y[index])
            one, two = jax.random.split(key)
            made = make(state.generator, one, classes)

            def discriminator_loss(params: Params) -> jax.Array:
                def summed(x: jax.Array) -> tuple[jax.Array, jax.Array]:
                    logits = discriminate(params, x, classes)
                    return logits.sum(), logits

                slope, on_real = jax.grad(summed, has_aux=True)(real)
                on_made = discriminate(params, made, classes)
                if hinge:
                    error = jax.nn.relu(1.0 - on_real).mean() + jax.nn.relu(1.0 + on_made).mean()
                else:
                    error = jax.nn.softplus(-on_real).mean() + jax.nn.softplus(on_made).mean()
                square = (slope**2).sum() / recipe.batch_size
                return error + traced["learner.penalty"] / 2 * square

            first, second = optimizers(traced)
            loss, slope = jax.value_and_grad(discriminator_loss)(state.discriminator)
            updates, first_state = first.update(slope, state.opt_state[0], state.discriminator)
            discriminator = jax.tree.map(jnp.add, state.discriminator, updates)

            def generator_loss(params: Params) -> jax.Array:
                logits = discriminate(discriminator, make(params, two, classes), classes)
                return -logits.mean() if hinge else jax.nn.softplus(-logits).mean()

            other, slope = jax.value_and_grad(generator_loss)(state.generator)
            updates, second_state = second.update(slope, state.opt_state[1], state.generator)
            generator = jax.tree.map(jnp.add, state.generator, updates)
            average = optim.moving_average(
                state.average, generator, state.step, traced["learner.average"]
            )
            opt_state = first_state, second_state
            state = State(generator, discriminator, average, opt_state, state.step + 1)
            return state, {"loss": loss + other}

        def evaluate(state: State, traced: Traced) -> Metrics:
            data = traced["data"]
            made = make(state.average, jax.random.key(0), classes_of(data["classes"]))
            found = feature_distance.features(
                data["classifier"], (made + 1.0) * middle, run.data.spec
            )
            test = data["test"]
            return {
                "valid_distance": feature_distance.frechet(data["valid"]["features"], found),
                "test_distance": feature_distance.frechet(test["features"], found),
                "test_precision": feature_distance.coverage(found, test["features"], test["reach"]),
                "test_recall": feature_distance.coverage(
                    test["features"], found, feature_distance.neighbour_radii(found)
                ),
                "real_distance": data["real_distance"],
                "judge_error": data["judge_error"],
            }

        def data() -> dict[str, Tree]:
            splits = likelihood.load(run.data)
            for name, split in zip(splits._fields, splits, strict=True):
                if len(split.x) <= feature_distance.NEIGHBOUR:
                    raise LabError(
                        f"the {name} split of {type(run.data).__name__} has {len(split.x)} "
                        f"images; a distance needs more than {feature_distance.NEIGHBOUR}"
                    )
            classifier = feature_distance.trained_classifier(run.data)
            features = jax.jit(
                lambda x: feature_distance.features(classifier.params, x, run.data.spec)
            )
            train, valid, test = (
                np.asarray(features(likelihood.chosen(split.x, self.eval_examples)))
                for split in splits
            )
            classes = likelihood.chosen(splits.valid.y, self.eval_examples)
            return {
                "train": tuple(splits.train),
                "classes": np.resize(classes, self.eval_examples),
                "valid": {"features": valid},
                "test": {
                    "features": test,
                    "reach": np.asarray(feature_distance.neighbour_radii(jnp.asarray(test))),
                },
                "classifier": classifier.params,
                "judge_error": np.float32(classifier.error),
                "real_distance": np.asarray(
                    feature_distance.frechet(jnp.asarray(train), jnp.asarray(test))
                ),
            }

        def step_data() -> dict[str, Tree]:
            return {"train": tuple(likelihood.load(run.data).train)}

        def params(state: State) -> Params:
            """The averaged generator, which is the one that is evaluated, and the discriminator."""
            return {"generator": state.average, "discriminator": state.discriminator}

        def with_params(state: State, params: Params) -> State:
            generator = cast(Params, params["generator"])
            discriminator = cast(Params, params["discriminator"])
            return state._replace(
                generator=generator, discriminator=discriminator, average=generator
            )

        return BoundLearner(
            init,
            step,
            evaluate,
            params,
            data,
            self.objective,
            self.direction,
            step_data=step_data,
            with_params=with_params,
        )

    def shown(self, run: Run, params: Params, count: int, seed: int = 0) -> Pictures:
        """Images made by a trained generator, pixels from 0 to 1, a column a class; see
        `artifacts.gallery`.
        """
        model = cast(models.Adversaries, run.model)
        spec, latent = self.spec(run), model.latent
        network = model.network(spec.outputs, spec.shape)

        def make(z: jax.Array, classes: jax.Array) -> jax.Array:
            given = {"params": {"generator": params["generator"]}}
            made = network.apply(given, z, classes, method="make")
            return ((made + 1.0) / 2).clip(0, 1)

        one, two = jax.random.split(jax.random.key(seed))
        classes = jnp.arange(count) % spec.outputs
        ends = jax.random.normal(two, (latent_paths.ROWS, 2, 1, latent))
        way = jnp.linspace(0, 1, count)[None, :, None]
        # Keep the norm of the noise: linear interpolation would leave the range trained on.
        between = jnp.sqrt(1 - way) * ends[:, 0] + jnp.sqrt(way) * ends[:, 1]
        same = jnp.repeat(jnp.arange(latent_paths.ROWS) % spec.outputs, count)
        return {
            "samples": make(jax.random.normal(one, (count, latent)), classes)[None],
            "interpolations": latent_paths.rows(make(between.reshape(-1, latent), same)),
        }
