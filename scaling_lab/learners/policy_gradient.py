"""Policy gradient: REINFORCE (Williams 1992) with the mean return of the batch as baseline.

    grad J = E sum_t grad log pi(a_t | s_t) (G_t - b_t),    b_t = mean of G_t over the episodes

The environment runs inside `step`: each step plays `batch_size` episodes on the device and learns
from them. There is no dataset; D, the number of distinct training examples, has no meaning here.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import jax.numpy as jnp

from .. import models, optim, registry
from ..config import Run
from ..counting import StepCost, cost_of
from ..data import Spec
from ..optim import TrainState, apply_step, eval_params, init_state, with_params
from ..protocols import Environment
from ..recipe import Recipe
from ..registry import register
from . import BoundLearner, Key, Metrics, Params, Traced, Tree

EVALUATION_EPISODES = 256


@register("learner", "policy_gradient")
@dataclass(frozen=True, kw_only=True)
class PolicyGradient:
    """environment: its registered name. side, horizon: passed to the environment if it has fields
    of these names; its other fields keep their defaults.

    Every episode is played for `horizon` steps. The cost of an episode is minus its return.
    """

    environment: str = "grid_world"
    side: int = 5
    horizon: int = 12

    objective: ClassVar[str] = "valid_cost"
    direction: ClassVar[str] = "min"
    numerics: ClassVar[int] = 2  # version 1 drew a batch's starts as one array

    def __post_init__(self):
        _ = self.world  # raises LabError if there is no such environment

    @staticmethod
    def example() -> Run:
        """A small run of this learner, a second on one core."""
        return Run(
            learner=PolicyGradient(),
            model=registry.get("model", "mlp")(depth=1, width=32),
            recipe=Recipe(batch_size=64, learning_rate=1e-2, schedule="constant"),
            steps=150,
        )

    @property
    def world(self) -> Environment:
        """The environment with the fields given here."""
        cls = registry.get("environment", self.environment)
        fields = {field.name for field in dataclasses.fields(cls)}
        given = {"side": self.side, "horizon": self.horizon}
        return cls(**{name: value for name, value in given.items() if name in fields})

    def spec(self, run: Run) -> Spec:
        """The policy reads an observation and gives a logit for each action."""
        models.expect(run.model, "array", "policy_gradient")
        world = self.world.spec
        return Spec(shape=world.shape, outputs=world.actions, examples=0, unit="episodes")

    def cost(self, run: Run) -> StepCost:
        moves = run.recipe.batch_size * self.world.spec.horizon
        step = cost_of(run.model, self.spec(run)).step(moves)
        # Acting is one more forward pass, without a gradient.
        flops = {part: value * 4 / 3 for part, value in step.flops.items()}
        return replace(step, flops=flops, examples=run.recipe.batch_size, env_steps=moves)

    def bind(self, run: Run) -> BoundLearner:
        optim.require_defaults(run.recipe)
        recipe, world = run.recipe, self.world
        network = run.model.network(world.spec.actions)

        def logits(params: Params, observation: jax.Array) -> jax.Array:
            return network.apply({"params": params}, observation)

        def play(params: Params, key: Key, episodes: int) -> tuple[jax.Array, ...]:
            """Observations, actions and rewards of episodes, leaves (B, T, ...)."""
            begin, rest = jax.random.split(key)
            first = jax.vmap(world.reset)(jax.random.split(begin, episodes))

            def move(now: Tree, key: Key) -> tuple[Tree, tuple[jax.Array, ...]]:
                state, observation = now
                choose, act = jax.random.split(key)
                action = jax.random.categorical(choose, logits(params, observation))
                keys = jax.random.split(act, episodes)
                state, after, reward, *_ = jax.vmap(world.step)(keys, state, action)
                return (state, after), (observation, action, reward)

            _, played = jax.lax.scan(move, first, jax.random.split(rest, world.spec.horizon))
            return jax.tree.map(lambda leaf_TB: leaf_TB.swapaxes(0, 1), played)

        def init(key: Key, traced: Traced) -> TrainState:
            params = network.init(key, jnp.zeros((1, *world.spec.shape)))["params"]
            return init_state(params, recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            observation, action_BT, reward_BT = play(state.params, key, recipe.batch_size)
            return_BT = jnp.cumsum(reward_BT[:, ::-1], axis=1)[:, ::-1]
            advantage_BT = return_BT - return_BT.mean(axis=0, keepdims=True)

            def surrogate(params: Params, batch: tuple[jax.Array, ...]) -> jax.Array:
                """A loss whose gradient is that of the mean cost."""
                observation, action_BT, advantage_BT = batch
                every = logits(params, observation.reshape(-1, *world.spec.shape))
                log_pi = jax.nn.log_softmax(every).reshape(*action_BT.shape, -1)
                taken_BT = jnp.take_along_axis(log_pi, action_BT[..., None], -1)[..., 0]
                return -(taken_BT * advantage_BT).sum(1).mean()

            batch = observation, action_BT, advantage_BT
            state, _ = apply_step(state, surrogate, batch, recipe, traced)
            return state, {"loss": -reward_BT.sum(1).mean()}

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            """Mean cost of episodes that are drawn with the same keys at every evaluation."""
            metrics = {}
            for seed, name in enumerate(("valid", "test")):
                _, _, reward_BT = play(
                    eval_params(state), jax.random.key(seed), EVALUATION_EPISODES
                )
                metrics[f"{name}_cost"] = -reward_BT.sum(1).mean()
            return metrics

        return BoundLearner(
            init,
            step,
            evaluate,
            eval_params,
            dict,
            self.objective,
            self.direction,
            with_params=with_params,
        )
