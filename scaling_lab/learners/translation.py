"""Translation: maximum likelihood of each token of the target given the source and those before it.

    L(theta) = -sum over tokens of log p(y_t | y_1 ... y_{t-1}, x; theta) / their number

in nats a token of the target, END included, padding excluded. D counts sentence pairs: a run trains
on the first D of the fixed shuffled order. Trained parameters are also scored by BLEU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from .. import models, optim, registry
from ..config import Run
from ..counting import StepCost, cost_of
from ..data import Pairs, Spec
from ..errors import LabError
from ..optim import TrainState, apply_step, eval_params, init_state, with_params
from ..recipe import Recipe
from ..registry import register
from ..shuffle import evaluation_batches, minibatch, subset
from ..text import beam
from ..text.bleu import bleu, sentences
from ..text.pairs import BEGIN, PAD
from . import BoundLearner, Key, Metrics, Params, Traced, Tree

EVALUATION_BATCH = 64  # pairs whose loss is evaluated at a time
TRANSLATION_BATCH = 256  # sentences that are translated at a time


@register("learner", "translation")
@dataclass(frozen=True, kw_only=True)
class Translation:
    """evaluation_pairs: at most this many pairs of the validation and of the test split are
    evaluated, the first of each. beams: width of the beam search for the translations that BLEU
    scores; 1 is greedy, 0 leaves BLEU out.

    The loss is a mean over the tokens of a minibatch (with `accumulate`, of each of its parts).
    """

    evaluation_pairs: int = 1_000
    beams: int = 4

    objective: ClassVar[str] = "valid_loss"
    direction: ClassVar[str] = "min"

    def __post_init__(self):
        if self.evaluation_pairs < 1 or self.beams < 0:
            raise LabError(
                f"translation of evaluation_pairs {self.evaluation_pairs}, beams {self.beams}; "
                "evaluate one pair or more, with 0 beams or more"
            )

    @staticmethod
    def example() -> Run:
        """A small run of this learner, seconds on one core."""
        model = registry.get("model", "encoder_decoder")
        data = registry.get("data", "numerals")
        return Run(
            learner=Translation(evaluation_pairs=100, beams=1),
            data=data(),
            model=model(width=16, depth=1),
            recipe=Recipe(batch_size=8, learning_rate=1e-2),
            D=1_000,
            steps=50,
        )

    def spec(self, run: Run) -> Spec:
        """The model reads a source and its translation so far, both padded."""
        models.expect(run.model, "pairs", "translation")
        if run.data is None or run.data.spec.unit != "pairs":
            raise LabError(
                "learner translation reads sentence pairs; give it a source of them, such as "
                "Multi30k()"
            )
        return run.data.spec

    def cost(self, run: Run) -> StepCost:
        return cost_of(run.model, self.spec(run)).step(run.recipe.batch_size)

    def bind(self, run: Run) -> BoundLearner:
        spec, recipe = self.spec(run), run.recipe
        network = run.model.network(spec.outputs)

        def losses(params: Params, source: jax.Array, target: jax.Array) -> jax.Array:
            """Summed loss in nats of the tokens of target_BT, and their number: (2,)."""
            source, target = source.astype(jnp.int32), target.astype(jnp.int32)
            params = optim.cast_to_precision(recipe, params)
            logits = network.apply({"params": params}, source, after_begin(target))
            each = optax.softmax_cross_entropy_with_integer_labels(
                logits.astype(jnp.float32), target
            )
            known = target != PAD
            return jnp.stack([jnp.sum(each * known), known.sum()])

        def init(key: Key, traced: Traced) -> TrainState:
            nothing = jnp.full((1, 1), PAD, jnp.int32)
            params = network.init(key, nothing, nothing)["params"]
            return init_state(params, recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            train = traced["data"]["train"]

            def loss(params: Params, index: jax.Array) -> jax.Array:
                total, count = losses(params, train["source"][index], train["target"][index])
                return total / count

            index = minibatch(state.step, recipe.batch_size, traced["seed"], traced["D"])
            index = subset(index, traced.get("data_seed"), len(train["source"]))
            return apply_step(state, loss, index, recipe, traced)

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            metrics = {}
            for name in ("valid", "test"):
                split = traced["data"][name]
                total, count = lax.map(
                    lambda batch: losses(eval_params(state), batch["source"], batch["target"]),
                    split,
                ).sum(0)
                metrics[f"{name}_loss"] = total / count
            return metrics

        def data() -> dict[str, Tree]:
            splits = run.data.load()
            return {
                "train": {"source": splits.train.source, "target": splits.train.target},
                "valid": self._batched(splits.valid),
                "test": self._batched(splits.test),
            }

        def final_metrics(params: Params) -> dict[str, float]:
            return scored(run, params)

        return BoundLearner(
            init,
            step,
            evaluate,
            eval_params,
            data,
            self.objective,
            self.direction,
            final_metrics if self.beams else None,
            with_params=with_params,
        )

    def _batched(self, pairs: Pairs) -> dict[str, np.ndarray]:
        """The evaluated pairs of a split in batches; the last is filled up with padding."""
        count = min(len(pairs.references), self.evaluation_pairs)
        index, known = evaluation_batches(count, EVALUATION_BATCH)
        return {
            "source": np.where(known[..., None], pairs.source[index], PAD),
            "target": np.where(known[..., None], pairs.target[index], PAD),
        }


def after_begin(target_BT: jax.Array) -> jax.Array:
    """The decoder's input: the target shifted right by one, beginning with BEGIN."""
    return jnp.pad(target_BT[:, :-1], ((0, 0), (1, 0)), constant_values=BEGIN)


