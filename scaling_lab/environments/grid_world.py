"""Grid world: walk to a goal on a square board. The smallest task that needs acting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..errors import LabError
from ..registry import register
from . import EnvironmentSpec

MOVES = ((0, 1), (1, 0), (0, -1), (-1, 0))  # rows, columns


class State(NamedTuple):
    """Row and column of the agent and of the goal, int32 of shape (2,) each; steps taken."""

    agent: jax.Array
    goal: jax.Array
    time: jax.Array


@register("environment", "grid_world")
@dataclass(frozen=True, kw_only=True)
class GridWorld:
    """A board of `side` x `side` cells; agent and goal begin anywhere, perhaps on the same one.

    Each step that does not end on the goal costs 1 / horizon, so the return lies in [-1, 0]. A
    step off the board leaves the agent where it is. An observation is two one-hot maps, one of
    the agent and one of the goal. The actions are MOVES.
    """

    side: int = 5
    horizon: int = 12

    def __post_init__(self):
        if min(self.side, self.horizon) < 1:
            raise LabError(
                f"grid world of side {self.side}, horizon {self.horizon}; give 1 or more of each"
            )

    @property
    def spec(self) -> EnvironmentSpec:
        shape = (self.side, self.side, 2)
        return EnvironmentSpec(shape=shape, actions=len(MOVES), horizon=self.horizon)

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        agent, goal = jax.random.randint(key, (2, 2), 0, self.side)
        state = State(agent, goal, jnp.zeros((), jnp.int32))
        return state, self._observed(state)

    def step(
        self, key: jax.Array, state: State, action: jax.Array
    ) -> tuple[State, jax.Array, jax.Array, jax.Array, jax.Array]:
        del key  # deterministic
        move = jnp.where(_at_goal(state), 0, jnp.asarray(MOVES)[action])
        agent = jnp.clip(state.agent + move, 0, self.side - 1)
        state = State(agent, state.goal, state.time + 1)
        terminated = _at_goal(state)
        reward = jnp.where(terminated, 0.0, -1.0 / self.horizon)
        truncated = ~terminated & (state.time >= self.horizon)
        return state, self._observed(state), reward, terminated, truncated

    def _observed(self, state: State) -> jax.Array:
        maps = [
            jax.nn.one_hot(place[0] * self.side + place[1], self.side**2)
            for place in (state.agent, state.goal)
        ]
        return jnp.stack(maps, -1).reshape(self.spec.shape)


def _at_goal(state: State) -> jax.Array:
    return (state.agent == state.goal).all()
