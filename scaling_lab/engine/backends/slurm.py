"""Slurm, through submitit: an ensemble a job (`pip install 'scaling-lab[slurm]'`).

Driver and jobs share a file system and speak through files there, in a folder of the session:

    driver     touched by the driver every few seconds: a job whose driver is gone saves and ends
    stop       asks all jobs to save and end
    N.told     what the job of task N tells, one pickled message after another

A job that is preempted, or reaches its time limit, is queued again and resumes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ...errors import LabError
from ...registry import register
from .. import workers
from ..training.trainer import Interrupted
from . import Link

Task = TypeVar("Task")
Result = TypeVar("Result")

EVERY = 0.5  # s between two looks at the files of jobs
TOUCH = 5.0  # s between two signs of life of the driver
SESSION = "session-"
GONE = 300.0  # s without one after which a job believes that the driver is gone


@register("backend", "slurm")
@dataclass(frozen=True, kw_only=True)
class Slurm:
    """partition, account, qos, constraint: as `sbatch` takes them; "": its own defaults.

    cpus, gpus, memory_gb, minutes: of a job, which computes with that many threads; 0 GB: the
    partition's default. jobs: queued or running at the same time. retries: how often an ensemble
    whose job was lost is tried again. folder: on a file system that all machines share; "": the
    folder of results. cluster: "slurm", or "local" for jobs that are processes of this machine.
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    cpus: int = 1
    gpus: int = 0
    memory_gb: float = 0.0
    minutes: int = 24 * 60
    jobs: int = 64
    retries: int = workers.RETRIES
    folder: str = ""
    cluster: str = "slurm"

    def __post_init__(self):
        if self.cluster not in ("slurm", "local"):
            raise LabError(f"cluster is '{self.cluster}'; give 'slurm' or 'local'")
        if min(self.cpus, self.minutes, self.jobs) < 1 or min(self.gpus, self.retries) < 0:
            raise LabError("cpus, minutes and jobs are 1 or more; gpus and retries 0 or more")

    @property
    def workers(self) -> int:
        return self.jobs

    @property
    def beside(self) -> int:
        return self.jobs if self.cluster == "local" and not self.gpus else 1

    def run(
        self,
        function: Callable[[Task, str, Link], Result],
        tasks: Sequence[Task],
        folder: str,
        link: Link,
    ) -> Iterator[tuple[Task, Result | BaseException]]:
        if "://" in folder and not self.folder:
            raise LabError(
                "the Slurm backend needs a folder that all machines share beside a bucket; give "
                "--backend-option folder=/shared/place"
            )
        # The results have a lock, so that no other driver uses this place.
        mark = hashlib.sha256(folder.encode()).hexdigest()[:12]
        home = Path(self.folder, "slurm", mark) if self.folder else Path(folder, ".work", "slurm")
        pool = _Pool(self, home.resolve())
        try:
            yield from workers.run(pool, function, tasks, folder, link, self.retries)
        finally:
            pool.close()

    def close(self) -> None:
        """Nothing is kept between two calls of `run`."""


@dataclass
class _Session:
    """The folder of a session, as a job sees it."""

    folder: Path
    at: int
    seen: tuple[float, float] = (0.0, 0.0)  # time of the driver's file, and ours when it changed

    def send(self, method: str, value: Any) -> None:
        with contextlib.suppress(OSError), open(self.folder / f"{self.at}.told", "ab") as file:
            file.write(pickle.dumps((method, value)))

    def stopping(self) -> bool:
        """Raises Interrupted, with nothing saved, if another driver has begun."""
        try:
            touched = (self.folder / "driver").stat().st_mtime
        except FileNotFoundError:
            raise Interrupted from None
        if touched != self.seen[0]:
            self.seen = touched, time.monotonic()
        return (self.folder / "stop").exists() or time.monotonic() - self.seen[1] > GONE


@dataclass
class _Job:
    """What a job calls; submitit calls `checkpoint` when it has to make room."""

    session: _Session
    packed: bytes
    threads: int

    def __call__(self) -> bytes:
        os.environ.update(workers.threads(self.threads))
        try:
            self.session.stopping()
        except Interrupted as error:
            return pickle.dumps(error)
        link = workers.Reports(self.session.send, self.session.stopping)
        return workers.perform(self.packed, link)

    def checkpoint(self) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass
