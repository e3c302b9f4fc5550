"""Where a record comes from: versions, device, environment, source, and energy if it is known."""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
import re
import socket
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from .. import git as git_of

# Variables that change how XLA and the libraries below it compute.
VARIABLES = (
    "XLA_FLAGS",
    "NPROC",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
)
ARITHMETIC = re.compile(r"(sse4|avx|fma|f16c|amx|asimd|sve|neon|bf16|i8mm)\w*$")

PACKAGES = ("scaling-lab", "jax", "jaxlib", "flax", "optax", "numpy")


@cache
def source() -> dict[str, str | bool | int | None]:
    """Columns that are the same for every run of this process."""
    commit, dirty = git()
    return {
        "versions": json.dumps(versions()),
        "git_commit": commit,
        "git_dirty": dirty,
        "device": device(),
        "environment": json.dumps(environment()),
    }


def environment() -> dict[str, str | int | bool | list[str] | None]:
    """What can change the last bits of a number on one device with one set of versions.

    instruction_sets: the processor's, as XLA finds them. threads: of XLA's pool on the host, among
    which it may split a sum, so that it adds in another order. cores: of the machine. tf32: whether
    float32 products may be computed in TF32. VARIABLES: of the environment, as set. None: unset or
    unknown.
    """
    import jax

    device = jax.devices()[0]
    precision = jax.config.values["jax_default_matmul_precision"]
    gpu = device.platform == "gpu"
    capability = float(getattr(device, "compute_capability", 0) or 0) if gpu else 0.0
    flags = os.environ.get("XLA_FLAGS", "")
    return {
        "machine": platform.machine(),
        "instruction_sets": instruction_sets(),
        "cores": os.cpu_count(),
        "threads": threads(),
        "matmul_precision": precision,
        "tf32": capability >= 8 and precision in (None, "default", "tensorfloat32"),
        "x64": bool(jax.config.values["jax_enable_x64"]),
        "random_bits": jax.config.values["jax_default_prng_impl"],
        "deterministic": "--xla_gpu_deterministic_ops=true" in flags if gpu else None,
        "runtime": device.client.platform_version if gpu else None,
        "driver": _nvml_driver() if gpu else None,
        **{name: os.environ.get(name) for name in VARIABLES},
    }


def instruction_sets() -> list[str]:
    """The processor's instruction sets that matter to arithmetic, sorted."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return sorted(filter(ARITHMETIC.match, flags.split()))
    return []


def threads() -> int:
    """Threads of XLA's pool on the host: $NPROC, else the cores this process may use."""
    given = os.environ.get("NPROC", "")
    if given.isdigit() and int(given):
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def versions() -> dict[str, str]:
    """Package -> version, for Python and the packages that compute."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def git() -> tuple[str | None, bool | None]:
    """Commit of the package's source and whether it has changes; None outside git."""
    folder = Path(__file__).resolve().parent
    # Installed inside another project's repository, whose commit is not ours.
    if git_of.text(folder, "ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None, None
    commit = git_of.text(folder, "rev-parse", "HEAD")
    changes = git_of.text(folder, "status", "--porcelain", "--", str(folder))
    return commit, None if changes is None else bool(changes)


def device() -> str:
    """Platform and name of the device that trains."""
    import jax

    return f"{jax.devices()[0].platform}: {device_name()}"


def device_name() -> str:
    """The name of the device that trains: a GPU's or TPU's kind, or the CPU's model."""
    import jax

    device = jax.devices()[0]
    return cpu_name() if device.platform == "cpu" else device.device_kind


def cpu_name() -> str:
    """The processor's model name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def host() -> str:
    """The machine's name."""
    return socket.gethostname()


def now() -> str:
    """The time, UTC, ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def energy() -> float | None:
    """Joules the devices have used since a fixed moment, or None if no device reports it.

    NVIDIA GPUs report it through NVML, Intel and AMD processors through Linux's powercap, if it is
    readable.
    """
    return _nvml_joules() if _on_nvidia() else _powercap_joules()


@cache
def _on_nvidia() -> bool:
    import jax

    return jax.devices()[0].platform == "gpu" and _nvml() is not None


@cache
def _nvml() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    return library if library.nvmlInit_v2() == 0 else None


def _nvml_driver() -> str | None:
    library, text = _nvml(), ctypes.create_string_buffer(96)
    if library is None or library.nvmlSystemGetDriverVersion(text, len(text)) != 0:
        return None
    return text.value.decode(errors="replace")


def _nvml_joules() -> float | None:
    library = _nvml()
    if library is None or (names := _visible(library)) is None:
        return None
    total = 0.0
    for name in names:
        handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
        if name.isdigit():
            failed = library.nvmlDeviceGetHandleByIndex_v2(int(name), ctypes.byref(handle))
        else:
            failed = library.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle))
        if failed or library.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)):
            return None
        total += millijoules.value / 1000
    return total


def _visible(library: ctypes.CDLL) -> list[str] | None:
    """Numbers or UUIDs of the GPUs that this process may use, of all that the machine has."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip()]
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return None
    return [str(index) for index in range(count.value)]


def _powercap_joules() -> float | None:
    if threads() < (os.cpu_count() or 1):  # the counters are the machine's, which others use too
        return None
    found = []
    for path in Path("/sys/class/powercap").glob("intel-rapl:?/energy_uj"):
        try:
            found.append(int(path.read_text()) / 1e6)
        except OSError:
            return None
    return sum(found) if found else None
