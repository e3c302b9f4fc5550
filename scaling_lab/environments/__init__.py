"""Environments: tasks that are learned by acting, one per file.

An environment is a frozen dataclass of its static choices, registered as an environment, with

    spec -> EnvironmentSpec
    reset(key) -> state, observation
    step(key, state, action) -> state, observation, reward, terminated, truncated

of one episode. Both functions are pure and their shapes and dtypes are fixed, so that a learner can
`vmap` them over episodes and `scan` them over time inside its own step. The state is a tree of
arrays and belongs to the learner's state: chunks and resumption stay exact.

observation   float32, of shape `spec.shape`
action        int32 scalar, 0 to spec.actions - 1
reward        float32 scalar
terminated    bool scalar: the task has ended, and nothing more can be earned
truncated     bool scalar: the time limit, `spec.horizon` steps, was reached before that

After termination further steps leave the observation as it is and give a reward of 0, so an episode
can always be played for `horizon` steps. `tests/contract/test_environments.py` checks all of this
for every environment.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EnvironmentSpec:
    """shape: of an observation. actions: their number. horizon: most steps of an episode."""

    shape: tuple[int, ...]
    actions: int
    horizon: int