class _Pool:
    backend: Slurm
    home: Path
    given: dict[int, Any] = field(default_factory=dict)  # number -> submitit's job
    read: dict[int, int] = field(default_factory=dict)  # number -> bytes of its messages
    touched: float = 0.0
    stopped: bool = False

    def __post_init__(self) -> None:
        try:
            import submitit
        except ImportError as error:
            raise LabError(
                "the Slurm backend needs submitit; run pip install 'scaling-lab[slurm]'"
            ) from error
        # The lock of the results is held, so that other sessions are of drivers that have ended.
        for other in self.home.glob(f"{SESSION}*"):
            shutil.rmtree(other, ignore_errors=True)
        self.session = self.home / f"{SESSION}{uuid.uuid4().hex[:12]}"
        self.session.mkdir(parents=True)
        self._touch()
        try:
            self.executor = submitit.AutoExecutor(
                folder=self.session / "jobs", cluster=self.backend.cluster
            )
            self.executor.update_parameters(**self._parameters())
        except Exception as error:
            raise LabError(f"cannot use Slurm from this machine: {error}") from error

    def _parameters(self) -> dict[str, Any]:
        given = self.backend
        names = {"partition": given.partition, "account": given.account, "qos": given.qos}
        names |= {"constraint": given.constraint}
        found: dict[str, Any] = {f"slurm_{name}": value for name, value in names.items() if value}
        found |= {"name": "scaling-lab", "timeout_min": given.minutes, "cpus_per_task": given.cpus}
        if given.gpus:
            found["gpus_per_node"] = given.gpus
        if given.memory_gb:
            found["mem_gb"] = given.memory_gb
        return found

    def free(self) -> bool:
        return len(self.given) < self.backend.jobs

    def begin(self, at: int, packed: bytes) -> None:
        job = _Job(_Session(self.session, at), packed, self.backend.cpus)
        # A local job inherits the mask: Ctrl-C reaches the driver alone, which passes it on.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.given[at] = self.executor.submit(job)
        except Exception as error:
            raise LabError(f"Slurm takes no job: {_line(error)}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def events(self) -> Iterator[workers.Event]:
        time.sleep(EVERY)
        self._touch()
        for at, job in list(self.given.items()):
            ended = job.done()
            yield from self._told(at)
            if ended:
                del self.given[at]
                yield self._end(at, job)

    def _told(self, at: int) -> Iterator[workers.Told]:
        """New messages of a job; one that is not written to its end is read the next time."""
        try:
            with open(self.session / f"{at}.told", "rb") as file:
                file.seek(self.read.get(at, 0))
                text = io.BytesIO(file.read())
        except OSError:
            return
        while True:
            try:
                message = pickle.load(text)
            except (EOFError, pickle.UnpicklingError):
                return
            self.read[at] = self.read.get(at, 0) + text.tell()
            text = io.BytesIO(text.read())
            yield workers.Told(at, *message)

    def _end(self, at: int, job: Any) -> workers.Event:
        if not job.paths.result_pickle.exists():
            job._results_timeout_s = 0 if self.backend.cluster == "local" else 15
        from submitit.core.utils import UncompletedJobError

        try:
            return workers.Ended(at, job.result())
        except Exception as error:
            if self.stopped:
                return workers.Cancelled(at)
            said = "" if isinstance(error, UncompletedJobError) else f": {_line(error)}"
            return workers.Lost(at, f"job {job.job_id} ended as {job.state}{said}{self._log(job)}")

    def _log(self, job: Any) -> str:
        """Where the log of a lost job is kept."""
        kept = self.home / f"lost-{job.job_id}.log"
        with contextlib.suppress(OSError):
            shutil.copyfile(job.paths.stderr, kept)
            return f", see {kept}"
        return ""

    def _touch(self) -> None:
        if time.monotonic() - self.touched > TOUCH:
            try:
                (self.session / "driver").touch()
            except OSError as error:
                raise LabError(
                    f"{self.session} cannot be written ({error.strerror}): its jobs end by "
                    "themselves; run the experiment again to go on"
                ) from error
            self.touched = time.monotonic()

    def stop(self) -> None:
        self.stopped = True
        with contextlib.suppress(OSError):
            (self.session / "stop").touch()
        for job in self.given.values():
            if job.state == "PENDING":
                job.cancel()

    def kill(self) -> None:
        for job in self.given.values():
            with contextlib.suppress(Exception):
                job.cancel()

    def close(self) -> None:
        """Remove the session; a job that is still there ends when it misses it."""
        shutil.rmtree(self.session, ignore_errors=True)


def _line(error: BaseException) -> str:
    """The first line of an error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
