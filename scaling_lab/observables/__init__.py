"""Observables: what a recipe asks to be measured while a run trains, whatever its learner.

    noise_decay        the gradient noise scale, by two estimators (`noise_scale`)
    power_iterations   the sharpness: the Hessian's largest eigenvalue (`sharpness`)
    targets            first passages of the loss (`passage`)

Each is a field of the recipe that is off by default; then programs and fingerprints are as if it
did not exist. Measuring changes no parameter, and costs no C: compute counts training alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from ..errors import LabError
from ..protocols import BoundLearner, Traced, Tree
from ..registry import name_of
from . import noise_scale, passage, sharpness

if TYPE_CHECKING:
    from ..config import Run
    from ..recipe import Recipe

OFF = {"noise_decay": 0.0, "power_iterations": 0, "targets": ()}


class Observed(NamedTuple):
    """What an optimiser's state measures: see `optim.apply_step`."""

    noise: noise_scale.Noise | None = None
    sharpness: sharpness.Sharpness | None = None


def without(run: Run) -> Run:
    """The run with nothing to measure."""
    recipe = run.recipe
    if not (recipe.noise_decay or recipe.power_iterations or recipe.targets):
        return run
    return replace(run, recipe=replace(recipe, **OFF))


def bound(run: Run) -> BoundLearner:
    """The run's bound learner, whose metrics include what the recipe asks to be measured.

    Raises LabError if the run cannot be measured so.
    """
    learner, recipe = run.learner.bind(run), run.recipe
    if recipe.noise_decay:
        noise_scale.check(recipe)
    if recipe.power_iterations:
        sharpness.check(run)
    if recipe.noise_decay or recipe.power_iterations:
        learner = _told(learner, run)
    if recipe.targets:
        learner = passage.watched(learner, run.learner.cost(run).examples)
    return learner


def check_traced(run: Run, step: Callable[..., Tree], state: Tree, traced: Traced) -> None:
    """Raise LabError if the trace of step(state, key, traced) shows that it cannot be measured.

    step: of the learner that `bound` gave. state, traced: shapes, "data" among the latter.
    """
    if run.recipe.power_iterations:
        sharpness.refuse_random(run, step, state, traced)


def names(run: Run, metrics: Sequence[str]) -> list[str]:
    """Names of the measured metrics in a record. metrics: those of the learner alone."""
    recipe, found = run.recipe, []
    found += noise_scale.NAMES if recipe.noise_decay else ()
    found += sharpness.names(recipe) if recipe.power_iterations else ()
    for split, metric in passage.splits(run.learner.objective).items():
        if metric in metrics:
            found += [
                _of_target(f"{split}_{count}", target)
                for count in passage.COUNTS
                for target in recipe.targets
            ]
    return found


def named(recipe: Recipe, metrics: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Name -> number of a run's metrics, those of each target apart.

    A passage that has not happened is left out.
    """
    found = {}
    for name, value in metrics.items():
        if value.ndim == 0:
            found[name] = float(value)
            continue
        for target, one in zip(recipe.targets, value, strict=True):
            if np.isfinite(one):
                found[_of_target(name, target)] = float(one)
    return found


def _of_target(name: str, target: float) -> str:
    return f"{name}_{target:.6g}"


def _told(learner: BoundLearner, run: Run) -> BoundLearner:
    """The learner whose metrics include those of the Observed in its state."""

    def evaluate(state: Tree, traced: Traced) -> dict[str, jax.Array]:
        leaves = jax.tree.leaves(state, is_leaf=lambda leaf: isinstance(leaf, Observed))
        found = [leaf for leaf in leaves if isinstance(leaf, Observed)]
        if len(found) != 1:
            raise LabError(
                f"learner {name_of(run.learner)} has no one optimiser whose gradients can be "
                "measured; leave noise_decay and power_iterations out"
            )
        metrics = dict(learner.evaluate(state, traced))
        if found[0].noise is not None:
            metrics |= noise_scale.metrics(found[0].noise)
        if found[0].sharpness is not None:
            measured = sharpness.metrics(found[0].sharpness)
            metrics |= {name: measured[name] for name in sharpness.names(run.recipe)}
        return metrics

    return learner._replace(evaluate=evaluate)
