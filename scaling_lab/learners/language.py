"""Language modelling: maximum likelihood of the next token given those before it in its block.

    L(theta) = -mean over blocks and t of log p(w_{t+1} | w_1 ... w_t; theta)       nats a token

The training text is cut into blocks of `context` tokens, each with the one token that follows it,
and the blocks are put into the fixed shuffled order. D counts tokens: a run trains on the first
D // context blocks alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from .. import models, optim, registry
from ..config import Run
from ..counting import StepCost, cost_of
from ..data import ORDER_SEED, Spec, Tokens, order
from ..errors import LabError
from ..optim import TrainState, apply_step, eval_params, init_state, with_params
from ..reading import Stamp, require_intact, stamp
from ..recipe import Recipe
from ..registry import register
from ..shuffle import draw, evaluation_batches, permute_on_host, subset_on_host
from ..stream import ShuffledStream, streams
from . import BoundLearner, Key, Metrics, Params, Traced, Tree

EVALUATION_BATCH = 4_096  # tokens: as many whole blocks as fit, at least one


@register("learner", "language")
@dataclass(frozen=True, kw_only=True)
class Language:
    """context: length of a block in tokens; the recipe's batch_size counts blocks.

    evaluation_tokens: at most this many tokens of the validation and of the test split are
    evaluated, the same ones in every run. Metrics are the loss (nats a token), bits per byte of
    text, which compare between tokenisers, and the test loss by position: `test_loss_at_P` is the
    mean over targets P to 2P - 1 of a block, counted from 1; the last range goes to the end.
    """

    context: int = 128
    evaluation_tokens: int = 32_768

    objective: ClassVar[str] = "valid_loss"
    direction: ClassVar[str] = "min"

    def __post_init__(self):
        if self.context < 2 or self.evaluation_tokens < self.context:
            raise LabError(
                f"language of context {self.context}, evaluation_tokens {self.evaluation_tokens}; "
                "give a context of 2 tokens or more and evaluate at least one context"
            )

    @staticmethod
    def example() -> Run:
        """A small run of this learner, seconds on one core."""
        model, data = registry.get("model", "transformer"), registry.get("data", "stdlib")
        return Run(
            learner=Language(context=32, evaluation_tokens=2_048),
            data=data(),
            model=model(width=16, depth=1),
            recipe=Recipe(batch_size=8, learning_rate=1e-2),
            D=10_000,
            steps=50,
        )

    def spec(self, run: Run) -> Spec:
        """The model reads a block of ids and gives, at each, logits of the next."""
        models.expect(run.model, "tokens", "language")
        if run.data is None or run.data.spec.shape != ():
            raise LabError(
                "learner language reads text; give it a source of text, such as Stdlib()"
            )
        return replace(run.data.spec, shape=(self.context,))

    def cost(self, run: Run) -> StepCost:
        step = cost_of(run.model, self.spec(run)).step(run.recipe.batch_size)
        return replace(step, examples=run.recipe.batch_size * self.context)

    def bind(self, run: Run) -> BoundLearner:
        recipe, context, streamed = run.recipe, self.context, streams(run.data)
        network = run.model.network(self.spec(run).outputs)

        def losses(params: Params, block: jax.Array) -> jax.Array:
            """Loss in nats of every token of a block but its first: (B, T) -> (B, T - 1)."""
            ids = block.astype(jnp.int32)
            params = optim.cast_to_precision(recipe, params)
            logits = network.apply({"params": params}, ids[:, :-1]).astype(jnp.float32)
            return optax.softmax_cross_entropy_with_integer_labels(logits, ids[:, 1:])

        def init(key: Key, traced: Traced) -> TrainState:
            params = network.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
            return init_state(params, recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            size = traced["D"] // context
            blocks, index = draw(
                traced["data"]["train"],
                state.step,
                recipe.batch_size,
                traced["seed"],
                size,
                traced.get("data_seed"),
            )

            def loss(params: Params, index: jax.Array) -> jax.Array:
                return losses(params, blocks[index]).mean()

            return apply_step(state, loss, index, recipe, traced)

        def by_position(params: Params, split: Tree) -> jax.Array:
            """Mean loss at each position, (context,)."""

            def batch(chunk: tuple[jax.Array, jax.Array]) -> jax.Array:
                block, known = chunk
                return jnp.sum(losses(params, block) * known[:, None], axis=0)

            return lax.map(batch, (split["blocks"], split["known"])).sum(0) / split["known"].sum()

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            metrics = {}
            for name in ("valid", "test"):
                split = traced["data"][name]
                found = by_position(eval_params(state), split)
                metrics[f"{name}_loss"] = found.mean()
                if "tokens_per_byte" in split:
                    bits = found.mean() / math.log(2)
                    metrics[f"{name}_bits_per_byte"] = bits * split["tokens_per_byte"]
                if name == "test":
                    metrics |= {
                        f"test_loss_at_{begin}": found[begin - 1 : end - 1].mean()
                        for begin, end in octaves(context)
                    }
            return metrics

        def data() -> dict[str, Tree]:
            splits = run.data.load()
            held_out = {
                "valid": self._batched("valid", splits.valid),
                "test": self._batched("test", splits.test),
            }
            if streamed:
                return held_out
            train = _blocks("train", splits.train, context)
            return {"train": train[order(len(train))], **held_out}

        def stream(run: Run) -> ShuffledStream:
            records = BlockRecords(run.data.load().train, context)
            size = min(run.D // context, len(records))
            return ShuffledStream(records, recipe.batch_size, run.seed, size, run.data_seed)

        return BoundLearner(
            init,
            step,
            evaluate,
            eval_params,
            data,
            self.objective,
            self.direction,
            with_params=with_params,
            stream=stream if streamed else None,
        )

    def learnt(self, tokens: Tokens, D: int, data_seed: int = 0) -> np.ndarray:
        """The training tokens that a run of D trains on, in the order of the text."""
        blocks = _blocks("train", tokens, self.context)
        places = np.arange(min(D // self.context, len(blocks)))
        chosen = np.sort(order(len(blocks))[subset_on_host(places, data_seed, len(blocks))])
        return blocks[chosen, : self.context].reshape(-1)

    def evaluated(self, tokens: Tokens) -> np.ndarray:
        """Positions in a validation or test text of the tokens that are evaluated, 1-D."""
        chosen = self._chosen(len(_blocks("test", tokens, self.context)))
        return (chosen[:, None] * self.context + 1 + np.arange(self.context)).reshape(-1)

    def _chosen(self, blocks: int) -> np.ndarray:
        return order(blocks)[: min(blocks, self.evaluation_tokens // self.context)]

    def _batched(self, name: str, tokens: Tokens) -> dict[str, Tree]:
        """The evaluated blocks of a split in batches, and which of them count."""
        blocks = _blocks(name, tokens, self.context)
        chosen = self._chosen(len(blocks))
        largest = max(1, EVALUATION_BATCH // self.context)
        index, known = evaluation_batches(len(chosen), largest)
        found: dict[str, Tree] = {"blocks": blocks[chosen[index]], "known": known}
        if tokens.bytes is not None:
            found["tokens_per_byte"] = np.float32(len(tokens.ids) / tokens.bytes)
        return found


@dataclass(frozen=True)
class BlockRecords:
    """The blocks of a training text that streams, `context + 1` ids each.

    Their fixed order is the permutation of `shuffle` with the seed ORDER_SEED, which needs no
    memory.
    """

    tokens: Tokens
    context: int

    def __post_init__(self) -> None:
        require_intact(self.tokens.ids, self._stamp)  # the stamp is taken now

    def __len__(self) -> int:
        return len(self._blocks)

    def read(self, places: np.ndarray) -> np.ndarray:
        """The blocks at these places of the order, (len(places), context + 1)."""
        require_intact(self.tokens.ids, self._stamp)
        epoch = np.zeros_like(places)
        return self._blocks[permute_on_host(places, epoch, ORDER_SEED, len(self))]

    @cached_property
    def _stamp(self) -> Stamp | None:
        return stamp(self.tokens.ids)

    @cached_property
    def _blocks(self) -> np.ndarray:
        return _blocks("train", self.tokens, self.context)


def octaves(context: int) -> list[tuple[int, int]]:
    """Ranges of positions that double, (first, one past the last): 1, 2-3, 4-7, ..., the end."""
    begins = [1 << power for power in range((context // 2).bit_length())]
    return list(zip(begins, [*begins[1:], context + 1], strict=True))


def _blocks(name: str, tokens: Tokens, context: int) -> np.ndarray:
    """All blocks of `context` tokens with the one that follows, in the order of the text."""
    if len(tokens.ids) <= context:
        raise LabError(
            f"the {name} split has {len(tokens.ids)} tokens and a context of {context} needs "
            f"{context + 1}; give more text or a shorter context"
        )
    return np.lib.stride_tricks.sliding_window_view(tokens.ids, context + 1)[::context]
