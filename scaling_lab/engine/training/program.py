"""One static choice -> one executable, shared by every run that makes that choice.

The executable advances an ensemble: `width` runs stacked on a leading axis,

    advance(carry, traced, data, until, fresh, evaluating) -> carry, row

initialises the runs if `fresh`, takes steps on the device until each has done `until` (a number,
not a shape: chunks of any length are the same program), and evaluates if asked to. So the number
of compiles of a grid equals its number of static choices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding

from ... import config, observables, parametrization
from ...config import Run, program_key
from ...learners import BoundLearner, Traced, Tree
from ...storage import parameters
from . import feed
from .placement import Placement, alone

Struct = jax.ShapeDtypeStruct


class Carry(NamedTuple):
    """An ensemble in training: steps done, the learners' states, loss summed over all steps.

    The sum is compensated (Kahan): a pair of the sum and its rounding error, so that differences
    between late sums stay accurate however many steps came before.
    """

    step: Tree
    state: Tree
    loss: Tree


class ChunkResult(NamedTuple):
    """What a chunk returns: steps done; loss summed over all of them and the metrics, (width,)."""

    step: Tree
    loss: Tree
    metrics: Tree


@dataclass(frozen=True)
class Program:
    """A compiled executable for `width` runs of one static choice, and the time to get it."""

    key: str
    width: int
    learner: BoundLearner
    placement: Placement
    executable: jax.stages.Compiled
    empty: Carry
    compile_s: float

    @cached_property
    def bytes(self) -> int:
        """Memory it needs on the device: arguments, results and temporaries."""
        use = self.executable.memory_analysis()
        sizes = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
        return sum(int(getattr(use, size, 0)) for size in sizes) - int(
            getattr(use, "alias_size_in_bytes", 0)
        )

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Path -> shape of each array of a run's parameters."""
        one = jax.tree.map(lambda leaf: Struct(leaf.shape[1:], leaf.dtype), self.empty.state)
        params = jax.eval_shape(self.learner.params, one)
        return {path: tuple(leaf.shape) for path, leaf in parameters.leaves(params).items()}

    @cached_property
    def zeros_on_device(self) -> Callable[[], Carry]:
        """Makes a carry of zeros without a copy from the host."""

        def zeros() -> Carry:
            return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self.empty)

        return jax.jit(zeros, out_shardings=jax.tree.map(lambda leaf: leaf.sharding, self.empty))

    def begin(self) -> Carry:
        """A carry of the right shapes; `fresh=True` in the first advance fills it."""
        if self.placement.mesh.devices.flat[0].platform != "cpu":
            return self.zeros_on_device()
        zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), self.empty)
        return jax.device_put(zeros, jax.tree.map(lambda leaf: leaf.sharding, self.empty))

    def copy(self, carry: Carry) -> Carry:
        """A second carry, to take a branch from."""
        return jax.tree.map(
            lambda leaf: jax.device_put(leaf, leaf.sharding, may_alias=False), carry
        )

    def stack(self, runs: Sequence[Run]) -> dict[str, jax.Array]:
        """The traced numbers of `width` runs, each of shape (width,)."""
        values = [config.traced_values(run) for run in runs]
        stacked = {
            path: np.asarray([v[path] for v in values], dtype)
            for path, dtype in config.traced_dtypes(runs[0]).items()
        }
        return self.placement.put(stacked, self.placement.runs)

    def advance(
        self, carry: Carry, traced: Traced, data: Tree, until: int, *, fresh: bool, evaluating: bool
    ) -> tuple[Carry, ChunkResult]:
        """Dispatch one chunk and return without waiting for its arrays. `carry` is donated."""
        numbers = self.placement.put((np.int32(until), np.bool_(fresh), np.bool_(evaluating)))
        return self.executable(carry, traced, data, *numbers)


def load(run: Run, placement: Placement | None = None) -> Tree:
    """The data of a run's learner, on the devices of a placement, by default one.

    Without the training data if its source streams them (`feed`).
    """
    learner = run.learner.bind(run)
    feed.require_stream(run, learner)
    return (placement or alone()).put(learner.data())


