"""Ensembles in other processes: tasks and results as bytes, messages, and workers that are lost.

    run(pool, function, tasks, folder, link) -> iterator of (task, result or exception)

A backend gives the pool: a few calls that start a task somewhere and report what became of it. What
all pools share is here. A task whose worker dies is tried again, `retries` times; its checkpoints
are in the results folder, so that it resumes there. An exception of the task itself is its result.
"""

from __future__ import annotations

import pickle
import traceback
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from ..errors import LabError
from ..storage.atomic import write_whole
from . import provenance
from .backends import Link
from .training.trainer import Interrupted

Task = TypeVar("Task")
Result = TypeVar("Result")

RETRIES = 3
SESSION = Path(".work", "session")  # holds a word of the driver's, in the results folder


class WorkerLost(Exception):
    """The worker of a task ended without a result, each time that it was tried."""


class Told(NamedTuple):
    """A message from the worker of a task: the name of a method of Link, and its argument."""

    at: int
    method: str
    value: Any


class Ended(NamedTuple):
    """A task has ended, with its packed result."""

    at: int
    packed: bytes


class Lost(NamedTuple):
    """The worker of a task died, and why if it is known."""

    at: int
    why: str


class Cancelled(NamedTuple):
    """A task was dropped before it began."""

    at: int


Event = Told | Ended | Lost | Cancelled


class Pool(Protocol):
    """Where tasks run. `at` is the number of a task."""

    def free(self) -> bool:
        """Whether another task can be given out now."""
        ...

    def begin(self, at: int, packed: bytes) -> None:
        """Give out a task, for a worker to call `perform` on."""
        ...

    def events(self) -> Iterable[Event]:
        """What has happened since the last call; waits for up to half a second.

        Raises LabError if the pool itself is lost.
        """
        ...

    def stop(self) -> None:
        """Ask all workers to save and end; each task still gets an event of its end."""
        ...

    def kill(self) -> None:
        """End all workers at once."""
        ...


class Reports:
    """A worker's end of the link: `send(method, value)` takes its messages to the driver."""

    def __init__(self, send: Callable[[str, Any], None], stopping: Callable[[], bool]) -> None:
        self.send, self.stopping = send, stopping

    def began(self, names: Sequence[str]) -> None:
        self.send("began", [*names])

    def advance(self, flops: float) -> None:
        self.send("advance", flops)

    def say(self, line: str) -> None:
        self.send("say", line)


def run(
    pool: Pool,
    function: Callable[[Task, str, Link], Result],
    tasks: Sequence[Task],
    folder: str,
    link: Link,
    retries: int = RETRIES,
) -> Iterator[tuple[Task, Result | BaseException]]:
    """Call the function on each task in a pool's workers; yield each with its result or exception.

    A task that lost its workers has the exception WorkerLost. Raises LabError if the pool is lost.
    """
    proof = _leave_proof(folder)
    waiting, running = deque(range(len(tasks))), set[int]()
    tries, stopping, over = _Tries(link, retries), False, False
    try:
        while waiting or running:
            if not stopping and link.stopping():
                stopping = True
                pool.stop()
            while stopping and waiting:
                yield tasks[waiting.popleft()], Interrupted()
            while waiting and pool.free():
                at = waiting.popleft()
                pool.begin(at, _pack(function, tasks[at], folder, proof))
                running.add(at)
            for event in pool.events() if running else ():
                if isinstance(event, Told):
                    tries.told(event)
                    continue
                running.discard(event.at)
                if isinstance(event, Ended):
                    yield tasks[event.at], pickle.loads(event.packed)
                elif isinstance(event, Cancelled) or stopping:
                    yield tasks[event.at], Interrupted()
                elif (lost := tries.lost(event)) is None:
                    waiting.append(event.at)
                else:
                    yield tasks[event.at], lost
        over = True
    except (LabError, KeyboardInterrupt):
        pool.kill()
        over = True
        raise
    finally:
        if not over:  # the iterator was closed
            pool.stop()
            while running:
                running -= {event.at for event in pool.events() if not isinstance(event, Told)}


@dataclass
class _Tries:
    """Passes on what workers tell, and counts how often each task lost its worker."""

    link: Link
    retries: int
    count: Counter[int] = field(default_factory=Counter)
    flops: Counter[int] = field(default_factory=Counter)
    names: dict[int, Sequence[str]] = field(default_factory=dict)

    def told(self, event: Told) -> None:
        if event.method == "began":
            self.names[event.at] = event.value
            self._take_back(event.at)  # of a job that Slurm has queued again
        if event.method == "advance":
            self.flops[event.at] += event.value
        getattr(self.link, event.method)(event.value)

    def lost(self, event: Lost) -> WorkerLost | None:
        """The exception that ends the task, or None if it is to be tried again."""
        self.count[event.at] += 1
        self._take_back(event.at)
        names = self.names.get(event.at) or [f"task {event.at + 1}"]
        which = names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        if self.count[event.at] > self.retries:
            times = f"{self.count[event.at]} times" if self.retries else "once"
            return WorkerLost(f"the worker of {which} was lost {times}; the last: {event.why}")
        self.link.say(
            f"the worker of {which} was lost ({event.why}); it starts again, from its "
            f"checkpoint if it has one: retry {self.count[event.at]} of {self.retries}"
        )
        return None

    def _take_back(self, at: int) -> None:
        """Subtract what a task's last worker had done: it is lost, or will be done again."""
        if flops := self.flops.pop(at, 0.0):
            self.link.advance(-flops)


def perform(packed: bytes, link: Link) -> bytes:
    """Call a packed function on its task, on a worker; the packed result or exception."""
    try:
        result = _call(packed, link)
    except Interrupted as error:
        result = error
    except LabError as error:
        result = LabError(f"{error} (on worker {provenance.host()})")
    except Exception as error:
        error.add_note(traceback.format_exc())
        result = error
    try:
        packed = pickle.dumps(result)
        pickle.loads(packed)
        return packed
    except Exception as error:
        if not isinstance(result, BaseException):
            result = error
        return pickle.dumps(RuntimeError(f"{type(result).__name__}: {result}"))


def _call(packed: bytes, link: Link) -> Any:
    version, folder, proof, inner = pickle.loads(packed)
    if proof and _proof(folder) != proof:
        raise LabError(
            f"{folder} is not the driver's folder of results; give a --results on a file system "
            "that all machines share, or in a bucket"
        )
    try:
        function, task = pickle.loads(inner)
    except LabError:
        raise
    except Exception as error:
        raise LabError(
            f"scaling-lab {_version()} cannot read a task of scaling-lab {version} "
            f"({type(error).__name__}: {error}); install the driver's version"
        ) from error
    return function(task, folder, link)


def _pack(function: Callable[..., Any], task: object, folder: str, proof: str) -> bytes:
    return pickle.dumps((_version(), folder, proof, pickle.dumps((function, task))))


def _version() -> str:
    return provenance.versions()["scaling-lab"]


def _leave_proof(folder: str) -> str:
    """Write a word into the folder that workers can find there; "" for a URL, which all can see."""
    if "://" in folder:
        return ""
    word = uuid.uuid4().hex
    (Path(folder) / SESSION).parent.mkdir(parents=True, exist_ok=True)
    write_whole(Path(folder) / SESSION, word.encode())
    return word


def _proof(folder: str) -> str:
    try:
        return (Path(folder) / SESSION).read_text()
    except OSError:
        return ""


def threads(count: int) -> dict[str, str]:
    """The environment of a worker that computes with that many threads; 0: one for each core.

    The first is XLA's, which has no other setting.
    """
    names = ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys(names, str(count)) if count else {}
