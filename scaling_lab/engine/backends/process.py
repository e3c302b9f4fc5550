"""Processes of their own on this machine.

A crash of the compiler or a kill for want of memory costs one ensemble, which is tried again, and
not the session. Each process holds its own data and compiles its own programs, unless another has
put them into the cache; so this costs more memory than threads, and a few seconds at the start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from pathlib import Path
from typing import TypeVar

from ...errors import LabError
from ...registry import register
from .. import workers
from . import Link

Task = TypeVar("Task")
Result = TypeVar("Result")

GPUS = Path("/proc/driver/nvidia/gpus")


@register("backend", "process")
@dataclass(frozen=True, kw_only=True)
class Process:
    """processes: how many train in parallel; 0: one per GPU, or one per core if there is none.

    threads: of each, on a CPU; 0: as many as there are cores, which all processes share, as the
    local backend's threads do. retries: how often an ensemble whose process died is tried again.
    """

    processes: int = 0
    threads: int = 0
    retries: int = workers.RETRIES
    started: list[_Worker] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self):
        if min(self.processes, self.threads, self.retries) < 0:
            raise LabError("processes, threads and retries are 0 or more")
        if gpus() and self.processes > len(gpus()):
            raise LabError(
                f"processes is {self.processes}, but the GPUs are {len(gpus())}; give at most that"
            )

    @property
    def workers(self) -> int:
        return self.processes or len(gpus()) or len(os.sched_getaffinity(0))

    @property
    def beside(self) -> int:
        return 1 if gpus() else self.workers

    def run(
        self,
        function: Callable[[Task, str, Link], Result],
        tasks: Sequence[Task],
        folder: str,
        link: Link,
    ) -> Iterator[tuple[Task, Result | BaseException]]:
        return workers.run(_Pool(self), function, tasks, folder, link, self.retries)

    def close(self) -> None:
        for worker in self.started:
            worker.end()
        self.started.clear()


def gpus() -> list[str]:
    """The GPUs that workers may use, as CUDA_VISIBLE_DEVICES names them; jax is not asked.

    jax would take most of their memory for the driver.
    """
    asked = os.environ.get("JAX_PLATFORMS", "")
    if asked and not {"cuda", "gpu"} & {*asked.split(",")}:
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name not in ("", "-1")]
    return [str(at) for at, _ in enumerate(GPUS.glob("*"))]


class _Worker:
    """A process, the pipe to it, and the number of the task that it has."""

    def __init__(self, place: int, threads: int) -> None:
        ours, theirs = connection.Pipe()
        environment = {**os.environ, **workers.threads(threads)}
        if names := gpus():
            environment["CUDA_VISIBLE_DEVICES"] = names[place % len(names)]
        code = f"from {__name__} import serve; serve({theirs.fileno()})"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the driver alone, which passes it on
        )
        theirs.close()
        self.place, self.pipe, self.at = place, ours, -1

    def send(self, *message: object) -> None:
        with contextlib.suppress(OSError):  # of a process that has died: it is found by its events
            self.pipe.send(message)

    def why(self) -> str:
        """Why the process ended."""
        code = self.process.wait()
        if code >= 0:
            return f"its process ended with status {code}"
        hint = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
        return f"its process was killed by {signal.Signals(-code).name}{hint}"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.pipe.close()


class _Pool:
    def __init__(self, backend: Process) -> None:
        self.backend, self.all = backend, backend.started

    def free(self) -> bool:
        return sum(worker.at >= 0 for worker in self.all) < self.backend.workers

    def begin(self, at: int, packed: bytes) -> None:
        worker = next((worker for worker in self.all if worker.at < 0), None)
        if worker is None:
            taken = {worker.place for worker in self.all}
            place = min({*range(len(taken) + 1)} - taken)
            worker = _Worker(place, self.backend.threads)
            self.all.append(worker)
        worker.at = at
        worker.send("task", packed)

    def events(self) -> Iterator[workers.Event]:
        pipes = {worker.pipe: worker for worker in self.all}
        for pipe in connection.wait([*pipes], timeout=0.5):
            worker = pipes[pipe]  # pyright: ignore[reportArgumentType]
            at = worker.at
            try:
                method, value = worker.pipe.recv()
            except (EOFError, OSError):
                self.all.remove(worker)
                if at >= 0:
                    yield workers.Lost(at, worker.why())
                worker.end()
                continue
            if method == "ended":
                worker.at = -1
                yield workers.Ended(at, value)
            else:
                yield workers.Told(at, method, value)

    def stop(self) -> None:
        for worker in self.all:
            worker.send("stop")

    def kill(self) -> None:
        self.backend.close()


def serve(descriptor: int) -> None:
    """The life of a worker: performs tasks from the pipe until it is closed."""
    pipe, stopping = connection.Connection(descriptor), threading.Event()
    tasks: list[bytes] = []
    arrived = threading.Semaphore(0)

    def listen() -> None:
        while True:
            try:
                method, *rest = pipe.recv()
            except (EOFError, OSError):
                os._exit(0)  # the driver has ended, or was killed
            if method == "stop":
                stopping.set()
            else:
                stopping.clear()
                tasks.extend(rest)
                arrived.release()

    threading.Thread(target=listen, daemon=True).start()
    sending = threading.Lock()

    def send(method: str, value: object) -> None:
        with sending:
            pipe.send((method, value))

    link = workers.Reports(send, stopping.is_set)
    while True:
        arrived.acquire()
        send("ended", workers.perform(tasks.pop(), link))
