"""Ray: an ensemble a task, on a cluster or on this machine (`pip install 'scaling-lab[ray]'`).

Ray places the tasks and carries tasks and results. Its own retries are off, so that each loss is
told; and since a killed Ray daemon can leave `ray.get` waiting for ever, the driver itself checks
that the cluster still answers.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ...errors import LabError
from ...registry import register
from .. import workers
from . import Link

Task = TypeVar("Task")
Result = TypeVar("Result")

Message = tuple[Any, ...]  # number of the pool, of the task, method and value: see workers.Told

EVERY = 0.5  # s between two looks at what workers have said


@register("backend", "ray")
@dataclass(frozen=True, kw_only=True)
class Ray:
    """address: of a running cluster, as `ray.init` takes it; "": $RAY_ADDRESS, or this machine.

    cpus: of a task, which computes with that many threads. gpus: of a task; -1: one if the cluster
    has any. memory_gb: of a task; 0: not reserved. retries: how often an ensemble whose worker was
    lost is tried again. patience: s without an answer after which the cluster counts as lost.
    """

    address: str = ""
    cpus: int = 1
    gpus: int = -1
    memory_gb: float = 0.0
    retries: int = workers.RETRIES
    patience: float = 20.0
    joined: list[_Cluster] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self):
        if self.cpus < 1 or self.gpus < -1 or self.retries < 0 or self.patience <= 0:
            raise LabError(
                "cpus is 1 or more, gpus -1 or more, retries 0 or more, patience above 0"
            )

    @property
    def workers(self) -> int:
        have, need = self._cluster().resources, self.needs
        return max(1, min(int(have.get(name, 0) // n) for name, n in need.items() if n))

    @property
    def beside(self) -> int:
        return 1 if self.needs["GPU"] else max(1, self._cluster().most // self.cpus)

    @property
    def needs(self) -> dict[str, float]:
        """Ray's resources of a task."""
        gpus = self.gpus if self.gpus >= 0 else min(1, int(self._cluster().resources.get("GPU", 0)))
        return {"CPU": self.cpus, "GPU": gpus, "memory": self.memory_gb * 1e9}

    def run(
        self,
        function: Callable[[Task, str, Link], Result],
        tasks: Sequence[Task],
        folder: str,
        link: Link,
    ) -> Iterator[tuple[Task, Result | BaseException]]:
        if lacking := self._cluster().lacks(self.needs):
            link.say(f"no machine of the Ray cluster has {lacking} for a task; waiting for one")
        pool = _Pool(self._cluster(), self.needs, self.patience)
        return workers.run(pool, function, tasks, folder, link, self.retries)

    def close(self) -> None:
        while self.joined:
            self.joined.pop().leave()

    def _cluster(self) -> _Cluster:
        if not self.joined:
            self.joined.append(_Cluster(self.address))
        return self.joined[0]


class _Cluster:
    """A cluster that this process has joined, or started."""

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError as error:
            raise LabError(
                "the Ray backend needs Ray; run pip install 'scaling-lab[ray]'"
            ) from error
        self.ray, self.ours = ray, not ray.is_initialized()
        if self.ours:
            self._join(address)
        try:
            nodes = [node for node in ray.nodes() if node["Alive"]]
            self.each = [node["Resources"] for node in nodes]
            self.resources = ray.cluster_resources()
            here = ray.get_runtime_context().get_node_id()
        except Exception as error:
            raise LabError(f"Ray does not answer: {_line(error)}") from error
        self.mailbox, self.numbers = self._mailbox(here), itertools.count()
        self.most = max((int(has.get("CPU", 0)) for has in self.each), default=1)
        if address.startswith("ray://"):
            places = [address.removeprefix("ray://")]
        else:
            places = [ray.get_runtime_context().gcs_address]
            places += [
                f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"
                for node in nodes
                if node["NodeID"] == here
            ]
        self.places = [(host, int(port)) for host, _, port in (p.rpartition(":") for p in places)]

    def _join(self, address: str) -> None:
        _require_listener(address or os.environ.get("RAY_ADDRESS", ""))
        logging.getLogger("ray").setLevel(logging.ERROR)
        # Ray takes over the signals of its driver, and prints what its daemons log.
        main = threading.current_thread() is threading.main_thread()
        before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM) if main}
        try:
            with warnings.catch_warnings():
                # JAX warns of forks, but here a program is executed at once.
                warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
                self.ray.init(
                    address=address or None,
                    include_dashboard=None if address else False,
                    log_to_driver=False,
                    configure_logging=False,
                )
        except Exception as error:
            where = f"join the Ray cluster at {address}" if address else "start Ray"
            raise LabError(f"cannot {where}: {_line(error)}") from error
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        with contextlib.suppress(AttributeError):
            self.ray._private.worker._worker_logs_enabled = False

    def _mailbox(self, node: str) -> Any:
        """The mailbox, on the driver's machine; if that is lost, so is the driver."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        near = NodeAffinitySchedulingStrategy(node, soft=True)
        options = {"num_cpus": 0, "max_restarts": -1, "scheduling_strategy": near}
        mailbox = self.ray.remote(_Mailbox).options(**options).remote()
        self.ray.wait([mailbox.take.remote()], timeout=60)  # until it has started
        return mailbox

    def lacks(self, needs: dict[str, float]) -> str:
        """What no node has enough of; "" if one has all."""
        fits = [all(has.get(name, 0) >= n for name, n in needs.items()) for has in self.each]
        if any(fits):
            return ""
        return " and ".join(f"{n:g} {name}" for name, n in needs.items() if n)

    def answers(self) -> bool:
        """Whether the cluster's head and the daemon of this machine accept connections."""
        try:
            for place in self.places:
                socket.create_connection(place, timeout=2).close()
        except OSError:
            return False
        return True

    def leave(self) -> None:
        """Leave the cluster, or end it if it was started here."""
        if self.ours:
            leaving = threading.Thread(target=self.ray.shutdown, daemon=True)
            leaving.start()
            leaving.join(20)  # it may wait for a cluster that is lost


