"""Functions that the contract of backends calls on its workers, which import this module."""

import os
import signal
import time
from pathlib import Path

from scaling_lab import LabError
from scaling_lab.engine.training.trainer import Interrupted


class Foreign:
    """A task that only the process that made it can read, as if others had another version."""

    def __reduce__(self):
        return _read, (os.getpid(),)


def _read(pid):
    if pid != os.getpid():
        raise TypeError("Foreign() got an unexpected argument 'width'")
    return Foreign()


class Untold(Exception):
    """An exception that cannot be pickled."""

    def __init__(self, here, there):
        super().__init__("neither here nor there")


def work(task, folder, link):
    """What the task's name says."""
    link.began([task])
    if task == "fails":
        raise ValueError("no such luck")
    if task == "refuses":
        raise LabError("the data are not here; fetch them")
    if task == "untold":
        raise Untold(1, 2)
    link.advance(2.0)
    link.say(f"{task} is done")
    return task.upper()


def wait(task, folder, link):
    """Until the driver wants it to stop."""
    link.began([task])
    Path(folder, task).touch()
    while not link.stopping():
        time.sleep(0.05)
    Path(folder, f"{task} has stopped").touch()
    raise Interrupted


def die(task, folder, link):
    """Once, in the midst of the work, or every time."""
    link.began([task])
    link.advance(2.0)
    if task == "always" or not Path(folder, task).exists():
        Path(folder, task).touch()
        time.sleep(1)  # Ray sends messages in the background
        os.kill(os.getpid(), signal.SIGKILL)
    return task.upper()
