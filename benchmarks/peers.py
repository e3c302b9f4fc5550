"""The alternatives to the engine: PyTorch, and JAX by hand.

A method maps runs with the same static choices to their final test losses. All methods use the same
data, batch size, architecture, initialisation, optimiser and learning rates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from scaling_lab import MLP, Language, Run, Transformer

Method = Callable[[Sequence[Run]], list[float]]


class Arrays(NamedTuple):
    """Inputs and targets on the host: images and classes, or ids and the next ids."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def pytorch(torch, run: Run, known: Arrays) -> dict[str, Method]:
    """Eager, compiled, and vmapped over runs."""
    from torch.func import functional_call, grad_and_value, stack_module_state, vmap

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, spec, batch = run.model, run.learner.spec(run), run.recipe.batch_size

    def put(x):
        """Ids and classes as they are; images normalised, with a channel axis."""
        if np.issubdtype(x.dtype, np.integer) and x.ndim < 3:
            return torch.tensor(x.astype(np.int64), device=device)
        return torch.tensor((x.astype(np.float32) - spec.mean) / spec.std, device=device)[:, None]

    x, y, test_x, test_y = map(put, known)

    def network():
        """The same architecture and initialisation as in Flax: LeCun normal, zero biases."""
        if isinstance(model, Transformer):
            from torch_transformer import Network

            return Network(model, spec.outputs, run.learner.context).to(device)
        net = plain()
        for layer in net:
            if hasattr(layer, "weight"):
                fan_in = layer.weight[0].numel()
                torch.nn.init.trunc_normal_(layer.weight, std=1.0, a=-2.0, b=2.0)
                layer.weight.data.mul_(fan_in**-0.5 / 0.87962566)
                torch.nn.init.zeros_(layer.bias)
        return net

    def plain():
        if isinstance(model, MLP):
            layers = [torch.nn.Flatten(), torch.nn.Linear(784, model.width), torch.nn.ReLU()]
            return torch.nn.Sequential(*layers, torch.nn.Linear(model.width, 10)).to(device)
        c = model.channels
        return torch.nn.Sequential(
            *(torch.nn.Conv2d(1, c, 3, padding=1), torch.nn.ReLU(), torch.nn.AvgPool2d(2)),
            *(torch.nn.Conv2d(c, 2 * c, 3, padding=1), torch.nn.ReLU()),
            *(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2 * c, 10)),
        ).to(device)

    def loss_of(out, y):
        return torch.nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1))

    def one(run: Run, compiled: bool) -> float:
        torch.manual_seed(run.seed)
        net = network()
        optimizer = torch.optim.Adam(net.parameters(), lr=run.recipe.learning_rate)
        forward = torch.compile(net) if compiled else net
        order = torch.randperm(len(x), device=device)
        for step in range(run.steps):
            index = order[step * batch % (len(x) - batch) :][:batch]
            optimizer.zero_grad(set_to_none=True)
            loss_of(forward(x[index]), y[index]).backward()
            optimizer.step()
        with torch.no_grad():
            return float(loss_of(net(test_x), test_y))

    def eager(runs):
        return [one(run, False) for run in runs]

    def compiled(runs):
        return [one(run, True) for run in runs]

    def mapped(runs):
        torch.manual_seed(runs[0].seed)
        nets = [network() for _ in runs]
        params, buffers = stack_module_state(nets)
        shell = network()
        rates = torch.tensor([run.recipe.learning_rate for run in runs], device=device)
        params = {name: value.detach() for name, value in params.items()}
        first = {name: torch.zeros_like(value) for name, value in params.items()}
        second = {name: torch.zeros_like(value) for name, value in params.items()}

        def loss(params, buffers, x, y):
            return loss_of(functional_call(shell, (params, buffers), (x,)), y)

        step_all = vmap(grad_and_value(loss), in_dims=(0, 0, 0, 0))
        orders = torch.stack([torch.randperm(len(x), device=device) for _ in runs])
        for step in range(runs[0].steps):
            index = orders[:, step * batch % (len(x) - batch) :][:, :batch]
            slopes, _ = step_all(params, buffers, x[index], y[index])
            for name, slope in slopes.items():
                first[name].mul_(0.9).add_(slope, alpha=0.1)
                second[name].mul_(0.999).addcmul_(slope, slope, value=0.001)
                m = first[name] / (1 - 0.9 ** (step + 1))
                v = second[name] / (1 - 0.999 ** (step + 1))
                shape = (-1, *([1] * (slope.dim() - 1)))
                params[name] = params[name] - rates.view(shape) * m / (v.sqrt() + 1e-8)
        with torch.no_grad():
            evaluate = vmap(loss, in_dims=(0, 0, None, None))
            return evaluate(params, buffers, test_x, test_y).tolist()

    return {
        "PyTorch eager, one by one": eager,
        "PyTorch torch.compile": compiled,
        "PyTorch torch.func.vmap": mapped,
    }


def jax_by_hand(run: Run, known: Arrays) -> dict[str, Method]:
    """Plain JAX: a jitted step, a scan over all steps, and a vmap of that scan."""
    spec, text = run.learner.spec(run), isinstance(run.learner, Language)
    network = run.model.network(spec.outputs)
    x, y, test_x, test_y = jax.device_put(tuple(known))

    def entered(x):
        return x.astype(jnp.int32) if text else (x.astype(jnp.float32) - spec.mean) / spec.std

    def loss(params, x, y):
        out = network.apply({"params": params}, entered(x))
        y = y.astype(jnp.int32)
        return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()

    def init(key):
        params = network.init(key, entered(x[:1]))["params"]
        return params, optax.adam(1e-3).init(params)

    def step(params, state, rate, index):
        slope = jax.grad(loss)(params, x[index], y[index])
        updates, state = optax.adam(rate).update(slope, state, params)
        return optax.apply_updates(params, updates), state

    def whole(key, rate, indices):
        def body(carry, index):
            return step(*carry, rate, index), None

        (params, _), _ = jax.lax.scan(body, init(key), indices)
        return loss(params, test_x, test_y)

    jit_init, jit_step = jax.jit(init), jax.jit(step, donate_argnums=(0, 1))
    jit_whole, jit_loss = jax.jit(whole), jax.jit(loss)
    mapped = jax.jit(jax.vmap(whole))

    def indices(run):
        order = np.random.default_rng(run.seed).permutation(len(x)).astype(np.int32)
        return np.resize(order, (run.steps, run.recipe.batch_size))

    def stepwise(runs):
        losses = []
        for run in runs:
            params, state = jit_init(jax.random.key(run.seed))
            for index in indices(run):
                params, state = jit_step(params, state, run.recipe.learning_rate, index)
            losses.append(float(jit_loss(params, test_x, test_y)))
        return losses

    def scanned(runs):
        losses = []
        for run in runs:
            key = jax.random.key(run.seed)
            losses.append(float(jit_whole(key, run.recipe.learning_rate, indices(run))))
        return losses

    def together(runs):
        keys = jnp.stack([jax.random.key(run.seed) for run in runs])
        rates = jnp.array([run.recipe.learning_rate for run in runs])
        return mapped(keys, rates, np.stack([indices(run) for run in runs])).tolist()

    return {
        "JAX, a step at a time": stepwise,
        "JAX, scan": scanned,
        "JAX, vmap of scan": together,
    }
