"""Normalising flows: maximum likelihood of images by an invertible map.

    -log p(x) <= -log Normal(f(y); 0, 1) - log |det df/dy| - log |dy/du| + dimensions * log(levels)

with u the dequantised image and y its logit (see `images.likelihood`). In y, pixels that are always
black vary as much as others, so f need not stretch them. The density is exact: the bound on the
discrete pixels is loose by dequantisation alone. Losses are in nats per image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from .. import optim, registry
from ..config import Run
from ..counting import StepCost, cost_of
from ..data import Spec
from ..errors import LabError
from ..images import latent_paths, likelihood
from ..optim import TrainState, apply_step, eval_params, init_state, with_params
from ..recipe import Recipe, renamed, traced
from ..registry import register
from ..shuffle import minibatch, subset
from . import BoundLearner, Key, Metrics, Params, Pictures, Traced, Tree


@register("learner", "flow")
@dataclass(frozen=True, kw_only=True)
class Flow:
    """eval_examples: images of the validation and of the test split that are evaluated, the same
    ones with the same noise in every run. first: images that initialise the activation norms.
    margin: distance kept from 0 and 1 before the logit, which becomes linear towards 1/2.
    """

    eval_examples: int = renamed("judged", 2_000)
    first: int = 256
    margin: float = traced(1e-6)

    objective: ClassVar[str] = "valid_loss"
    direction: ClassVar[str] = "min"
    numerics: ClassVar[int] = 2  # version 1 had no logit

    def __post_init__(self):
        if min(self.eval_examples, self.first) < 1:
            raise LabError(f"{self}: give eval_examples and first of 1 or more")
        if not 1e-7 <= self.margin < 0.5:
            raise LabError(f"{self}: give a margin from 1e-7 to below 0.5")

    @staticmethod
    def example() -> Run:
        """A small run of this learner, seconds on one core."""
        model, data = registry.get("model", "glow"), registry.get("data", "digits")
        return Run(
            learner=Flow(eval_examples=100, first=64),
            data=data(),
            model=model(levels=1, steps=2, width=8),
            recipe=Recipe(batch_size=32, learning_rate=3e-3),
            D=1_000,
            steps=100,
        )

    def spec(self, run: Run) -> Spec:
        """The model maps an image to as many numbers."""
        return likelihood.expect(run, "flow", "flow")

    def cost(self, run: Run) -> StepCost:
        return cost_of(run.model, self.spec(run)).step(run.recipe.batch_size)

    def bind(self, run: Run) -> BoundLearner:
        optim.require_defaults(run.recipe)
        spec, recipe = self.spec(run), run.recipe
        network = run.model.network(spec.outputs, spec.shape)

        def logits(x: jax.Array, key: Key, traced: Traced) -> tuple[jax.Array, jax.Array]:
            """The network's input y, and log |dy/du| of each image."""
            unit = likelihood.dequantised(x, key, spec.levels)
            return likelihood.logit(unit, traced["learner.margin"])

        def nats(params: Params, x: jax.Array, key: Key, traced: Traced) -> jax.Array:
            """An upper bound on -log P of each image."""
            y, log_slope = logits(x, key, traced)
            z, determinant = network.apply({"params": params}, y)
            return likelihood.discrete(spec) - likelihood.normal(z) - determinant - log_slope

        def init(key: Key, traced: Traced) -> TrainState:
            """Activation norms are initialised by images among the run's own D."""
            one, two = jax.random.split(key)
            index = minibatch(jnp.zeros((), jnp.int32), self.first, traced["seed"], traced["D"])
            index = subset(index, traced.get("data_seed"), len(traced["data"]["train"]))
            y, _ = logits(traced["data"]["train"][index], one, traced)
            return init_state(network.init(two, y)["params"], recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            def loss(params: Params, index: jax.Array) -> jax.Array:
                return nats(params, traced["data"]["train"][index], key, traced).mean()

            index = minibatch(state.step, recipe.batch_size, traced["seed"], traced["D"])
            index = subset(index, traced.get("data_seed"), len(traced["data"]["train"]))
            return apply_step(state, loss, index, recipe, traced)

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            def each(batch: likelihood.EvalExamples) -> jax.Array:
                key = jax.random.fold_in(jax.random.key(0), batch.number)
                return nats(eval_params(state), batch.x, key, traced)

            return likelihood.losses(each, traced["data"], spec)

        def data() -> dict[str, Tree]:
            splits = likelihood.load(run.data)
            held = {"valid": splits.valid.x, "test": splits.test.x}
            return {"train": splits.train.x} | {
                name: likelihood.eval_examples(likelihood.chosen(x, self.eval_examples))
                for name, x in held.items()
            }

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

    def shown(self, run: Run, params: Params, count: int, seed: int = 0) -> Pictures:
        """Images made by a trained model, pixels from 0 to 1; see `artifacts.gallery`."""
        spec = self.spec(run)
        network = run.model.network(spec.outputs, spec.shape)
        x = likelihood.chosen(likelihood.load(run.data).test.x, 2 * latent_paths.ROWS)

        def decode(z: jax.Array) -> jax.Array:
            made = network.apply({"params": params}, z, method="inverse")
            return likelihood.expit(made, self.margin)

        y, _ = likelihood.logit((jnp.asarray(x) + 0.5) / spec.levels, self.margin)
        codes, _ = network.apply({"params": params}, y)
        z = jax.random.normal(jax.random.key(seed), (count, codes.shape[1]))
        return {
            "samples": decode(z)[None],
            "interpolations": latent_paths.rows(decode(latent_paths.interpolate(codes, count))),
        }
