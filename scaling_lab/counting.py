"""Counting parameters N, data D and compute C; the one place where 6ND lives.

One multiply-add is 2 FLOP; a backward pass is 2 forward passes; an embedding look-up is 0; the
last layer (the head) and attention are counted, each as a part of its own, so that every
convention of the literature can be recomputed from a record:

    C = 3 x forward x examples        (ours: exact, by parts)
    C ~ 6 N D                         (Kaplan 2020, section 2.1; Hoffmann 2022, appendix F)

A model declares what it costs in closed form; one that does not is counted from its network
(`counted`). Either way `engine.cost_check` compares it with the step that is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from .errors import LabError

if TYPE_CHECKING:
    from .data import Spec

GROUPS = ("embedding", "matmul", "head", "other")
PARTS = ("matmul", "attention", "head")


@dataclass(frozen=True)
class Cost:
    """What a model costs on one example.

    N: parameters by group (GROUPS). forward: FLOP of one forward pass on one example by part
    (PARTS). input_gradient: FLOP that the convention counts but no program spends, the gradient
    of the first layer with respect to the data.
    """

    N: Mapping[str, int]
    forward: Mapping[str, float]
    input_gradient: float = 0.0

    @property
    def parameters(self) -> int:
        """All parameters."""
        return sum(self.N.values())

    def step(self, examples: int) -> StepCost:
        """The cost of a training step on that many examples; backward costs twice forward."""
        flops = {part: 3.0 * self.forward.get(part, 0.0) * examples for part in PARTS}
        return StepCost(
            N=self.N,
            flops=flops,
            examples=examples,
            input_gradient=self.input_gradient * examples,
        )


@dataclass(frozen=True)
class StepCost:
    """What one step of a learner costs and counts.

    N: parameters by group. flops: FLOP by part. examples: seen in a step, in the unit of D: images,
    tokens, sentence pairs. updates: of the optimiser. env_steps: of the environment, if the learner
    acts in one. input_gradient: the part of flops that no program spends, as in `Cost`.
    """

    N: Mapping[str, int]
    flops: Mapping[str, float]
    examples: int
    updates: int = 1
    env_steps: int = 0
    input_gradient: float = 0.0

    @property
    def parameters(self) -> int:
        """All parameters."""
        return sum(self.N.values())

    @cached_property
    def total(self) -> float:
        """FLOP of one step."""
        return sum(self.flops.values())

    def seen(self, D: int, steps: int) -> int:
        """Distinct examples seen in that many steps: D, or fewer within the first epoch."""
        return min(D, self.examples * steps)


def step_cost(run: Any) -> StepCost:
    """What a step of the run costs. Raises LabError if the learner or the model cannot say it."""
    try:
        return run.learner.cost(run)
    except LabError:
        raise
    except Exception as error:
        raise LabError(
            f"the cost of {type(run.learner).__name__} with {type(run.model).__name__} raises "
            f"{type(error).__name__}: {_first_line(error)}; correct the learner's cost(run) or the "
            "model's costs"
        ) from error


def cost_of(model: Any, spec: Spec) -> Cost:
    """What a model costs on one example of `spec` (data.Spec): declared, or else counted.

    Raises LabError if what the model declares fails, or is not a Cost.
    """
    if not hasattr(model, "cost"):
        return counted(model, spec)
    name = type(model).__name__
    try:
        found = model.cost(spec)
    except LabError:
        raise
    except Exception as error:
        raise LabError(
            f"the cost of model {name} raises {type(error).__name__}: {_first_line(error)}; "
            "correct its cost(spec), or remove it to have the network counted"
        ) from error
    if not isinstance(found, Cost):
        raise LabError(
            f"the cost of model {name} is {found!r}; return a Cost from its cost(spec), or remove "
            "it to have the network counted"
        )
    return found


@lru_cache(maxsize=1024)
def counted(model: Any, spec: Spec) -> Cost:
    """What a model costs, from the shapes of its parameters and the trace of its network.

    Products with a matrix under `head`, or with an embedding used as the head, count as head;
    products of two activations as attention; all others as matmul. input_gradient is what a
    gradient with respect to the parameters alone leaves out. Raises LabError for a kind of model
    whose inputs are not known here, and for a network that cannot be traced.
    """
    import jax
    import jax.numpy as jnp

    from . import products

    network, shapes = _network(model, spec)
    inputs = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in shapes]
    try:
        variables = jax.eval_shape(network.init, jax.random.key(0), *inputs)
        params = variables["params"]

        def apply(params: Any, *inputs: Any) -> Any:
            return network.apply({"params": params}, *inputs)

        def summed(params: Any, *inputs: Any) -> Any:
            return sum(jnp.sum(out) for out in jax.tree.leaves(apply(params, *inputs)))

        labels = [group for _, group in _grouped(params)] + ["input"] * len(inputs)
        forward = products.count(apply, params, *inputs, labels=labels)
        trained = products.count(jax.value_and_grad(summed), params, *inputs)
    except Exception as error:
        raise LabError(
            f"{model} has no cost, and its network cannot be traced on an example of shape "
            f"{spec.shape} to count it ({type(error).__name__}: {_first_line(error)}); correct "
            "the network, or give the model a cost(spec)"
        ) from error
    parts: dict[str, float] = dict.fromkeys(PARTS, 0.0)
    for operands, flop in forward.by_operands.items():
        weights = [labels for labels in operands if "input" not in labels]
        if not weights:
            part = "attention"
        else:
            table = {"head", "embedding"} & set().union(*weights)
            part = "head" if table else "matmul"
        parts[part] += flop
    return Cost(by_group(params), parts, 3.0 * forward.flop - trained.flop)


def _network(model: Any, spec: Spec) -> tuple[Any, list[tuple[tuple[int, ...], str]]]:
    """A model's linen module, and shape and type of each of its inputs, for one example."""
    kind, one = getattr(model, "reads", "array"), (1, *spec.shape)
    if kind == "array":
        return model.network(spec.outputs), [(one, "float32")]
    if kind in ("tokens", "pairs"):
        return model.network(spec.outputs), [(one, "int32")] * (2 if kind == "pairs" else 1)
    if kind == "flow":
        return model.network(spec.outputs, spec.shape), [(one, "float32")]
    if kind == "autoencoder":
        network = model.network(spec.outputs, spec.shape)
        return network, [(one, "float32"), ((1, model.latent), "float32")]
    raise LabError(
        f"{type(model).__name__} reads {kind} and has no cost; only models of array, tokens, "
        "pairs, flow and autoencoder can be counted, so give it a cost(spec)"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]


