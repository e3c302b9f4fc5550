"""muP: a step changes as much at every width, and the standard parametrisation is as it was."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from scaling_lab import (
    MLP,
    Digits,
    LabError,
    Recipe,
    Run,
    Supervised,
    Transformer,
    axis,
    cells,
    config,
    optim,
    parametrization,
    product,
)
from scaling_lab.engine import cost_check
from scaling_lab.engine.training import program
from scaling_lab.engine.training.trainer import train
from scaling_lab.parametrization import FIXED, Multipliers
from scaling_lab.registry import register

WIDTHS = (64, 256, 1024)
OUTPUTS = 12
SLOW = pytest.mark.slow


@register("model", "declaring")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Declaring:
    """One matrix, with the multipliers that a test gives to one path and, if asked, to the rest."""

    path: str = "*"
    adam: float = 1.0
    sgd: float = 1.0
    rest: bool = True
    parametrization: str = "mup"

    @property
    def multipliers(self):
        if self.parametrization == "standard":
            return {}
        own = {self.path: Multipliers(adam=self.adam, sgd=self.sgd)}
        return own | ({"*": FIXED} if self.rest and self.path != "*" else {})

    def network(self, outputs):
        return Matrix(outputs)


class Matrix(nn.Module):
    outputs: int

    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.outputs, name="head")(x.reshape(len(x), -1))


def numbers(recipe, model):
    """What a program gives to `optim` for a run of 100 steps."""
    values = {f"recipe.{f.name}": getattr(recipe, f.name) for f in dataclasses.fields(recipe)}
    values = {key: value for key, value in values.items() if not isinstance(value, str)}
    return values | {"steps": 100} | parametrization.given(model)


def changes(model, optimizer, rate, steps=3):
    """Layer -> root mean square change of its outputs after some steps on one batch."""
    network = model.network(OUTPUTS)
    if isinstance(model, MLP):
        x = jax.random.normal(jax.random.key(1), (32, 64))
        y = jax.random.randint(jax.random.key(2), (32,), 0, OUTPUTS)
    else:
        ids = jax.random.randint(jax.random.key(1), (4, 9), 0, OUTPUTS)
        x, y = ids[:, :-1], ids[:, 1:]
    recipe = Recipe(optimizer=optimizer, schedule="constant", learning_rate=rate)
    traced = numbers(recipe, model)

    def loss(params, _):
        out = network.apply({"params": params}, x)
        return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()

    def outputs(params):
        _, seen = network.apply({"params": params}, x, capture_intermediates=True)
        return seen["intermediates"]

    @jax.jit
    def moved(key):
        first = network.init(key, x)["params"]
        state = optim.init_state(first, recipe, traced)

        def step(_, state):
            return optim.apply_step(state, loss, jnp.arange(1), recipe, traced)[0]

        last = jax.lax.fori_loop(0, steps, step, state).params
        return jax.tree.map(
            lambda a, b: jnp.sqrt(jnp.mean((a - b) ** 2)), outputs(last), outputs(first)
        )

    found = jax.tree_util.tree_flatten_with_path(moved(jax.random.key(0)))[0]
    return {
        jax.tree_util.keystr(path[:-2], simple=True, separator="/"): float(leaf)
        for path, leaf in found
    }


def slopes(family, parametrization, optimizer, rate, widths=WIDTHS):
    """Layer -> exponent of the width by which its outputs change."""
    found = [
        changes(
            dataclasses.replace(family, width=w, parametrization=parametrization), optimizer, rate
        )
        for w in widths
    ]
    x = np.log(widths)
    return {k: float(np.polyfit(x, np.log([one[k] for one in found]), 1)[0]) for k in found[0]}


FAMILIES = [
    pytest.param(MLP(depth=3), id="mlp"),
    pytest.param(Transformer(depth=1, qk_norm=True), id="transformer"),
    pytest.param(Transformer(depth=1, tied=True, activation="gelu"), id="tied", marks=SLOW),
]


@pytest.mark.parametrize("family", FAMILIES)
def test_coordinate_check(family):
    """Adam moves every layer alike at all widths under muP, and more at larger ones without."""
    under_mup = slopes(family, "mup", "adam", 1e-3)
    assert len(under_mup) > 4
    assert max(map(abs, under_mup.values())) < 0.15, under_mup
    standard = slopes(family, "standard", "adam", 1e-3, WIDTHS[::2])
    out = "" if "" in standard else "head"
    assert standard[out] > 0.4, standard
    assert sum(slope > 0.3 for slope in standard.values()) > len(standard) / 2, standard


@pytest.mark.parametrize(
    "family", [FAMILIES[0], pytest.param(FAMILIES[1].values[0], id="transformer", marks=SLOW)]
)
def test_coordinate_check_of_plain_descent(family):
    under_mup = slopes(family, "mup", "sgd", 0.1)
    assert max(map(abs, under_mup.values())) < 0.15, under_mup
    assert max(slopes(family, "standard", "sgd", 0.1, WIDTHS[::2]).values()) > 0.3


@pytest.mark.parametrize("family", FAMILIES)
def test_at_the_base_width_both_are_the_same_to_the_last_bit(family):
    one, other = (
        dataclasses.replace(family, width=family.base_width, parametrization=name)
        for name in parametrization.PARAMETRIZATIONS
    )
    assert changes(one, "adamw", 1e-2) == changes(other, "adamw", 1e-2)


@pytest.mark.parametrize("optimizer", ["momentum", "adamw", "lion"])
def test_weight_decay_is_the_same_at_every_width(optimizer):
    """Without a gradient a step shrinks every parameter by learning rate x weight decay."""
    model = MLP(width=256, parametrization="mup")
    recipe = Recipe(optimizer=optimizer, schedule="constant", learning_rate=0.1, weight_decay=0.5)
    params = model.network(OUTPUTS).init(jax.random.key(0), jnp.zeros((1, 8)))["params"]
    update = optim.optimizer(recipe, numbers(recipe, model))
    still = jax.tree.map(jnp.zeros_like, params)
    updates, _ = update.update(still, update.init(params), params)
    for leaf, moved in zip(jax.tree.leaves(params), jax.tree.leaves(updates), strict=True):
        np.testing.assert_allclose(moved, -0.05 * leaf, rtol=1e-5)


@pytest.mark.parametrize("optimizer", sorted(optim.OPTIMIZERS))
def test_an_update_is_scaled_by_its_path(optimizer):
    """Twice the multiplier is twice the update, for the kind of optimiser it is."""
    recipe = Recipe(optimizer=optimizer, schedule="constant", learning_rate=0.1)
    params = {"head": {"kernel": jnp.array([3.0, -2.0]), "bias": jnp.array([1.0])}}
    kind = "sgd" if optimizer in ("sgd", "momentum") else "adam"
    moved = []
    for factor in (1.0, 2.0):
        model = Declaring(path="head/kernel", **{kind: factor})
        update = optim.optimizer(recipe, numbers(recipe, model))
        moved.append(update.update(params, update.init(params), params)[0]["head"])
    np.testing.assert_allclose(moved[1]["kernel"], 2 * moved[0]["kernel"], rtol=1e-6)
    np.testing.assert_array_equal(moved[1]["bias"], moved[0]["bias"])


@pytest.fixture(scope="module")
def base():
    recipe = Recipe(batch_size=32, learning_rate=1e-2)
    model = MLP(depth=1, width=16, parametrization="mup", base_width=8)
    return Run(learner=Supervised(), data=Digits(), model=model, recipe=recipe, D=200, steps=20)


@pytest.fixture(scope="module")
def data(base):
    return program.load(base)


def test_a_program_reads_what_its_model_declares(base, data):
    """With multipliers of 0 nothing is learned, with those of 1 something is."""

    def loss(factor, steps=base.steps):
        run = dataclasses.replace(base, model=Declaring(adam=factor), steps=steps)
        (outcome,) = train(program.build(run, 1, data), data, [run])
        return outcome.curve[-1]["valid_loss"]

    assert loss(0.0) == loss(0.0, steps=1)
    assert loss(1.0) < loss(0.0) - 0.1


def test_runs_of_one_width_share_a_program(base, data):
    grid = product(axis("learning_rate", [1e-3, 1e-2]), axis("seed", [0, 1]))
    runs = [cell.run for cell in cells(base, grid)]
    assert len({config.program_key(run) for run in runs}) == 1
    together = train(program.build(runs[0], 4, data), data, runs)
    single = program.build(runs[0], 1, data)
    for run, found in zip(runs, together, strict=True):
        (alone,) = train(single, data, [run])
        np.testing.assert_allclose(
            found.curve[-1]["valid_loss"], alone.curve[-1]["valid_loss"], rtol=1e-4
        )


def test_widths_and_parametrizations_are_programs_of_their_own(base):
    grid = product(axis("width", [16, 32]), axis("parametrization", ["standard", "mup"]))
    runs = [cell.run for cell in cells(base, grid)]
    assert len({config.program_key(run) for run in runs}) == 4


def test_fingerprints_of_the_standard_one_do_not_mention_it(base):
    for model in (MLP(width=16), Transformer()):
        given = config.fingerprint(dataclasses.replace(base, model=model))
        left = {**config.defaults(dataclasses.replace(base, model=model))["model"]}
        assert left["parametrization"] == "standard"
        assert left["base_width"] == 64
        other = dataclasses.replace(model, parametrization="mup")
        assert config.fingerprint(dataclasses.replace(base, model=other)) != given


def test_a_standard_model_declares_nothing(base):
    for model in (MLP(), Transformer(), Declaring(parametrization="standard")):
        assert parametrization.of(model) is None
        assert parametrization.given(model) == {}


def test_a_model_without_multipliers_cannot_be_asked(base):
    @dataclasses.dataclass(frozen=True)
    class Without:
        parametrization: str = "mup"

        def network(self, outputs):
            return nn.Dense(outputs)

    with pytest.raises(LabError, match=r"^Without has parametrization 'mup' and declares no"):
        program.build(dataclasses.replace(base, model=Without()), 1, {})


def test_a_parameter_that_is_left_out_is_named_at_plan(base):
    run = dataclasses.replace(base, model=Declaring(path="head/kernel", rest=False))
    with pytest.raises(LabError, match="no multipliers for its parameter head/bias; add a pattern"):
        cost_check.check([run])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: MLP(parametrization="mu"), "unknown parametrization 'mu'.*mup"),
        (lambda: MLP(parametrization="mup", base_width=0), "base_width is 0"),
        (lambda: Transformer(parametrization="mup", base_width=30), "base_width is 30"),
    ],
)
def test_what_cannot_be_is_one_line(made, said):
    with pytest.raises(LabError, match=said) as caught:
        made()
    assert "\n" not in str(caught.value)


def test_a_family_without_the_choice_says_who_has_it(base):
    from scaling_lab import CNN

    with pytest.raises(LabError, match="parametrization"):
        cells(dataclasses.replace(base, model=CNN()), axis("parametrization", ["mup"]))
