"""Adversarial learning: a generator and a discriminator, each with its optimiser.

    non_saturating   discriminator  E softplus(-d(x)) + E softplus(d(g(z)))      (Goodfellow 2014)
                     generator      E softplus(-d(g(z)))
    hinge            discriminator  E relu(1 - d(x)) + E relu(1 + d(g(z)))       (Lim & Ye 2017)
                     generator      -E d(g(z))

and for the discriminator penalty / 2 * E |grad_x d(x)|^2 at real pictures (R1, Mescheder 2018),
which needs no state, as spectral normalisation would. Where `conditional`, both are told the class.
What is evaluated is an exponential moving average of the generator, and no likelihood: its distance
from real pictures in the features of a classifier, see `judge`.

C counts a step as the products that it takes, of which g and d are one forward pass of the
players: 6 d for real pictures (three of them the penalty's, a gradient of a gradient), 3 d for made
ones, 2 d to carry the generator's gradient through, and 4 g.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import optim, registry
from ..config import Run
from ..counting import PARTS, StepCost
from ..data import Spec
from ..errors import LabError, unknown
from ..images import feature_distance, latent_paths, likelihood
from ..recipe import Recipe, traced
from ..registry import register
from ..shuffle import minibatch
from . import Key, Learner, Metrics, Traced

LOSSES = ("non_saturating", "hinge")


class State(NamedTuple):
    """Parameters and optimiser states of both players, the average generator, steps done."""

    generator: Any
    discriminator: Any
    average: Any
    opt_state: tuple[Any, Any]
    step: jax.Array


@register("learner", "gan")
@dataclass(frozen=True, kw_only=True)
class Gan:
    """loss: "non_saturating" or "hinge". conditional: whether the players are told the class.

    penalty: of the discriminator's gradient at real pictures. average: decay of the generator's
    moving average, less in the first steps. generator_rate: its learning rate / the
    discriminator's, which is the recipe's. judged: pictures that are made for an evaluation, and
    real ones they are held against, always the same.
    """

    loss: str = "non_saturating"
    conditional: bool = True
    penalty: float = traced(1.0)
    average: float = traced(0.999)
    generator_rate: float = traced(1.0)
    judged: int = 2_000

    numerics: ClassVar[int] = feature_distance.VERSION

    def __post_init__(self):
        if self.loss not in LOSSES:
            raise unknown("loss", self.loss, LOSSES)
        if not (0 <= self.average < 1 and self.penalty >= 0 and self.generator_rate > 0):
            raise LabError(
                f"{self}: average is from 0 to below 1, penalty 0 or more, generator_rate above 0"
            )
        if self.judged <= feature_distance.NEIGHBOUR:
            raise LabError(
                f"judged is {self.judged}; give more than {feature_distance.NEIGHBOUR} pictures"
            )

    @staticmethod
    def example() -> Run:
        """A small run of this learner, seconds on one core."""
        model, data = registry.get("model", "mlp_gan"), registry.get("data", "digits")
        return Run(
            learner=Gan(judged=300),
            data=data(),
            model=model(width=32, depth=1, latent=8),
            recipe=Recipe(batch_size=64, schedule="constant", learning_rate=2e-3, momentum=0.5),
            D=1_000,
            steps=300,
        )

    def spec(self, run: Run) -> Spec:
        """The players are told one of so many classes: of one, where it is not said."""
        spec = likelihood.expect(run, "adversaries", "gan")
        return spec if self.conditional else replace(spec, outputs=1)

    def cost(self, run: Run) -> StepCost:
        spec, batch = self.spec(run), run.recipe.batch_size
        make, verdict = run.model.costs(spec)
        flops = {
            part: batch * (11 * verdict.forward.get(part, 0.0) + 4 * make.forward.get(part, 0.0))
            for part in PARTS
        }
        return StepCost(N=run.model.cost(spec).N, flops=flops, examples=batch)

    def bind(self, run: Run) -> Learner:
        optim.require_defaults(run.recipe)
        spec, recipe, latent = self.spec(run), run.recipe, run.model.latent
        network = run.model.network(spec.outputs, spec.shape)
        middle = (spec.levels - 1) / 2
        hinge = self.loss == "hinge"

        def make(params: Any, key: Key, classes: jax.Array) -> jax.Array:
            z = jax.random.normal(key, (len(classes), latent))
            return network.apply({"params": {"generator": params}}, z, classes, method="make")

        def verdict(params: Any, x: jax.Array, classes: jax.Array) -> jax.Array:
            return network.apply({"params": {"discriminator": params}}, x, classes, method="judge")

        def told(y: jax.Array) -> jax.Array:
            return y if self.conditional else jnp.zeros_like(y)

        def optimizers(traced: Traced) -> tuple[Any, Any]:
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
            real, classes = x[index].astype(jnp.float32) / middle - 1.0, told(y[index])
            one, two = jax.random.split(key)
            made = make(state.generator, one, classes)

            def judged(params: Any) -> jax.Array:
                def summed(x: jax.Array) -> tuple[jax.Array, jax.Array]:
                    said = verdict(params, x, classes)
                    return said.sum(), said

                slope, yes = jax.grad(summed, has_aux=True)(real)
                no = verdict(params, made, classes)
                if hinge:
                    error = jax.nn.relu(1.0 - yes).mean() + jax.nn.relu(1.0 + no).mean()
                else:
                    error = jax.nn.softplus(-yes).mean() + jax.nn.softplus(no).mean()
                square = (slope**2).sum() / recipe.batch_size
                return error + traced["learner.penalty"] / 2 * square

            first, second = optimizers(traced)
            loss, slope = jax.value_and_grad(judged)(state.discriminator)
            updates, momentum = first.update(slope, state.opt_state[0], state.discriminator)
            discriminator = jax.tree.map(jnp.add, state.discriminator, updates)

            def caught(params: Any) -> jax.Array:
                said = verdict(discriminator, make(params, two, classes), classes)
                return -said.mean() if hinge else jax.nn.softplus(-said).mean()

            other, slope = jax.value_and_grad(caught)(state.generator)
            updates, other_momentum = second.update(slope, state.opt_state[1], state.generator)
            generator = jax.tree.map(jnp.add, state.generator, updates)
            # A short memory at first, or the average would long hold what initialisation was.
            decay = jnp.minimum(traced["learner.average"], (1.0 + state.step) / (10.0 + state.step))
            average = jax.tree.map(
                lambda old, new: decay * old + (1.0 - decay) * new, state.average, generator
            )
            opt_state = momentum, other_momentum
            state = State(generator, discriminator, average, opt_state, state.step + 1)
            return state, {"loss": loss + other}

        def evaluate(state: State, traced: Traced) -> Metrics:
            data = traced["data"]
            made = make(state.average, jax.random.key(0), told(data["classes"]))
            seen = feature_distance.features(data["judge"], (made + 1.0) * middle, run.data.spec)
            test = data["test"]
            return {
                "valid_distance": feature_distance.frechet(data["valid"]["features"], seen),
                "test_distance": feature_distance.frechet(test["features"], seen),
                "test_precision": feature_distance.within(seen, test["features"], test["reach"]),
                "test_recall": feature_distance.within(
                    test["features"], seen, feature_distance.reach(seen)
                ),
                "real_distance": data["real_distance"],
                "judge_error": data["judge_error"],
            }

        def data() -> dict[str, Any]:
            splits = likelihood.load(run.data)
            for name, split in zip(splits._fields, splits, strict=True):
                if len(split.x) <= feature_distance.NEIGHBOUR:
                    raise LabError(
                        f"the {name} split of {type(run.data).__name__} has {len(split.x)} "
                        f"images; a distance needs more than {feature_distance.NEIGHBOUR}"
                    )
            found = feature_distance.trained(run.data)
            look = jax.jit(lambda x: feature_distance.features(found.params, x, run.data.spec))
            train, valid, test = (
                np.asarray(look(likelihood.chosen(split.x, self.judged))) for split in splits
            )
            return {
                "train": tuple(splits.train),
                "classes": np.resize(likelihood.chosen(splits.valid.y, self.judged), self.judged),
                "valid": {"features": valid},
                "test": {
                    "features": test,
                    "reach": np.asarray(feature_distance.reach(jnp.asarray(test))),
                },
                "judge": found.params,
                "judge_error": np.float32(found.error),
                "real_distance": np.asarray(
                    feature_distance.frechet(jnp.asarray(train), jnp.asarray(test))
                ),
            }

        def params(state: State) -> Any:
            """The generator that is evaluated, the average, and the discriminator."""
            return {"generator": state.average, "discriminator": state.discriminator}

        return Learner(init, step, evaluate, params, data, objective="valid_distance")

    def shown(self, run: Run, params: Any, count: int, seed: int = 0) -> dict[str, Any]:
        """Pictures of a trained generator, pixels from 0 to 1: see `gallery`. A column a class."""
        spec, latent = self.spec(run), run.model.latent
        network = run.model.network(spec.outputs, spec.shape)

        def make(z: jax.Array, classes: jax.Array) -> jax.Array:
            given = {"params": {"generator": params["generator"]}}
            made: Any = network.apply(given, z, classes, method="make")
            return ((made + 1.0) / 2).clip(0, 1)

        one, two = jax.random.split(jax.random.key(seed))
        classes = jnp.arange(count) % spec.outputs
        ends = jax.random.normal(two, (latent_paths.ROWS, 2, 1, latent))
        way = jnp.linspace(0, 1, count)[None, :, None]
        # The norm of the noise is kept: in between it would be less than any that was trained on.
        between = jnp.sqrt(1 - way) * ends[:, 0] + jnp.sqrt(way) * ends[:, 1]
        same = jnp.repeat(jnp.arange(latent_paths.ROWS) % spec.outputs, count)
        return {
            "samples": make(jax.random.normal(one, (count, latent)), classes)[None],
            "interpolations": latent_paths.rows(make(between.reshape(-1, latent), same)),
        }