def dense(inputs: int, outputs: int) -> int:
    """FLOP of a dense layer on one example."""
    return 2 * inputs * outputs


def convolution(size: tuple[int, int], kernel: int, inputs: int, outputs: int) -> int:
    """FLOP of a stride-1 SAME convolution on one image, taps on the padding included.

    size: height and width of the image. kernel: side of the kernel.
    """
    return 2 * kernel**2 * size[0] * size[1] * inputs * outputs


def six_nd(parameters: float, examples: float) -> float:
    """Training FLOP by the rule of thumb 6 N D."""
    return 6.0 * parameters * examples


def by_group(params: Any) -> dict[str, int]:
    """Parameters of a tree by group, from the names in its paths.

    Leaves with two or more axes under a module named `head` count as head, leaves named `embedding`
    as embedding, and other leaves with two or more axes as matmul. The rest is other, and so is any
    `bias` or `scale`, whatever its shape (scanned layers stack them).
    """
    counts: dict[str, int] = dict.fromkeys(GROUPS, 0)
    for leaf, group in _grouped(params):
        counts[group] += int(leaf.size)
    return counts


def _grouped(params: Any) -> list[tuple[Any, str]]:
    """Each leaf of a tree with its group, in the order of jax.tree.leaves."""
    import jax

    found = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        names = [str(getattr(key, "key", key)) for key in path]
        if "embedding" in names:
            group = "embedding"
        elif leaf.ndim < 2 or names[-1] in ("bias", "scale"):
            group = "other"
        else:
            group = "head" if "head" in names else "matmul"
        found.append((leaf, group))
    return found


def nearest(count: Callable[[int], int], target: float, largest: int = 1 << 20) -> int:
    """The whole number >= 1 whose `count` (increasing) is nearest to target, in ratio."""
    low, high = 1, largest
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if count(middle) < target else (low, middle)
    if low == 1:
        return 1
    below, above = count(low - 1), count(low)
    return low - 1 if target / below < above / target else low
