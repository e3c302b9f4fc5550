"""What backends cost, and what is lost when something is killed.

    python benchmarks/backends.py                # local, process, ray and slurm
    python benchmarks/backends.py process ray

For each backend: seconds until the first result of a task that does nothing, and for each further
one; seconds of `scaling-lab run` for one grid of 12 runs; and for each kill -9 in the midst of it,
what happened and what was lost. After a kill of the driver or of Ray's daemon, the same command is
given again. Nothing is lost if all rows recorded before the kill are there unchanged, and the
finished tables equal those of an uninterrupted local run, bit for bit. Slurm is submitit's local
executor, on this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import kills
import victims
from rich.console import Console
from rich.table import Table

OPTIONS = {"local": {}, "process": {}, "ray": {}, "slurm": {"cluster": "local", "jobs": "2"}}
TASKS = {"local": 200, "process": 200, "ray": 200, "slurm": 8}
# What is killed -> the processes of a driver that are it, by backend.
VICTIMS: Mapping[str, Callable[[int, str], list[int]]] = {
    "worker": lambda driver, name: victims.workers(driver, name),
    "node": lambda driver, name: victims.raylets(driver),
    "driver": lambda driver, name: [driver],
}
KILLED = {
    "local": ("driver",),
    "process": ("worker", "driver"),
    "ray": ("worker", "node", "driver"),
    "slurm": ("worker", "driver"),
}


def nothing(task: int, folder: str, link: object) -> int:
    """A task without work."""
    return task


class Link:
    """A driver's link that nobody listens to."""

    def stopping(self) -> bool:
        return False

    def began(self, names: object) -> None: ...

    def advance(self, flops: float) -> None: ...

    def say(self, line: str) -> None: ...


def cost(name: str, folder: Path) -> tuple[float, float]:
    """Seconds until the first result, and for each further task."""
    import backends  # by its name, under which workers find it

    from scaling_lab.engine.backends import named

    began = time.perf_counter()
    backend = named(name, **OPTIONS[name])
    next(iter(backend.run(backends.nothing, [0], str(folder), Link())))
    first, count = time.perf_counter() - began, TASKS[name]
    began = time.perf_counter()
    assert len(list(backend.run(backends.nothing, range(count), str(folder), Link()))) == count
    each = (time.perf_counter() - began) / count
    backend.close()
    return first, each


def killed(lab: kills.Laboratory, name: str, what: str) -> tuple[float, int]:
    """Seconds from a kill to the end of the run, and its exit status.

    Raises kills.Wrong if nothing could be killed, or something was lost.
    """
    driver = lab.begin()
    there: list[int] = []
    while driver.poll() is None and not (there and lab.count()):
        time.sleep(0.1)
        with contextlib.suppress(Exception):  # processes come and go
            there = VICTIMS[what](driver.pid, name)
    before = lab.recorded()
    if driver.poll() is not None:
        raise kills.Wrong("the run ended before the kill")
    os.kill(there[0], signal.SIGKILL)
    began = time.perf_counter()
    status = driver.wait(kills.PATIENCE)
    took = time.perf_counter() - began
    lab.finish()
    now = lab.recorded()
    if lost := [run for run in before if now.get(run) != before[run]]:
        raise kills.Wrong(f"{len(lost)} records lost or changed")
    return took, status


def main() -> int:
    """Measure, print a table; the exit status is 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("backends", nargs="*", help="by default all")
    parser.add_argument("--steps", type=int, default=20_000, help="of each run")
    asked = parser.parse_args()
    here = str(Path(__file__).resolve().parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    columns = ("backend", "first task, s", "each further, s", "grid, s")
    table = Table(*columns, "killed", "ended after, s", "with status", "lost")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / f"{kills.NAME}.py").write_text(kills.EXPERIMENT.format(steps=asked.steps, seeds=1))
        lab = kills.Laboratory(home, random.Random(0), f"{home}/whole")
        lab.finish()
        whole = lab.tables()
        for name in asked.backends or OPTIONS:
            lab.options = ("--backend", name)
            for option, value in OPTIONS[name].items():
                lab.options += ("--backend-option", f"{option}={value}")
            first, each = cost(name, home)
            lab.address, began = f"{home}/{name}", time.perf_counter()
            lab.finish()
            row = [name, f"{first:.1f}", f"{each:.4f}", f"{time.perf_counter() - began:.0f}"]
            kills.compare(whole, lab.tables())
            for what in KILLED[name]:
                lab.address = f"{home}/{name}-{what}"
                try:
                    took, status = killed(lab, name, what)
                    kills.compare(whole, lab.tables())
                    row += [what, f"{took:.0f}", str(status), "nothing"]
                except kills.Wrong as error:
                    wrong += 1
                    row += [what, "", "", str(error)]
                table.add_row(*row)
                print(*row, file=sys.stderr)
                row = [""] * 4
        if wrong:
            print((home / "log.txt").read_text()[-4000:], file=sys.stderr)
    Console().print(table)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
