"""Finds the processes of a `scaling-lab run`, for benchmarks and tests that kill them."""

from __future__ import annotations

import psutil

# Backend -> what the command lines of its workers, in training or idle, have in common.
WORKERS = {
    "process": "backends.process import serve",
    "ray": "ray::_perform",
    "slurm": "submitit.core._submit",
}


def workers(driver: int, backend: str) -> list[int]:
    """The processes that train for a driver, oldest first. For Ray, those that have a task now."""
    return _descendants(driver, WORKERS[backend])


def raylets(driver: int) -> list[int]:
    """Ray's daemons of this machine, if the driver has started them."""
    return _descendants(driver, "raylet/raylet ")


def heads(driver: int) -> list[int]:
    """The head (GCS) of the Ray cluster that the driver has started."""
    return _descendants(driver, "gcs/gcs_server ")


def _descendants(driver: int, words: str) -> list[int]:
    found = []
    for process in [*psutil.Process(driver).children(recursive=True)]:
        try:
            if words in " ".join(process.cmdline()) + " ":
                found.append((process.create_time(), process.pid))
        except psutil.NoSuchProcess:
            continue
    return [pid for _, pid in sorted(found)]