@lru_cache(maxsize=32)
def translator(run: Run) -> Callable[[Params, np.ndarray], jax.Array]:
    """Jitted params, source_BS -> ids_BT of the translations, T the length of a row of the data."""
    learner = cast(Translation, run.learner)
    spec, beams = learner.spec(run), max(1, learner.beams)
    network, (length,) = run.model.network(spec.outputs), spec.shape

    def translate(params: Params, source_BS: jax.Array) -> jax.Array:
        params = optim.cast_to_precision(run.recipe, params)

        def extend(ids_BT: jax.Array, cache: Tree) -> tuple[jax.Array, Tree]:
            return network.apply({"params": params}, ids_BT, cache, method="extend")

        cache = network.apply({"params": params}, source_BS, length, method="encode")
        return beam.search(extend, cache, length, beams=beams).ids

    return jax.jit(translate)


def translated(run: Run, params: Params, sources: np.ndarray) -> list[str]:
    """Translations of sources_BS, padded rows of ids, by trained parameters.

    Raises LabError unless rows are as long as those of the data.
    """
    (length,) = run.learner.spec(run).shape
    if sources.ndim != 2 or sources.shape[1] != length:
        raise LabError(
            f"sources have shape {sources.shape} and the model reads rows of {length} ids; "
            "pad or cut them to that length"
        )
    translate, size, found = translator(run), min(TRANSLATION_BATCH, len(sources)), []
    for begin in range(0, len(sources), TRANSLATION_BATCH):
        some = np.asarray(sources[begin : begin + TRANSLATION_BATCH], np.int32)
        full = np.pad(some, ((0, size - len(some)), (0, 0)), constant_values=PAD)
        found.append(jax.device_get(translate(params, full))[: len(some)])
    rows = np.concatenate(found) if found else np.empty((0, length), np.int32)
    return sentences(run.data.tokenizer(), rows)


def scored(run: Run, params: Params) -> dict[str, float]:
    """BLEU on the evaluated test pairs, by trained parameters."""
    learner = cast(Translation, run.learner)
    test, most = run.data.load().test, learner.evaluation_pairs
    translations = translated(run, params, test.source[:most])
    return {"test_bleu": bleu(translations, test.references[:most])}
