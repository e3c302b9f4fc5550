"""The engine: a plan's runs as compiled ensembles, trained, checkpointed and recorded."""

import os
from collections.abc import MutableMapping
from pathlib import Path

NVIDIA = Path("/dev/nvidiactl")


def prepare_gpu(environ: MutableMapping[str, str]) -> None:
    """Settings of XLA for NVIDIA's GPUs, unless the user has made others.

    XLA reads them when it first looks for devices. It reserves 90% of the memory instead of 75%,
    and takes kernels whose results do not change from run to run, so that a resumed run equals an
    uninterrupted one. `XLA_FLAGS=--xla_gpu_deterministic_ops=false` takes faster ones.
    """
    environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.9")
    flags = environ.get("XLA_FLAGS", "")
    if "xla_gpu_deterministic_ops" not in flags:
        environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()


if NVIDIA.exists():
    prepare_gpu(os.environ)
