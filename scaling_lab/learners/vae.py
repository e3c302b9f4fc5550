"""Variational autoencoder (Kingma & Welling 2014): images from a low-dimensional latent.

    log p(x) >= E_q[log p(x | z)] - KL(q(z | x) || Normal(0, 1)) = -(reconstruction + KL)

Losses are in nats per image. Evaluation adds the importance-weighted bound (Burda 2016) of K
samples, log mean_k p(x, z_k) / q(z_k | x), which rises to log p(x) with K.

bernoulli   binary pixels, sampled with probability equal to the grey value: anew at each step, or
            once (`binarise`); for evaluation always once, the same in every run
normal      Gaussian pixels, dequantised by uniform noise: see `images.likelihood`
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import logsumexp

from .. import models, optim, registry
from ..config import Run
from ..counting import StepCost, cost_of
from ..data import Spec
from ..errors import LabError, unknown
from ..images import latent_paths, likelihood
from ..optim import TrainState, apply_step, eval_params, init_state, with_params
from ..recipe import Recipe, renamed, traced
from ..registry import register
from ..shuffle import minibatch, subset
from . import BoundLearner, Key, Metrics, Params, Pictures, Traced, Tree

LIKELIHOODS = {"bernoulli": 1, "normal": 2}  # outputs per pixel
BINARISE = ("dynamic", "fixed")
MAPPED = 1_000  # test images in a map of the latent space
BINARISE_SEED = 20160901  # of pixels that are sampled once


@register("learner", "vae")
@dataclass(frozen=True, kw_only=True)
class Vae:
    """likelihood: "bernoulli" or "normal". binarise: "dynamic" samples binary pixels at each step,
    "fixed" once. samples: K of the importance-weighted bound. eval_examples: images of the
    validation and of the test split that are evaluated, the same ones with the same noise in every
    run. anneal: steps over which the weight of the KL rises to 1 (Bowman 2016, Sønderby 2016);
    without it narrow models may never use their latent. Of the losses only `train_loss` is
    weighted.
    """

    likelihood: str = "bernoulli"
    binarise: str = "dynamic"
    samples: int = 16
    eval_examples: int = renamed("judged", 2_000)
    anneal: float = traced(0.0)

    objective: ClassVar[str] = "valid_loss"
    direction: ClassVar[str] = "min"

    def __post_init__(self):
        if self.likelihood not in LIKELIHOODS:
            raise unknown("likelihood", self.likelihood, LIKELIHOODS)
        if self.binarise not in BINARISE:
            raise unknown("binarise", self.binarise, BINARISE)
        if min(self.samples, self.eval_examples) < 1:
            raise LabError(f"{self}: give samples and eval_examples of 1 or more")
        if not 0 <= self.anneal < math.inf:
            raise LabError(f"{self}: give anneal as a number of steps, 0 or more")

    @staticmethod
    def example() -> Run:
        """A small run of this learner, seconds on one core."""
        model, data = registry.get("model", "mlp_vae"), registry.get("data", "digits")
        return Run(
            learner=Vae(samples=4, eval_examples=200),
            data=data(),
            model=model(width=32, depth=1, latent=4),
            recipe=Recipe(batch_size=64, learning_rate=3e-3),
            D=1_000,
            steps=200,
        )

    def spec(self, run: Run) -> Spec:
        """The model encodes an image; it decodes to one or two numbers per pixel."""
        spec = likelihood.expect(run, "autoencoder", "vae")
        return replace(spec, outputs=LIKELIHOODS[self.likelihood])

    def cost(self, run: Run) -> StepCost:
        return cost_of(run.model, self.spec(run)).step(run.recipe.batch_size)

    def bind(self, run: Run) -> BoundLearner:
        optim.require_defaults(run.recipe)
        model = cast(models.Autoencoder, run.model)
        spec, recipe, latent = self.spec(run), run.recipe, model.latent
        network = model.network(spec.outputs, spec.shape)
        binary = self.likelihood == "bernoulli"
        top = 1 if binary and self.binarise == "fixed" else spec.levels - 1

        def apply(params: Params, *given: jax.Array, method: str) -> Tree:
            return network.apply({"params": params}, *given, method=method)

        def sampled(x: jax.Array, key: Key) -> jax.Array:
            """Pixels in [0, 1]: binary, or dequantised."""
            if not binary:
                return likelihood.dequantised(x, key, spec.levels)
            chance = x.astype(jnp.float32) / top
            return (jax.random.uniform(key, x.shape) < chance).astype(jnp.float32)

        def reconstruction(out: jax.Array, x: jax.Array) -> jax.Array:
            """-log p(x | z) in nats per image."""
            axes = tuple(range(1, x.ndim))
            if binary:
                out = out[..., 0]
                return (jax.nn.softplus(out) - x * out).sum(axes)
            mean, raw = out[..., 0], out[..., 1]
            # No sharper than a tenth of a level: the noise within a level must not be learned.
            floor = -math.log(10.0 * spec.levels)
            log_deviation = floor + jax.nn.softplus(raw - floor)
            return likelihood.discrete(spec) - likelihood.normal(x, mean, log_deviation)

        def encode(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
            """Mean and log deviation of the latent, and its KL from the standard normal, (B,)."""
            mean, log_deviation = apply(params, 2.0 * x - 1.0, method="encode")
            each = 0.5 * (mean**2 + jnp.exp(2.0 * log_deviation) - 1.0) - log_deviation
            return mean, log_deviation, each.sum(-1)

        def init(key: Key, traced: Traced) -> TrainState:
            blank = jnp.zeros((1, *spec.shape)), jnp.zeros((1, latent))
            return init_state(network.init(key, *blank)["params"], recipe, traced)

        def step(state: TrainState, key: Key, traced: Traced) -> tuple[TrainState, Metrics]:
            pixels, draw = jax.random.split(key)
            weight = jnp.minimum(1.0, (state.step + 1) / jnp.maximum(traced["learner.anneal"], 1.0))

            def loss(params: Params, index: jax.Array) -> jax.Array:
                x = sampled(traced["data"]["train"][index], pixels)
                mean, log_deviation, kl = encode(params, x)
                z = mean + jnp.exp(log_deviation) * jax.random.normal(draw, mean.shape)
                return (reconstruction(apply(params, z, method="decode"), x) + weight * kl).mean()

            index = minibatch(state.step, recipe.batch_size, traced["seed"], traced["D"])
            index = subset(index, traced.get("data_seed"), len(traced["data"]["train"]))
            return apply_step(state, loss, index, recipe, traced)

        def score(params: Params, split: likelihood.EvalExamples) -> jax.Array:
            """Reconstruction, KL and importance-weighted bound in nats, means over the split."""

            def each(batch: likelihood.EvalExamples) -> jax.Array:
                pixels, draws = jax.random.split(
                    jax.random.fold_in(jax.random.key(0), batch.number)
                )
                x = batch.x.astype(jnp.float32) if binary else sampled(batch.x, pixels)
                mean, log_deviation, kl = encode(params, x)

                def sample(key: Key) -> tuple[jax.Array, jax.Array]:
                    noise = jax.random.normal(key, mean.shape)
                    z = mean + jnp.exp(log_deviation) * noise
                    cost = reconstruction(apply(params, z, method="decode"), x)
                    posterior = likelihood.normal(noise) - log_deviation.sum(-1)
                    return cost, likelihood.normal(z) - posterior - cost

                costs, weights = lax.map(sample, jax.random.split(draws, self.samples))
                bound = math.log(self.samples) - logsumexp(weights, axis=0)
                return jnp.stack([costs.mean(0), kl, bound])

            return likelihood.mean(each, split)

        def evaluate(state: TrainState, traced: Traced) -> Metrics:
            metrics = {}
            for name in ("valid", "test"):
                distortion, kl, bound = score(eval_params(state), traced["data"][name])
                metrics |= {
                    f"{name}_loss": distortion + kl,
                    f"{name}_reconstruction": distortion,
                    f"{name}_kl": kl,
                    f"{name}_bound": bound,
                    f"{name}_bits_per_dim": likelihood.bits(distortion + kl, spec),
                }
            return metrics

        def data() -> dict[str, Tree]:
            splits = likelihood.load(run.data)
            train = splits.train.x
            if binary and self.binarise == "fixed":
                train = drawn(train, spec.levels)
            held: dict[str, Tree] = {"valid": splits.valid.x, "test": splits.test.x}
            for name, x in held.items():
                x = likelihood.chosen(x, self.eval_examples)
                held[name] = likelihood.eval_examples(drawn(x, spec.levels) if binary else x)
            return {"train": train, **held}

        return BoundLearner(
            init,
            step,
            evaluate,
            eval_params,
            data,
            self.objective,
            self.direction,
            with_params=with_params,
        )

    def shown(self, run: Run, params: Params, count: int, seed: int = 0) -> Pictures:
        """Images made by a trained model, pixels from 0 to 1; see `artifacts.gallery`."""
        model = cast(models.Autoencoder, run.model)
        spec, binary = self.spec(run), self.likelihood == "bernoulli"
        network = model.network(spec.outputs, spec.shape)
        test = likelihood.load(run.data).test
        x, y = (likelihood.chosen(part, MAPPED) for part in test)
        given = drawn(x, spec.levels).astype(np.float32) if binary else (x + 0.5) / spec.levels

        def decode(z: jax.Array) -> jax.Array:
            out = network.apply({"params": params}, z, method="decode")
            return jax.nn.sigmoid(out[..., 0]) if binary else out[..., 0].clip(0, 1)

        mean, _ = network.apply({"params": params}, 2.0 * given - 1.0, method="encode")
        z = jax.random.normal(jax.random.key(seed), (count, model.latent))
        return {
            "samples": decode(z)[None],
            "reconstructions": jnp.stack([given[:count], decode(mean[:count])]),
            "interpolations": latent_paths.rows(decode(latent_paths.interpolate(mean, count))),
            "map": latent_paths.principal_components(mean),
            "classes": y,
        }


def drawn(x: np.ndarray, levels: int) -> np.ndarray:
    """Binary pixels, 1 with probability x / (levels - 1), by one fixed seed."""
    coins = np.random.Generator(np.random.PCG64(BINARISE_SEED))
    chance = coins.random(x.shape, np.float32) * (levels - 1)
    return (chance < x).astype(np.uint8)
