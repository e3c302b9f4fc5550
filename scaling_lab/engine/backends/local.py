"""This process: a few threads, each training one ensemble at a time.

Compiled programs run without the interpreter's lock, so on a CPU two threads keep two cores busy
with programs too small to share them; on a GPU one is enough.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import jax

Task = TypeVar("Task")
Result = TypeVar("Result")


def workers() -> int:
    """Ensembles trained in parallel: one per core on a CPU, one on an accelerator."""
    if jax.local_devices()[0].platform != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    train: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[tuple[Task, Result | BaseException]]:
    """Train the ensembles; yield each with its result or exception as it ends."""
    with ThreadPoolExecutor(workers, thread_name_prefix="ensemble") as pool:
        waiting: dict[Future[Result], Task] = {pool.submit(train, task): task for task in tasks}
        try:
            while waiting:
                # The short timeout lets the main thread handle signals.
                finished, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in finished:
                    error = future.exception()
                    yield waiting.pop(future), future.result() if error is None else error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
