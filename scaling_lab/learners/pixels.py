"""Images as sequences (van den Oord 2016, Henighan 2020): each pixel given those before it.

    -log p(x) = -sum_t log p(x_t | x_1 ... x_{t-1})        nats per image; exact for discrete pixels

An image is shrunk to `side` x `side` by area averaging, its pixels are rounded to `levels` grey
levels and read row by row, colour by colour within a pixel. A begin token comes before the first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .. import optim, registry
from ..config import Run
from ..counting import StepCost, cost_of
from ..data import Spec
from ..errors import LabError
from ..images import likelihood
from ..optim import TrainState, apply_step, eval_params, init_state, with_params
from ..recipe import Recipe, renamed
from ..registry import register
from ..shuffle import minibatch, subset
from ..text import sampling
from . import BoundLearner, Key, Metrics, Params, Pictures, Traced, Tree

EVALUATION_BATCH = 4_096  # tokens: as many whole images as fit, at least one


@register("learner", "pixels")
@dataclass(frozen=True, kw_only=True)
class Pixels:
    """side, levels: size and grey levels to which an image is reduced. eval_examples: images of the
    validation and of the test split that are evaluated, the same ones in every run.
    """

    side: int = 8
    levels: int = 16
    eval_examples: int = renamed("judged", 1_000)

    objective: ClassVar[str] = "valid_loss"
    direction: ClassVar[str] = "min"

    def __post_init__(self):
        if self.side < 2 or not 2 <= self.levels <= 256 or self.eval_examples < 1:
            raise LabError(
                f"{self}: give a side of 2 or more, levels 2 to 256, eval_examples of 1 or more"
            )

    @staticmethod
    def example() -> Run:
        """A small run of this learner, seconds on one core."""
        model, data = registry.get("model", "transformer"), registry.get("data", "digits")
        return Run(
            learner=Pixels(side=4, levels=8, eval_examples=100),
            data=data(),
            model=model(width=16, depth=1),
            recipe=Recipe(batch_size=16, learning_rate=1e-2),
            D=1_000,
            steps=50,
        )

    def spec(self, run: Run) -> Spec:
        """The model reads one token per number of an image."""
        spec = likelihood.expect(run, "tokens", "pixels")
        if self.side > min(spec.shape[:2]):
            raise LabError(
                f"side is {self.side} and the images are {spec.shape[0]}x{spec.shape[1]}; "
                "give a side no larger than theirs"
            )
        colours = spec.shape[2] if len(spec.shape) == 3 else 1
        # One more than the levels: the begin token.
        return replace(spec, shape=(self.side**2 * colours,), outputs=self.levels + 1)

    def cost(self, run: Run) -> StepCost:
        return cost_of(run.model, self.spec(run)).step(run.recipe.batch_size)

    def bind(self, run: Run) -> BoundLearner:
        recipe, spec = run.recipe, self.spec(run)
        network = run.model.network(spec.outputs)

        def nats(params: Params, x: jax.Array) -> jax.Array:
            """-log p of each image of ids_BT."""
            ids = x.astype(jnp.int32)
            before = jnp.pad(ids[:, :-1], [(0, 0), (1, 0)], constant_values=self.levels)
            params = optim.cast_to_precision(recipe, params)
            logits = network.apply({"params": params}, before).astype(jnp.float32)
            return optax.softmax_cross_entropy_with_integer_labels(logits, ids).sum(-1)

        def init(key: Key, traced: Traced) -> TrainState:
            params = network.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
            return init_state(params, recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            def loss(params: Params, index: jax.Array) -> jax.Array:
                return nats(params, traced["data"]["train"][index]).mean()

            index = minibatch(state.step, recipe.batch_size, traced["seed"], traced["D"])
            index = subset(index, traced.get("data_seed"), len(traced["data"]["train"]))
            return apply_step(state, loss, index, recipe, traced)

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            def each(batch: likelihood.EvalExamples) -> jax.Array:
                return nats(eval_params(state), batch.x)

            return likelihood.losses(each, traced["data"], spec)

        def data() -> dict[str, Tree]:
            splits, levels = likelihood.load(run.data), run.data.spec.levels

            def ids(x: np.ndarray) -> np.ndarray:
                return rounded(shrunk(x, self.side), levels, self.levels)

            held = {"valid": splits.valid.x, "test": splits.test.x}
            held = {name: ids(likelihood.chosen(x, self.eval_examples)) for name, x in held.items()}
            largest = max(1, EVALUATION_BATCH // spec.shape[0])
            return {"train": ids(splits.train.x)} | {
                name: likelihood.eval_examples(x, largest) for name, x in held.items()
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
        (time,) = spec.shape
        ids = sampling.sample(
            run.model.network(spec.outputs),
            params,
            np.array([self.levels]),
            time,
            time,
            count=count,
            seed=seed,
        )
        made = np.minimum(ids, self.levels - 1) / (self.levels - 1)
        return {"samples": made.reshape(1, count, self.side, self.side, -1)}


def shrunk(x: np.ndarray, side: int) -> np.ndarray:
    """Images (count, height, width, ...) as (count, side, side, ...) by area averaging.

    A pixel that straddles two areas counts for each by its share.
    """

    def weights(pixels: int) -> np.ndarray:
        edges = np.linspace(0, pixels, side + 1)
        at = np.arange(pixels)
        ends = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
        return (np.clip(ends, 0, 1) * side / pixels).astype(np.float32)

    rows, columns = weights(x.shape[1]), weights(x.shape[2])
    return np.concatenate(
        [
            np.einsum("rh,bhw...,cw->brc...", rows, part.astype(np.float32), columns, optimize=True)
            for part in np.array_split(x, math.ceil(len(x) / 4_096))
        ]
    )


def rounded(x: np.ndarray, levels: int, wanted: int) -> np.ndarray:
    """Pixels 0 to levels - 1 quantised evenly to ids 0 to wanted - 1, (count, T)."""
    ids = np.floor((x + 0.5) / levels * wanted).clip(0, wanted - 1)
    return ids.astype(np.uint8).reshape(len(x), -1)
