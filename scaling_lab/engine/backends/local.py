"""This process: a few threads, each training one ensemble at a time.

Compiled programs run without the interpreter's lock, so on a CPU two threads keep two cores busy
with programs too small to share them; on a GPU one is enough.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

import jax

from ...errors import LabError
from ...registry import register
from .. import workspace
from . import Link

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 16  # tasks a thread that have begun, wait, or have ended and are not yet yielded


@register("backend", "local")
@dataclass(frozen=True, kw_only=True)
class Local:
    """threads: ensembles trained in parallel; 0: one per core on a CPU, one on an accelerator."""

    threads: int = 0

    def __post_init__(self):
        if self.threads < 0:
            raise LabError(f"threads is {self.threads}; give 1 or more, or 0 for one per core")

    @property
    def workers(self) -> int:
        return self.threads or cores()

    @property
    def beside(self) -> int:
        return self.workers

    def run(
        self,
        function: Callable[[Task, str, Link], Result],
        tasks: Sequence[Task],
        folder: str,
        link: Link,
    ) -> Iterator[tuple[Task, Result | BaseException]]:
        return in_threads(lambda task: function(task, folder, link), tasks, self.workers)

    def close(self) -> None:
        workspace.clear()


def cores() -> int:
    """Ensembles to train in parallel: one per core on a CPU, one on an accelerator."""
    if jax.local_devices()[0].platform != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(
    call: Callable[[Task], Result], tasks: Iterable[Task], threads: int
) -> Iterator[tuple[Task, Result | BaseException]]:
    """Call a function on tasks in threads; yield each with its result or exception as it ends."""
    left = iter(tasks)
    with ThreadPoolExecutor(threads, thread_name_prefix="ensemble") as pool:
        # Not all at once: results would pile up while the caller records, and waiting for
        # thousands of futures takes longer than a short run.
        first = itertools.islice(left, AHEAD * threads)
        waiting: dict[Future[Result], Task] = {pool.submit(call, task): task for task in first}
        try:
            while waiting:
                # The short timeout lets the main thread handle signals.
                finished, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in finished:
                    waiting |= {pool.submit(call, task): task for task in itertools.islice(left, 1)}
                    error = future.exception()
                    yield waiting.pop(future), future.result() if error is None else error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
