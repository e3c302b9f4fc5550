"""First passages: after how many steps the loss first reaches each of several targets.

The learner's objective is evaluated at steps an eighth of an octave apart, at least (all up to
31, every second up to 63, ...), and with it the same metric of the test split. Between the last
value above a target and the first at or below it, the passage is interpolated, linearly in the
logarithm of the step. A target that was never reached has no passage: null in the tables.

Targets are numbers in the program and not compiled into it: runs of equally many targets share
one. When to evaluate follows from the step alone, so that an ensemble evaluates together.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ..protocols import BoundLearner, Params, Traced, Tree

PER_OCTAVE = 8  # evaluations while the step doubles, at least
COUNTS = ("steps_to", "examples_to")


class Watched(NamedTuple):
    """A learner's state, and the passages so far.

    found: split -> (targets,) steps, NaN before the passage. step, last: of the last evaluation,
    last by split.
    """

    state: Tree
    found: dict[str, jax.Array]
    step: jax.Array
    last: dict[str, jax.Array]


def due(step: jax.Array) -> jax.Array:
    """Whether the objective is evaluated after so many steps, an int32 of 1 or more."""
    bits = 32 - lax.clz(step)
    return (step & ((1 << jnp.maximum(0, bits - PER_OCTAVE.bit_length())) - 1)) == 0


def watched(learner: BoundLearner, examples: int) -> BoundLearner:
    """The learner with first passages of traced["recipe.targets"] among its metrics.

    examples: of one step. traced["step"] must be the number of steps done before a step.
    """
    sign = 1.0 if learner.direction == "min" else -1.0

    def values(state: Tree, traced: Traced) -> dict[str, jax.Array]:
        found = learner.evaluate(state, traced)
        return {
            split: jnp.asarray(found[name], jnp.float32)
            for split, name in splits(learner.objective).items()
            if name in found
        }

    def init(key: jax.Array, traced: Traced) -> Watched:
        state = learner.init(key, traced)
        none = jnp.full(traced["recipe.targets"].shape, jnp.nan, jnp.float32)
        kinds = jax.eval_shape(values, state, traced)
        worst = {split: jnp.full((), sign * jnp.inf, jnp.float32) for split in kinds}
        return Watched(state, dict.fromkeys(kinds, none), jnp.zeros((), jnp.int32), worst)

    def step(old: Watched, key: jax.Array, traced: Traced) -> tuple[Watched, dict[str, jax.Array]]:
        state, metrics = learner.step(old.state, key, traced)
        done = traced["step"] + 1

        def look() -> Watched:
            now, targets = values(state, traced), traced["recipe.targets"]
            found = {
                split: _passed(old, split, value, done, targets, sign)
                for split, value in now.items()
            }
            return Watched(state, found, jnp.asarray(done, jnp.int32), now)

        return lax.cond(due(done), look, lambda: old._replace(state=state)), metrics

    def evaluate(now: Watched, traced: Traced) -> dict[str, jax.Array]:
        found = dict(learner.evaluate(now.state, traced))
        for split, steps in now.found.items():
            found[f"{split}_{COUNTS[0]}"] = steps
            found[f"{split}_{COUNTS[1]}"] = steps * examples
        return found

    inner = learner.with_params

    def with_params(now: Watched, params: Params) -> Watched:
        assert inner is not None
        return now._replace(state=inner(now.state, params))

    return learner._replace(
        init=init,
        step=step,
        evaluate=evaluate,
        params=lambda now: learner.params(now.state),
        with_params=inner and with_params,
    )


def splits(objective: str) -> dict[str, str]:
    """Split -> metric that is watched there: the objective, and the same of the test split."""
    return {"valid": objective, "test": objective.replace("valid", "test", 1)}


def _passed(
    old: Watched,
    split: str,
    value: jax.Array,
    done: jax.Array,
    targets: jax.Array,
    sign: float,
) -> jax.Array:
    """The passages (targets,) after one more evaluation."""
    above, below = sign * (old.last[split] - targets), sign * (targets - value)
    share = jnp.where(jnp.isfinite(above), above / jnp.maximum(above + below, 1e-30), 1.0)
    before = jnp.log(jnp.maximum(old.step, 1).astype(jnp.float32))
    here = jnp.exp(before + share * (jnp.log(done.astype(jnp.float32)) - before))
    return jnp.where(jnp.isnan(old.found[split]) & (below >= 0), here, old.found[split])
