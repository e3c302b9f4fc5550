"""The judge of pictures: a small classifier that the lab trains itself, and its measures.

    Fréchet     |m - m'|^2 + tr(S + S' - 2 (S S')^1/2)    of the features' means and covariances
    precision   share of made pictures that lie within the real ones; recall, the other way round
                (Kynkäänniemi 2019): within the ball of some picture to its third-nearest neighbour

Elsewhere the features are those of Inception, trained on ImageNet (Heusel 2017): its weights would
have to be downloaded, where a laboratory is to run without a network, and what it knows of small
grey digits is little. Ours is a CNN trained on the source's own classes, always the same way, kept
in the user's cache. Each run records its test error and the distance of real training from test
pictures, and a report tells both: so the judge is measured as the models are. A distance compares
with others of this lab and this source alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import lax

from .. import config, registry
from ..config import Run
from ..data import Spec
from ..recipe import Recipe
from ..storage.cache import prepared

NEIGHBOUR = 3
EXACT = partial(jax.default_matmul_precision, "highest")  # on a GPU it would else be TF32
BATCH = 500  # pictures at a time
STEPS = 1_500
VERSION = 3  # raised with whatever changes features or distances: part of a run's fingerprint


class Judge(NamedTuple):
    """A trained classifier: its parameters and the share of test pictures that it gets wrong."""

    params: Any
    error: float


def trained(data: Any) -> Judge:
    """The classifier of a source of pictures with classes; trained when it is first asked for."""
    run = _run(data)
    arrays = run.learner.bind(run).data()
    digest = hashlib.sha256(b"".join(part.tobytes() for part in arrays["train"])).hexdigest()
    key = {**config.to_dict(run), "digest": digest, "numerics": [config.NUMERICS, VERSION]}
    place = prepared("judge", key, lambda to: _train(run, arrays, to))
    with np.load(place / "params.npz") as file:
        params = unflatten_dict({name: file[name] for name in file.files}, sep="/")
    return Judge(params, json.loads((place / "about.json").read_text())["test_error"])


def features(params: Any, x: jax.Array, spec: Spec) -> jax.Array:
    """Of pictures in units of the source: what enters the classifier's last layer."""
    network = _model().network(spec.outputs)

    def look(chunk: jax.Array) -> jax.Array:
        found = []

        def call(following: Any, args: Any, kwargs: Any, context: Any) -> Any:
            if context.module.name == "head":
                found.append(args[0])
            return following(*args, **kwargs)

        with nn.intercept_methods(call):
            network.apply({"params": params}, (chunk.astype(jnp.float32) - spec.mean) / spec.std)
        return found[0]

    batches = -(-len(x) // BATCH)
    fill = -len(x) % batches
    padded = jnp.pad(x, [(0, fill)] + [(0, 0)] * (x.ndim - 1))
    with EXACT():
        seen = lax.map(look, padded.reshape(batches, -1, *x.shape[1:]))
    return seen.reshape(-1, seen.shape[-1])[: len(x)]


def frechet(a: jax.Array, b: jax.Array) -> jax.Array:
    """Fréchet distance of normal laws with the moments of two sets of features (Dowson 1982).

    With S = R^T R, tr (S S')^1/2 is the sum of the singular values of R R'^T. Where a covariance
    is nearly singular that keeps the digits which roots of the eigenvalues of S S' would lose.
    """
    one, two = _factor(a), _factor(b)
    with EXACT():
        overlap = jnp.linalg.svd(one @ two.T, compute_uv=False).sum()
    means = jnp.sum((a.mean(0) - b.mean(0)) ** 2)
    return means + jnp.sum(one**2) + jnp.sum(two**2) - 2.0 * overlap


def reach(x: jax.Array) -> jax.Array:
    """Squared distance of each to its third-nearest other."""
    near, _ = lax.top_k(-distances(x, x), NEIGHBOUR + 1)
    return -near[:, NEIGHBOUR]


def within(x: jax.Array, others: jax.Array, reaches: jax.Array) -> jax.Array:
    """Share of x that lie in the ball of at least one of the others."""
    return (distances(x, others) <= reaches[None]).any(1).mean()


def distances(a: jax.Array, b: jax.Array) -> jax.Array:
    """Squared distances of all pairs, (len(a), len(b))."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None]
    with EXACT():
        return jnp.maximum(squares - 2.0 * a @ b.T, 0.0)


def _factor(x: jax.Array) -> jax.Array:
    """R of which R^T R is the covariance."""
    return jnp.linalg.qr((x - x.mean(0, keepdims=True)) / np.sqrt(len(x) - 1), mode="r")


def _model() -> Any:
    return registry.get("model", "cnn")(channels=16, stages=3, convolutions=1)


def _run(data: Any) -> Run:
    learner = registry.get("learner", "supervised")()
    recipe = Recipe(batch_size=128, learning_rate=1e-2, warmup=100)
    run = Run(learner=learner, data=data, model=_model(), recipe=recipe, steps=STEPS)
    return replace(run, D=data.spec.examples)


def _train(run: Run, arrays: Any, place: Path) -> None:
    learner = run.learner.bind(run)
    numbers = {
        path: jnp.asarray(value, config.traced_dtypes(run)[path])
        for path, value in config.traced_values(run).items()
    }

    @jax.jit
    def train(arrays: Any) -> tuple[Any, Any]:
        traced, key = {**numbers, "data": arrays}, jax.random.key(0)

        def body(at: jax.Array, state: Any) -> Any:
            return learner.step(state, jax.random.fold_in(key, at), traced)[0]

        state = lax.fori_loop(0, run.steps, body, learner.init(key, traced))
        return learner.params(state), learner.evaluate(state, traced)["test_error"]

    params, error = jax.device_get(train(jax.device_put(arrays)))
    leaves: dict[str, Any] = dict(flatten_dict(params, sep="/"))
    np.savez(place / "params.npz", allow_pickle=False, **leaves)
    (place / "about.json").write_text(json.dumps({"test_error": float(error)}))