class _Mailbox:
    """An actor that keeps the messages of workers until the driver takes them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def put(self, *message: Any) -> None:
        self.messages.append(message)

    def take(self) -> list[Message]:
        taken, self.messages = self.messages, []
        return taken


def _perform(number: int, at: int, packed: bytes, mailbox: Any) -> bytes:
    """Run a task on a worker. `ray.cancel` arrives there as SIGINT."""

    import ray
    from ray.exceptions import RayError

    def send(method: str, value: Any) -> None:
        sent.append(mailbox.put.remote(number, at, method, value))
        if method == "began":  # even if the worker dies at once
            arrive()
        del sent[:-1]

    def arrive() -> None:
        with contextlib.suppress(RayError):  # the mailbox may be on a lost machine
            ray.get(sent, timeout=5)

    sent: list[Any] = []
    stop = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        result = workers.perform(packed, workers.Reports(send, stop.is_set))
        arrive()  # all messages before the result
    finally:
        signal.signal(signal.SIGINT, before)
    return result


class _Pool:
    def __init__(self, cluster: _Cluster, needs: dict[str, float], patience: float) -> None:
        self.ray, self.cluster, self.patience = cluster.ray, cluster, patience
        self.number, self.mailbox = next(cluster.numbers), cluster.mailbox
        options = {"num_cpus": needs["CPU"], "num_gpus": needs["GPU"], "max_retries": 0}
        if needs["memory"]:
            options["memory"] = needs["memory"]
        environment = {"env_vars": workers.threads(int(needs["CPU"]))}
        self.perform = self.ray.remote(_perform).options(**options, runtime_env=environment)
        self.tasks: dict[Any, int] = {}  # reference -> number
        self.stopped = 0.0
        self.heard = time.monotonic()  # that the cluster answered

    def free(self) -> bool:
        return True  # Ray has a queue of its own

    def begin(self, at: int, packed: bytes) -> None:
        self.tasks[self.perform.remote(self.number, at, packed, self.mailbox)] = at

    def events(self) -> Iterator[workers.Event]:
        ended, _ = self.ray.wait([*self.tasks], num_returns=len(self.tasks), timeout=EVERY)
        yield from self._told()
        for reference in ended:
            yield self._end(self.tasks.pop(reference), reference)
        self._check(self.patience)
        if self.stopped and time.monotonic() - self.stopped > 5:
            self.stop()  # one that was just beginning may not have noticed

    def _told(self) -> Iterator[workers.Told]:
        try:
            taken = self.ray.get(self.mailbox.take.remote(), timeout=5)
        except self.ray.exceptions.RayError:  # its machine was lost: it is started on another
            return
        for number, *message in taken:
            if number == self.number:
                yield workers.Told(*message)

    def _end(self, at: int, reference: Any) -> workers.Event:
        try:
            return workers.Ended(at, self.ray.get(reference, timeout=self.patience))
        except self.ray.exceptions.TaskCancelledError:
            return workers.Cancelled(at)
        except self.ray.exceptions.RayError as error:
            self._check(patience=0)
            return workers.Lost(at, _line(error))

    def _check(self, patience: float) -> None:
        """Raise LabError if the cluster has not answered for longer than this, in s."""
        if time.monotonic() - self.heard < 2:
            return
        if self.cluster.answers():
            self.heard = time.monotonic()
        elif (silent := time.monotonic() - self.heard) > patience:
            raise LabError(
                f"Ray has not answered for {silent:.0f} s: its daemon on this machine or its head "
                "has died; everything recorded is kept, run again to go on"
            )

    def stop(self) -> None:
        self.stopped = time.monotonic()
        for reference in self.tasks:
            # What it has sent to the mailbox is not cancelled with it.
            self.ray.cancel(reference, recursive=False)

    def kill(self) -> None:
        for reference in self.tasks:
            with contextlib.suppress(Exception):
                self.ray.cancel(reference, force=True)


def _require_listener(address: str) -> None:
    """Raises LabError if nothing listens at HOST:PORT or ray://HOST:PORT.

    Ray would try for minutes, printing warnings. Other addresses, such as "auto", it resolves
    itself.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise LabError(
            f"no Ray cluster answers at {address} ({why}); correct the address, or start one "
            "there with 'ray start --head'"
        ) from error


def _line(error: BaseException) -> str:
    """The first sentence of an error of Ray's."""
    said = (str(error).strip().splitlines() or [""])[0].partition(". ")[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
