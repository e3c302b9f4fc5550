"""Compiling the programs of the next ensembles while the first ones train.

Only on an accelerator: on a CPU, training and compiling compete for the same cores.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import jax

from . import workspace
from .backends import Backend
from .backends.local import Local
from .work import Task


def worthwhile(backend: Backend) -> bool:
    """Whether this process trains, and on something else than the cores that compile."""
    return isinstance(backend, Local) and jax.local_devices()[0].platform != "cpu"


@contextmanager
def compiled(tasks: Sequence[Task], stopping: Callable[[], bool]) -> Iterator[None]:
    """Compile the tasks' programs in order, in a thread that ends with the context.

    The workspace makes each program once: whoever needs one that is being compiled waits for it.
    If compiling fails, the ensemble that needs the program tries again, and the error is its own.
    Once `stopping` returns True, nothing more is begun.
    """
    here, ended = workspace.current(), threading.Event()

    def compile_all() -> None:
        for task in tasks:
            if ended.is_set() or stopping():
                return
            with suppress(Exception):
                here.program(task.program, task.runs[0].cell.run, task.width)

    thread = threading.Thread(target=compile_all, name="compile ahead", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
