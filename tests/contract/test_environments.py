"""What every registered environment keeps to: pure, of fixed shapes, true to its spec."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_lab import LabError, protocols, registry
from scaling_lab.environments.grid_world import GridWorld, State

EPISODES = 64
NAMES = registry.names("environment")


@pytest.fixture(scope="module", params=NAMES)
def environment(request):
    return registry.get("environment", request.param)()


def shapes(tree):
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)


def played(environment, steps):
    """What `step` gives of random episodes, leaves (steps, EPISODES, ...), and the actions."""
    begin, choose, act = jax.random.split(jax.random.key(0), 3)
    state, first = jax.vmap(environment.reset)(jax.random.split(begin, EPISODES))
    actions = jax.random.randint(choose, (steps, EPISODES), 0, environment.spec.actions)

    def move(state, now):
        action, key = now
        keys = jax.random.split(key, EPISODES)
        state, *rest = jax.vmap(environment.step)(keys, state, action)
        return state, rest

    _, found = jax.jit(lambda: jax.lax.scan(move, state, (actions, jax.random.split(act, steps))))()
    return first, [np.asarray(leaf) for leaf in found]


@pytest.mark.parametrize("name", NAMES)
def test_it_has_the_members_of_the_protocol(name):
    assert isinstance(registry.get("environment", name)(), protocols.Environment)


def test_shapes_and_dtypes_are_fixed(environment):
    key, spec = jax.random.key(0), environment.spec
    state, observation = jax.eval_shape(environment.reset, key)
    action = jax.ShapeDtypeStruct((), jnp.int32)
    after, seen, reward, terminated, truncated = jax.eval_shape(
        environment.step, key, state, action
    )
    assert shapes(after) == shapes(state)
    assert shapes(seen) == shapes(observation) == (spec.shape, jnp.float32)
    assert shapes(reward) == ((), jnp.float32)
    assert shapes(terminated) == shapes(truncated) == ((), jnp.bool_)


def test_it_is_a_function_of_its_arguments(environment):
    reset, step = jax.jit(environment.reset), jax.jit(environment.step)
    action = jnp.int32(environment.spec.actions - 1)
    first, again, other = (reset(jax.random.key(seed)) for seed in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    a, b = (step(jax.random.key(2), first[0], action) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, a, b)
    eager = environment.step(jax.random.key(2), first[0], action)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), a, eager)
    starts = jax.vmap(environment.reset)(jax.random.split(jax.random.key(3), EPISODES))[1]
    assert len(np.unique(np.asarray(starts).reshape(EPISODES, -1), axis=0)) > 1, other


def test_episodes_side_by_side_are_episodes_alone(environment):
    keys = jax.random.split(jax.random.key(4), 8)
    actions = jnp.arange(8, dtype=jnp.int32) % environment.spec.actions
    states, _ = jax.vmap(environment.reset)(keys)
    together = jax.vmap(environment.step)(keys, states, actions)
    step = jax.jit(environment.step)
    for i in range(8):
        state, _ = environment.reset(keys[i])
        alone = step(keys[i], state, actions[i])
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-6), together, alone
        )


def test_an_episode_ends_once_and_no_later_than_its_horizon(environment):
    """Terminated for good or truncated at the horizon, never both; nothing happens afterwards."""
    horizon = environment.spec.horizon
    first, (seen, reward, terminated, truncated) = played(environment, horizon)
    assert np.isfinite(seen).all()
    assert np.isfinite(first).all()
    assert not (terminated & truncated).any()
    assert not truncated[:-1].any()
    assert (terminated[-1] | truncated[-1]).all()
    over = terminated[:-1]
    assert (terminated[1:] >= over).all()
    assert (reward[1:][over] == 0).all()
    np.testing.assert_array_equal(seen[1:][over], seen[:-1][over])


def test_a_walk_to_the_goal_costs_its_steps():
    """Two steps from the goal: the first costs 1 / horizon, the second and a third nothing."""
    world = GridWorld(side=3, horizon=4)
    state = State(jnp.array([0, 0]), jnp.array([1, 1]), jnp.int32(0))
    found = []
    for action in (0, 1, 1):
        state, seen, reward, terminated, truncated = world.step(
            jax.random.key(0), state, jnp.int32(action)
        )
        found.append((float(reward), bool(terminated), bool(truncated)))
    assert found == [(-0.25, False, False), (0.0, True, False), (0.0, True, False)]
    assert state.agent.tolist() == [1, 1]
    assert np.argwhere(np.asarray(seen)).tolist() == [[1, 1, 0], [1, 1, 1]]


def test_a_wall_stops_and_the_horizon_truncates():
    world = GridWorld(side=3, horizon=2)
    state = State(jnp.array([0, 0]), jnp.array([2, 2]), jnp.int32(0))
    ends = []
    for _ in range(2):
        state, _, reward, terminated, truncated = world.step(jax.random.key(0), state, jnp.int32(3))
        ends.append((bool(terminated), bool(truncated)))
        assert float(reward) == -0.5
    assert ends == [(False, False), (False, True)]
    assert state.agent.tolist() == [0, 0]


def test_a_board_of_no_cells_is_refused():
    with pytest.raises(LabError, match="side 0, horizon 12; give 1 or more"):
        GridWorld(side=0)
