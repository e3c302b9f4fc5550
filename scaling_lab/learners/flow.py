"""Normalising flows: maximum likelihood of pictures by a map that can be turned round.

    -log p(x) <= -log Normal(f(y); 0, 1) - log |det df/dy| - log |dy/du| + dimensions * log(levels)

with u the dequantised picture and y its logit (see `pictures`), in which pixels that are always
black are as wide as others: f need not stretch them. The density is exact; what the bound on the
discrete pixels loses is dequantisation alone. Losses are nats a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from .. import optim, registry
from ..config import Run
from ..counting import StepCost
from ..data import Spec
from ..errors import LabError
from ..images import latent_paths, likelihood
from ..optim import TrainState, apply_step, init_state
from ..recipe import Recipe, traced
from ..registry import register
from ..shuffle import minibatch
from . import Key, Learner, Metrics, Traced


@register("learner", "flow")
@dataclass(frozen=True, kw_only=True)
class Flow:
    """judged: pictures of the validation and of the test split that are evaluated, the same ones
    with the same noise in every run. first: pictures that the model's scales begin from. margin:
    of the logit, what pixels keep from 0 and 1; towards 1/2 the logit becomes a straight line.
    """

    judged: int = 2_000
    first: int = 256
    margin: float = traced(1e-6)

    numerics: ClassVar[int] = 2  # before, pixels were no logits

    def __post_init__(self):
        if min(self.judged, self.first) < 1:
            raise LabError(f"{self}: judged and first are at least 1")
        if not 1e-7 <= self.margin < 0.5:
            raise LabError(f"{self}: margin is from 1e-7 to below 0.5")

    @staticmethod
    def example() -> Run:
        """A small run of this learner, seconds on one core."""
        model, data = registry.get("model", "glow"), registry.get("data", "digits")
        return Run(
            learner=Flow(judged=100, first=64),
            data=data(),
            model=model(levels=1, steps=2, width=8),
            recipe=Recipe(batch_size=32, learning_rate=3e-3),
            D=1_000,
            steps=100,
        )

    def spec(self, run: Run) -> Spec:
        """The model maps a picture to as many numbers."""
        return likelihood.expect(run, "flow", "flow")

    def cost(self, run: Run) -> StepCost:
        return run.model.cost(self.spec(run)).step(run.recipe.batch_size)

    def bind(self, run: Run) -> Learner:
        optim.require_defaults(run.recipe)
        spec, recipe = self.spec(run), run.recipe
        network = run.model.network(spec.outputs, spec.shape)

        def seen(x: jax.Array, key: Key, traced: Traced) -> tuple[jax.Array, jax.Array]:
            """What the network maps, and log |dy/du| of each picture."""
            unit = likelihood.dequantised(x, key, spec.levels)
            return likelihood.logit(unit, traced["learner.margin"])

        def nats(params: Any, x: jax.Array, key: Key, traced: Traced) -> jax.Array:
            """-log P of each picture, at most."""
            y, stretched = seen(x, key, traced)
            z, determinant = network.apply({"params": params}, y)
            return likelihood.discrete(spec) - likelihood.normal(z) - determinant - stretched

        def init(key: Key, traced: Traced) -> TrainState:
            """Activation norms begin with the moments of pictures among the run's own D."""
            one, two = jax.random.split(key)
            index = minibatch(jnp.zeros((), jnp.int32), self.first, traced["seed"], traced["D"])
            y, _ = seen(traced["data"]["train"][index], one, traced)
            return init_state(network.init(two, y)["params"], recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            def loss(params: Any, index: jax.Array) -> jax.Array:
                return nats(params, traced["data"]["train"][index], key, traced).mean()

            index = minibatch(state.step, recipe.batch_size, traced["seed"], traced["D"])
            return apply_step(state, loss, index, recipe, traced)

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            def each(batch: likelihood.Judged) -> jax.Array:
                key = jax.random.fold_in(jax.random.key(0), batch.number)
                return nats(state.params, batch.x, key, traced)

            return likelihood.losses(each, traced["data"], spec)

        def data() -> dict[str, Any]:
            splits = likelihood.load(run.data)
            held = {"valid": splits.valid.x, "test": splits.test.x}
            held = {name: likelihood.chosen(x, self.judged) for name, x in held.items()}
            return {"train": splits.train.x} | {n: likelihood.judged(x) for n, x in held.items()}

        return Learner(init, step, evaluate, lambda state: state.params, data)

    def shown(self, run: Run, params: Any, count: int, seed: int = 0) -> dict[str, Any]:
        """Pictures of a trained model, pixels from 0 to 1: see `gallery`."""
        spec = self.spec(run)
        network = run.model.network(spec.outputs, spec.shape)
        x = likelihood.chosen(likelihood.load(run.data).test.x, 2 * latent_paths.ROWS)

        def turned(z: jax.Array) -> jax.Array:
            made: Any = network.apply({"params": params}, z, method="inverse")
            return likelihood.expit(made, self.margin)

        y, _ = likelihood.logit((jnp.asarray(x) + 0.5) / spec.levels, self.margin)
        codes, _ = network.apply({"params": params}, y)
        z = jax.random.normal(jax.random.key(seed), (count, codes.shape[1]))
        return {
            "samples": turned(z)[None],
            "interpolations": latent_paths.rows(turned(latent_paths.ways(codes, count))),
        }
