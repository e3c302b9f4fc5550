"""Translation: maximum likelihood of each token of the target given the source and those before it.

    L(theta) = -sum over tokens of log p(y_t | y_1 ... y_{t-1}, x; theta) / their number

in nats a token of the target, END included and padding not. D counts sentence pairs: a run sees
the first D of the fixed shuffled order. Trained parameters are judged by BLEU as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from .. import models, optim, registry
from ..config import Run
from ..counting import StepCost
from ..data import Pairs, Spec
from ..errors import LabError
from ..recipe import Recipe
from ..registry import register
from ..shuffle import minibatch
from ..text import beam
from ..text.bleu import bleu, sentences
from ..text.pairs import BEGIN, PAD
from . import Key, Learner, Metrics, Traced

TOGETHER = 256  # sentences that are translated side by side


class State(NamedTuple):
    """Parameters, optimiser state and steps done."""

    params: Any
    opt_state: Any
    step: jax.Array


@register("learner", "translation")
@dataclass(frozen=True, kw_only=True)
class Translation:
    """evaluation_pairs: at most so many pairs of the validation and of the test split are judged,
    the first of each, the same ones in every run. beams: hypotheses of a sentence in the search
    for the translations that BLEU judges; 1 is greedy, 0 is no BLEU.

    In a minibatch all tokens count the same (with `accumulate`, in each of its parts).
    """

    evaluation_pairs: int = 1_000
    beams: int = 4

    def __post_init__(self):
        if self.evaluation_pairs < 1 or self.beams < 0:
            raise LabError(
                f"translation of evaluation_pairs {self.evaluation_pairs}, beams {self.beams}; "
                "judge one pair or more, with 0 beams or more"
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
        """The model sees a source and what is there of its translation, both padded."""
        models.expect(run.model, "pairs", "translation")
        if run.data is None or run.data.spec.unit != "pairs":
            raise LabError(
                "learner translation reads sentence pairs; give it a source of them, such as "
                "Multi30k()"
            )
        return run.data.spec

    def cost(self, run: Run) -> StepCost:
        return run.model.cost(self.spec(run)).step(run.recipe.batch_size)

    def bind(self, run: Run) -> Learner:
        spec, recipe = self.spec(run), run.recipe
        network = run.model.network(spec.outputs)

        def losses(params: Any, source: jax.Array, target: jax.Array) -> jax.Array:
            """Sum of the nats of the tokens of target_BT, and their number, (2,)."""
            source, target = source.astype(jnp.int32), target.astype(jnp.int32)
            params = optim.cast_to_precision(recipe, params)
            logits = network.apply({"params": params}, source, after_begin(target))
            each = optax.softmax_cross_entropy_with_integer_labels(
                logits.astype(jnp.float32), target
            )
            known = target != PAD
            return jnp.stack([jnp.sum(each * known), known.sum()])

        def init(key: Key, traced: Traced) -> State:
            nothing = jnp.full((1, 1), PAD, jnp.int32)
            params = network.init(key, nothing, nothing)["params"]
            opt_state = optim.optimizer(recipe, traced).init(params)
            return State(params, opt_state, jnp.zeros((), jnp.int32))

        def step(state: State, key: Key, traced: Traced) -> tuple[State, Metrics]:
            train = traced["data"]["train"]

            def loss(params: Any, index: jax.Array) -> jax.Array:
                total, count = losses(params, train["source"][index], train["target"][index])
                return total / count

            index = minibatch(state.step, recipe.batch_size, traced["seed"], traced["D"])
            value, gradient = optim.gradient(loss, recipe)(state.params, index)
            update = optim.optimizer(recipe, traced).update
            updates, opt_state = update(gradient, state.opt_state, state.params)
            params = optax.apply_updates(state.params, updates)
            return State(params, opt_state, state.step + 1), {"loss": value}

        def evaluate(state: State, traced: Traced) -> Metrics:
            metrics = {}
            for name in ("valid", "test"):
                split = traced["data"][name]
                total, count = lax.map(
                    lambda batch: losses(state.params, batch["source"], batch["target"]), split
                ).sum(0)
                metrics[f"{name}_loss"] = total / count
            return metrics

        def data() -> dict[str, Any]:
            splits = run.data.load()
            return {
                "train": {"source": splits.train.source, "target": splits.train.target},
                "valid": self._judged(splits.valid, recipe.batch_size),
                "test": self._judged(splits.test, recipe.batch_size),
            }

        def final_metrics(params: Any) -> dict[str, float]:
            return scored(run, params)

        judging = final_metrics if self.beams else None
        return Learner(
            init, step, evaluate, lambda state: state.params, data, final_metrics=judging
        )

    def _judged(self, pairs: Pairs, batch_size: int) -> dict[str, np.ndarray]:
        """Pairs of a split in batches; the last is filled up with padding, which does not count."""
        count = min(len(pairs.references), self.evaluation_pairs)
        size = min(batch_size, count)
        fill = -count % size

        def batched(ids: np.ndarray) -> np.ndarray:
            padded = np.pad(ids[:count], ((0, fill), (0, 0)), constant_values=PAD)
            return padded.reshape(-1, size, ids.shape[1])

        return {"source": batched(pairs.source), "target": batched(pairs.target)}


def after_begin(target_BT: jax.Array) -> jax.Array:
    """What the model is given to find each token of the target: BEGIN and those before it."""
    return jnp.pad(target_BT[:, :-1], ((0, 0), (1, 0)), constant_values=BEGIN)


@lru_cache(maxsize=32)
def translator(run: Run) -> Callable[[Any, Any], jax.Array]:
    """params, source_BS -> ids_BT of translations as long as a row at most; jitted."""
    spec, beams = run.learner.spec(run), max(1, run.learner.beams)
    network, (length,) = run.model.network(spec.outputs), spec.shape

    def translate(params: Any, source_BS: jax.Array) -> jax.Array:
        params = optim.cast_to_precision(run.recipe, params)

        def extend(ids_BT: jax.Array, cache: Any) -> tuple[jax.Array, Any]:
            return network.apply({"params": params}, ids_BT, cache, method="extend")

        cache = network.apply({"params": params}, source_BS, length, method="encode")
        return beam.search(extend, cache, length, beams=beams).ids

    return jax.jit(translate)


def translated(run: Run, params: Any, sources: np.ndarray) -> list[str]:
    """The translations of sources_BS, padded rows of ids, by trained parameters.

    Raises LabError for rows that are not as long as those of the data.
    """
    (length,) = run.learner.spec(run).shape
    if sources.ndim != 2 or sources.shape[1] != length:
        raise LabError(
            f"sources of shape {sources.shape} are given to a model of rows of {length} ids; "
            "pad or cut them to that length"
        )
    translate, size, found = translator(run), min(TOGETHER, len(sources)), []
    for begin in range(0, len(sources), TOGETHER):
        some = np.asarray(sources[begin : begin + TOGETHER], np.int32)
        full = np.pad(some, ((0, size - len(some)), (0, 0)), constant_values=PAD)
        found.append(jax.device_get(translate(params, full))[: len(some)])
    rows = np.concatenate(found) if found else np.empty((0, length), np.int32)
    return sentences(run.data.tokenizer(), rows)


def scored(run: Run, params: Any) -> dict[str, float]:
    """BLEU of the test pairs that are judged, by trained parameters."""
    test, most = run.data.load().test, run.learner.evaluation_pairs
    translations = translated(run, params, test.source[:most])
    return {"test_bleu": bleu(translations, test.references[:most])}
