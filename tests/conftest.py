"""Settings of every test: strict jax, a cache of the suite's own, datasets where they are."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Before jax is imported. A GPU is used only where it is asked for: JAX_PLATFORMS= pytest -m gpu
os.environ.setdefault("JAX_PLATFORMS", "cpu")
for name, folder in (("DATA", "data"), ("PUBLISHED", "published")):
    beside = ROOT.parent / "shared" / folder
    if beside.is_dir():
        os.environ.setdefault(f"SCALING_LAB_{name}", str(beside))


@pytest.fixture(scope="session", autouse=True)
def _strict():
    import jax

    jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """A cache of the module's own for what is prepared from data: an empty folder."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALING_LAB_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def bucket():
    """The URL of an empty bucket on an S3 server of the module's own, at loopback."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="lab")
        yield "s3://lab"
    server.stop()


@pytest.fixture(scope="module")
def bound(base):
    """Functions, data and traced numbers of the learner of the module's own run `base`."""
    import jax.numpy as jnp

    from scaling_lab import config

    learner = base.learner.bind(base)
    data = learner.data()
    traced = {path: jnp.asarray(v) for path, v in config.traced_values(base).items()}
    return learner, data, traced | {"data": data}


@pytest.fixture
def small():
    """A base run on digits, small enough to compile and train in a second."""
    from scaling_lab import MLP, Digits, Recipe, Run, Supervised

    return Run(
        learner=Supervised(),
        data=Digits(),
        model=MLP(depth=1, width=8),
        recipe=Recipe(batch_size=32, warmup=4),
        D=200,
        steps=80,
    )


@pytest.fixture(scope="session")
def xlas():
    """XLA's FLOP of a step of plain gradient descent on a model of tokens or pairs, for some."""
    import jax
    import jax.numpy as jnp
    import optax

    def flops(model, spec, batch):
        network = model.network(spec.outputs)
        ids = jax.ShapeDtypeStruct((batch, *spec.shape), jnp.int32)
        given = [ids] * (2 if model.reads == "pairs" else 1)
        params = jax.eval_shape(network.init, jax.random.key(0), *given)["params"]

        def step(params, ids):
            def loss(params):
                logits = network.apply({"params": params}, *[ids] * len(given))
                return optax.softmax_cross_entropy_with_integer_labels(logits, ids).mean()

            return jax.tree.map(lambda p, g: p - 0.1 * g, params, jax.grad(loss)(params))

        analysis = jax.jit(step).lower(params, ids).compile().cost_analysis()
        assert analysis is not None
        return analysis["flops"]

    return flops
