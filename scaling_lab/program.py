"""One static choice -> one executable, shared by every run that makes that choice.

The executable advances an ensemble: `width` runs stacked on a leading axis,

    advance(carry, traced, data, until, fresh, evaluating) -> carry, row

initialises the runs if `fresh`, takes steps on the device until each has done `until` (a number,
not a shape: chunks of any length are the same program), and evaluates if asked to. So the number
of compiles of a grid equals its number of static choices.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from . import config
from .config import Run
from .data import cache
from .learners import Learner


class Carry(NamedTuple):
    """An ensemble in training: steps done, the learners' states, loss summed since the last row."""

    step: jax.Array
    state: Any
    loss: jax.Array
    count: jax.Array


class Row(NamedTuple):
    """What comes back of a chunk: mean loss since the last evaluation and the metrics, (width,)."""

    step: jax.Array
    loss: jax.Array
    metrics: dict[str, jax.Array]


@dataclass(frozen=True)
class Program:
    """A compiled executable for `width` runs of one static choice, with what it cost to get."""

    key: str
    width: int
    learner: Learner
    executable: Any
    empty: Any
    compile_s: float

    @cached_property
    def bytes(self) -> int:
        """Memory it needs on the device: arguments, results and temporaries."""
        use = self.executable.memory_analysis()
        sizes = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
        return sum(int(getattr(use, size, 0)) for size in sizes) - int(
            getattr(use, "alias_size_in_bytes", 0)
        )

    def begin(self) -> Carry:
        """A carry of the right shapes; `fresh=True` in the first advance fills it."""
        return jax.device_put(jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), self.empty))

    def stack(self, runs: Sequence[Run]) -> dict[str, jax.Array]:
        """The traced numbers of `width` runs, each of shape (width,)."""
        values = [config.traced_values(run) for run in runs]
        return jax.device_put(
            {path: np.asarray([v[path] for v in values], _dtype(values[0][path])) for path in values[0]}
        )

    def advance(
        self, carry: Carry, traced: Any, data: Any, until: int, *, fresh: bool, evaluating: bool
    ) -> tuple[Carry, Row]:
        """Dispatch one chunk; returns at once, the arrays follow. `carry` is used up."""
        numbers = jax.device_put((np.int32(until), np.bool_(fresh), np.bool_(evaluating)))
        return self.executable(carry, traced, data, *numbers)


def key(run: Run) -> str:
    """Digest of the static choices: runs with the same key share a program."""
    return config.digest(config.static(run))


def load(run: Run) -> Any:
    """The data of a run's learner, on the device."""
    return jax.device_put(run.learner.bind(run).data())


def build(run: Run, width: int, data: Any) -> Program:
    """Lower and compile the program of a run's static choices for an ensemble of `width`.

    data: the arrays from `load`, or their shapes.
    """
    began = time.perf_counter()
    learner = run.learner.bind(run)
    lane, shapes = _lane(learner)

    def advance(carry, traced, data, until, fresh, evaluating):
        if width == 1:
            first = jax.tree.map(lambda x: x[0], (carry.state, carry.loss, traced))
            out = lane(carry.step, *first[:2], carry.count, first[2], data, until, fresh, evaluating)
            many = jax.tree.map(lambda x: x[None], out[:2] + out[3:])
            state, loss, mean, metrics = many
            count = out[2]
        else:
            mapped = jax.vmap(
                lane, in_axes=(None, 0, 0, None, 0, None, None, None, None), out_axes=(0, 0, None, 0, 0)
            )
            state, loss, count, mean, metrics = mapped(
                carry.step, carry.state, carry.loss, carry.count, traced, data, until, fresh, evaluating
            )
        return Carry(jnp.maximum(carry.step, until), state, loss, count), Row(until, mean, metrics)

    numbers = config.traced_values(run)
    traced = {p: jax.ShapeDtypeStruct((width,), _dtype(value)) for p, value in numbers.items()}
    one = {p: jax.ShapeDtypeStruct((), _dtype(value)) for p, value in numbers.items()}
    data = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), data)
    state = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((width, *leaf.shape), leaf.dtype), shapes(one, data)
    )
    scalar = jax.ShapeDtypeStruct((), jnp.int32)
    flag = jax.ShapeDtypeStruct((), jnp.bool_)
    empty = Carry(
        scalar, state, jax.ShapeDtypeStruct((width,), jnp.float32), jax.ShapeDtypeStruct((), jnp.int32)
    )
    lowered = jax.jit(advance, donate_argnums=0).lower(empty, traced, data, scalar, flag, flag)
    executable = lowered.compile()
    return Program(key(run), width, learner, executable, empty, time.perf_counter() - began)


def _lane(learner: Learner):
    """The function that advances one run, and the one that gives its state's shapes."""

    def keys(traced):
        root = jax.random.key(traced["seed"])
        return jax.random.fold_in(root, 0), jax.random.fold_in(root, 1)

    def lane(done, state, loss, count, traced, data, until, fresh, evaluating):
        traced = {**traced, "data": data}
        first, rest = keys(traced)
        state = lax.cond(fresh, lambda: learner.init(first, traced), lambda: state)

        def body(loop):
            at, state, loss = loop
            state, metrics = learner.step(state, jax.random.fold_in(rest, at), traced)
            return at + 1, state, loss + metrics["loss"]

        _, state, loss = lax.while_loop(lambda loop: loop[0] < until, body, (done, state, loss))
        count = count + jnp.maximum(until - done, 0)
        mean = loss / jnp.maximum(count, 1)
        shapes = jax.eval_shape(learner.evaluate, state, traced)
        metrics = lax.cond(
            evaluating,
            lambda: learner.evaluate(state, traced),
            lambda: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes),
        )
        keep = jnp.where(evaluating, 0, 1)
        return state, loss * keep, count * keep, mean, metrics

    def shapes(traced, data):
        def init(traced, data):
            traced = {**traced, "data": data}
            return learner.init(keys(traced)[0], traced)

        return jax.eval_shape(init, traced, data)

    return lane, shapes


def keep_compiled() -> None:
    """Turn on the persistent compile cache, in the user's cache, for every program however quick."""
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache("programs")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _dtype(value: float | int) -> Any:
    return np.float32 if isinstance(value, float) else np.int32
