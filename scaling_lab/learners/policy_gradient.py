"""Policy gradient: data that come from acting, in a grid world written in jax.

    grad J = E sum_t grad log pi(a_t | s_t) (G_t - b)        (Williams 1992, with a batch baseline)

The environment is inside `step`: each step plays `batch_size` episodes on the device and learns
from them. There is no dataset; D, the number of distinct training examples, has no meaning here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .. import models, optim, registry
from ..config import Run
from ..counting import StepCost
from ..data import Spec
from ..recipe import Recipe
from ..registry import register
from . import Key, Learner, Metrics, Traced

MOVES = ((0, 1), (1, 0), (0, -1), (-1, 0))
TRIALS = 256  # episodes of an evaluation


class World(NamedTuple):
    """Where the agent and the goal are: rows and columns, shape (B, 2) each."""

    agent: jax.Array
    goal: jax.Array


class State(NamedTuple):
    """Parameters, optimiser state and steps done."""

    params: Any
    opt_state: Any
    step: jax.Array


@register("learner", "policy_gradient")
@dataclass(frozen=True, kw_only=True)
class PolicyGradient:
    """A square world of `side` cells a side; an episode lasts `horizon` moves.

    Each move that does not end on the goal costs 1 / horizon; the return lies in [-1, 0].
    """

    side: int = 5
    horizon: int = 12

    @staticmethod
    def example() -> Run:
        """A small run of this learner, a second on one core."""
        return Run(
            learner=PolicyGradient(),
            model=registry.get("model", "mlp")(depth=1, width=32),
            recipe=Recipe(batch_size=64, learning_rate=1e-2, schedule="constant"),
            steps=150,
        )

    def spec(self, run: Run) -> Spec:
        """The policy sees two one-hot maps, agent and goal, and weighs four moves."""
        models.expect(run.model, "array", "policy_gradient")
        shape = (self.side, self.side, 2)
        return Spec(shape=shape, outputs=len(MOVES), examples=0, unit="episodes")

    def cost(self, run: Run) -> StepCost:
        model, moves = run.model.cost(self.spec(run)), run.recipe.batch_size * self.horizon
        step = model.step(moves)
        # Acting is one more forward pass, without a gradient.
        flops = {part: value * 4 / 3 for part, value in step.flops.items()}
        return StepCost(N=step.N, flops=flops, examples=run.recipe.batch_size)

    def bind(self, run: Run) -> Learner:
        optim.require_defaults(run.recipe)
        recipe, network = run.recipe, run.model.network(len(MOVES))
        moves = jnp.asarray(MOVES)

        def logits(params: Any, maps: jax.Array) -> jax.Array:
            return network.apply({"params": params}, maps)

        def see(world: World) -> jax.Array:
            cells = [jax.nn.one_hot(at[:, 0] * self.side + at[:, 1], self.side**2) for at in world]
            return jnp.stack(cells, -1).reshape(-1, self.side, self.side, 2)

        def play(params: Any, key: Key, episodes: int) -> tuple[jax.Array, ...]:
            """Maps, moves and rewards of episodes, time first."""
            first, second, rest = jax.random.split(key, 3)
            world = World(
                jax.random.randint(first, (episodes, 2), 0, self.side),
                jax.random.randint(second, (episodes, 2), 0, self.side),
            )

            def move(world: World, key: Key) -> tuple[World, tuple[jax.Array, ...]]:
                maps = see(world)
                chosen = jax.random.categorical(key, logits(params, maps))
                there = (world.agent == world.goal).all(-1)
                step = jnp.where(there[:, None], 0, moves[chosen])
                agent = jnp.clip(world.agent + step, 0, self.side - 1)
                reward = jnp.where((agent == world.goal).all(-1), 0.0, -1.0 / self.horizon)
                return World(agent, world.goal), (maps, chosen, reward)

            _, played = jax.lax.scan(move, world, jax.random.split(rest, self.horizon))
            return played

        def init(key: Key, traced: Traced) -> State:
            params = network.init(key, jnp.zeros((1, self.side, self.side, 2)))["params"]
            opt_state = optim.optimizer(recipe, traced).init(params)
            return State(params, opt_state, jnp.zeros((), jnp.int32))

        def step(state: State, key: Key, traced: Traced) -> tuple[State, Metrics]:
            maps, chosen, reward = play(state.params, key, recipe.batch_size)
            to_go = jnp.cumsum(reward[::-1], axis=0)[::-1]
            advantage = to_go - to_go.mean(axis=1, keepdims=True)

            def loss(params: Any) -> jax.Array:
                every = logits(params, maps.reshape(-1, *maps.shape[2:]))
                log_pi = jax.nn.log_softmax(every).reshape(*chosen.shape, -1)
                taken = jnp.take_along_axis(log_pi, chosen[..., None], -1)[..., 0]
                return -(taken * advantage).sum(0).mean()

            slope = jax.grad(loss)(state.params)
            update = optim.optimizer(recipe, traced).update
            updates, opt_state = update(slope, state.opt_state, state.params)
            params = jax.tree.map(jnp.add, state.params, updates)
            return State(params, opt_state, state.step + 1), {"loss": -reward.sum(0).mean()}

        def evaluate(state: State, traced: Traced) -> Metrics:
            """Mean cost (minus the return) of episodes that are the same at every evaluation."""
            metrics = {}
            for seed, name in enumerate(("valid", "test")):
                reward = play(state.params, jax.random.key(seed), TRIALS)[2]
                metrics |= {f"{name}_cost": -reward.sum(0).mean()}
            return metrics

        return Learner(
            init, step, evaluate, lambda state: state.params, dict, objective="valid_cost"
        )