def build(run: Run, width: int, data: Tree, placement: Placement | None = None) -> Program:
    """Lower and compile the program of a run's static choices for an ensemble of `width`.

    data: the arrays from `load`, or their shapes. placement: on one device if none is given.
    """
    began = time.perf_counter()
    placement = placement or alone()
    learner = observables.bound(run)
    if learner.stream:
        data = {**data, "train": feed.chunk_shapes(learner.stream(run))}
    static = parametrization.given(run.model)
    one_run, shapes = _one_run(learner, run.learner.cost(run).updates, static)

    def advance(carry, traced, data, until, fresh, evaluating):
        here = carry.loss[0].shape[0]  # runs on this device
        all_runs = _unmapped(one_run) if here == 1 else _mapped(one_run)
        state, loss, metrics = all_runs(
            carry.step, carry.state, carry.loss, traced, data, until, fresh, evaluating
        )
        done = jnp.maximum(carry.step, until)
        return Carry(done, state, loss), ChunkResult(done, loss, metrics)

    if placement.kind == "runs":
        runs, whole = placement.runs.spec, placement.whole.spec
        carried, row = Carry(whole, runs, runs), ChunkResult(whole, runs, runs)
        advance = jax.shard_map(
            advance,
            mesh=placement.mesh,
            in_specs=(carried, runs, whole, whole, whole, whole),
            out_specs=(carried, row),
            check_vma=False,
        )

    def struct(leaf: Struct, sharding: NamedSharding, *leading: int) -> Struct:
        return Struct((*leading, *leaf.shape), leaf.dtype, sharding=sharding)

    sizes = config.traced_shapes(run)
    one = {path: Struct(sizes[path], dtype) for path, dtype in config.traced_dtypes(run).items()}
    traced = {path: struct(leaf, placement.runs, width) for path, leaf in one.items()}
    data = jax.tree.map(lambda leaf: struct(leaf, placement.whole), data)
    state = shapes(one, data)
    observables.check_traced(
        run, lambda s, key, t: learner.step(s, key, {**t, **static}), state, {**one, "data": data}
    )
    empty = Carry(
        struct(Struct((), jnp.int32), placement.whole),
        jax.tree.map(lambda leaf: struct(leaf, placement.runs, width), state),
        (struct(Struct((), jnp.float32), placement.runs, width),) * 2,
    )
    until = struct(Struct((), jnp.int32), placement.whole)
    flag = struct(Struct((), jnp.bool_), placement.whole)
    results = (
        jax.tree.map(lambda leaf: leaf.sharding, empty),
        ChunkResult(placement.whole, placement.runs, placement.runs),
    )
    with jax.set_mesh(placement.mesh):
        compiled = jax.jit(advance, donate_argnums=0, out_shardings=results)
        executable = compiled.lower(empty, traced, data, until, flag, flag).compile()
    took = time.perf_counter() - began
    return Program(program_key(run), width, learner, placement, executable, empty, took)


def _one_run(learner: BoundLearner, updates: int, static: Traced):
    """The function that advances one run, and the one that gives its state's shapes.

    updates: optimiser updates in a step. Schedules count updates, so the learner's functions also
    get traced["updates"], the updates of the whole run; `step` also traced["step"], the steps done
    before it. static: what they get there besides.
    """

    def keys(traced):
        root = jax.random.key(traced["seed"])
        return jax.random.fold_in(root, 0), jax.random.fold_in(root, 1)

    def given(traced, data):
        length = traced["steps"] if updates == 1 else traced["steps"] * updates
        return {**traced, **static, "updates": length, "data": data}

    def one_run(done, state, loss, traced, data, until, fresh, evaluating):
        traced = given(traced, data)
        first, rest = keys(traced)
        state = lax.cond(fresh, lambda: learner.init(first, traced), lambda: state)

        def body(loop):
            at, state, (total, excess) = loop
            state, metrics = learner.step(
                state, jax.random.fold_in(rest, at), {**traced, "step": at}
            )
            value = metrics["loss"].astype(jnp.float32) - excess
            new = total + value
            return at + 1, state, (new, (new - total) - value)

        _, state, loss = lax.while_loop(lambda loop: loop[0] < until, body, (done, state, loss))
        shapes = jax.eval_shape(learner.evaluate, state, traced)
        metrics = lax.cond(
            evaluating,
            lambda: learner.evaluate(state, traced),
            lambda: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes),
        )
        return state, loss, metrics

    def shapes(traced, data):
        def init(traced, data):
            traced = given(traced, data)
            return learner.init(keys(traced)[0], traced)

        return jax.eval_shape(init, traced, data)

    return one_run, shapes


def _mapped(one_run: Callable[..., Tree]) -> Callable[..., Tree]:
    return jax.vmap(one_run, in_axes=(None, 0, 0, 0, None, None, None, None))


def _unmapped(one_run: Callable[..., Tree]) -> Callable[..., Tree]:
    """For an ensemble of width 1: without vmap its products stay plain matrix products."""

    def only(step, state, loss, traced, *shared):
        state, loss, traced = jax.tree.map(lambda leaf: leaf[0], (state, loss, traced))
        return jax.tree.map(lambda leaf: leaf[None], one_run(step, state, loss, traced, *shared))

    return only
