"""Distances between sets of images in the features of a small classifier.

    Fréchet     |m - m'|^2 + tr(S + S' - 2 (S S')^1/2)    of the features' means and covariances
    precision   share of generated images within the support of the real ones, which is the union
                of balls around them that reach to each one's third-nearest neighbour
    recall      the same with real and generated images exchanged (Kynkäänniemi et al. 2019)

The Fréchet distance usually takes its features from Inception, trained on ImageNet (Heusel et al.
2017). Its weights would have to be downloaded, and it says little about small grey digits. Here the
classifier is a CNN trained on the source's own classes, by one fixed recipe, and kept in the user's
cache. Each run records the classifier's test error and the distance between real training and test
images, so the measure is itself measured. Distances compare only within one data source.
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
from ..protocols import Data, Model, Params, Tree
from ..recipe import Recipe
from ..storage.cache import prepare_once

NEIGHBOUR = 3  # radii reach to the third-nearest neighbour
EXACT = partial(jax.default_matmul_precision, "highest")  # the default on a GPU is TF32
BATCH = 500  # pictures at a time
STEPS = 1_500
VERSION = 3  # of features and distances; raise it with any change: part of run fingerprints


class Classifier(NamedTuple):
    """A trained classifier: its parameters and its test error (fraction)."""

    params: Params
    error: float


def trained_classifier(data: Data) -> Classifier:
    """The classifier of a labelled image source, trained on first use and cached."""
    run = _run(data)
    arrays = run.learner.bind(run).data()
    digest = hashlib.sha256(b"".join(part.tobytes() for part in arrays["train"])).hexdigest()
    key = {**config.to_dict(run), "digest": digest, "numerics": [config.NUMERICS, VERSION]}
    folder = prepare_once("judge", key, lambda folder: _train(run, arrays, folder))
    with np.load(folder / "params.npz") as file:
        params = unflatten_dict({name: file[name] for name in file.files}, sep="/")
    return Classifier(params, json.loads((folder / "about.json").read_text())["test_error"])


def features(params: Params, x: jax.Array, spec: Spec) -> jax.Array:
    """Inputs of the classifier's last layer, (images, features). x: in the source's units."""
    network = _model().network(spec.outputs)

    def batch_features(batch: jax.Array) -> jax.Array:
        head_inputs = []

        def intercept(method: Any, args: Any, kwargs: Any, context: Any) -> Any:
            if context.module.name == "head":
                head_inputs.append(args[0])
            return method(*args, **kwargs)

        with nn.intercept_methods(intercept):
            network.apply({"params": params}, (batch.astype(jnp.float32) - spec.mean) / spec.std)
        return head_inputs[0]

    batches = -(-len(x) // BATCH)
    fill = -len(x) % batches
    padded = jnp.pad(x, [(0, fill)] + [(0, 0)] * (x.ndim - 1))
    with EXACT():
        found = lax.map(batch_features, padded.reshape(batches, -1, *x.shape[1:]))
    return found.reshape(-1, found.shape[-1])[: len(x)]


def frechet(a: jax.Array, b: jax.Array) -> jax.Array:
    """Fréchet distance between Gaussians fitted to two sets of features (Dowson & Landau 1982).

    With S = R^T R, tr (S S')^1/2 is the sum of the singular values of R R'^T, which stays accurate
    for nearly singular covariances, unlike square roots of the eigenvalues of S S'.
    """
    one, two = _factor(a), _factor(b)
    with EXACT():
        overlap = jnp.linalg.svd(one @ two.T, compute_uv=False).sum()
    means = jnp.sum((a.mean(0) - b.mean(0)) ** 2)
    return means + jnp.sum(one**2) + jnp.sum(two**2) - 2.0 * overlap


def neighbour_radii(x: jax.Array) -> jax.Array:
    """Squared distance from each point to its third-nearest neighbour, (len(x),)."""
    nearest, _ = lax.top_k(-squared_distances(x, x), NEIGHBOUR + 1)  # the nearest is itself
    return -nearest[:, NEIGHBOUR]


def coverage(x: jax.Array, centres: jax.Array, radii: jax.Array) -> jax.Array:
    """Share of the points x within the ball (squared radius) of at least one centre."""
    return (squared_distances(x, centres) <= radii[None]).any(1).mean()


def squared_distances(a: jax.Array, b: jax.Array) -> jax.Array:
    """Squared distances between all pairs, (len(a), len(b))."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None]
    with EXACT():
        return jnp.maximum(squares - 2.0 * a @ b.T, 0.0)


def _factor(x: jax.Array) -> jax.Array:
    """R such that R^T R is the covariance."""
    return jnp.linalg.qr((x - x.mean(0, keepdims=True)) / np.sqrt(len(x) - 1), mode="r")


def _model() -> Model:
    return registry.get("model", "cnn")(channels=16, stages=3, convolutions=1)


def _run(data: Data) -> Run:
    learner = registry.get("learner", "supervised")()
    recipe = Recipe(batch_size=128, learning_rate=1e-2, warmup=100)
    run = Run(learner=learner, data=data, model=_model(), recipe=recipe, steps=STEPS)
    return replace(run, D=data.spec.examples)


def _train(run: Run, arrays: Tree, folder: Path) -> None:
    learner = run.learner.bind(run)
    numbers = {
        path: jnp.asarray(value, config.traced_dtypes(run)[path])
        for path, value in config.traced_values(run).items()
    }

    @jax.jit
    def train(arrays: Tree) -> tuple[Params, jax.Array]:
        traced, key = {**numbers, "data": arrays}, jax.random.key(0)

        def body(at: jax.Array, state: Tree) -> Tree:
            return learner.step(state, jax.random.fold_in(key, at), traced)[0]

        state = lax.fori_loop(0, run.steps, body, learner.init(key, traced))
        return learner.params(state), learner.evaluate(state, traced)["test_error"]

    params, error = jax.device_get(train(jax.device_put(arrays)))
    leaves: dict[str, Any] = dict(flatten_dict(params, sep="/"))
    np.savez(folder / "params.npz", allow_pickle=False, **leaves)
    (folder / "about.json").write_text(json.dumps({"test_error": float(error)}))
