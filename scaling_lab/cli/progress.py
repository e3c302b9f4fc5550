"""The progress of `run` and `rerun`: a bar on a terminal, lines in a log file."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Self

from rich import progress

from ..engine.runner import Listener
from ..engine.work import Task
from ..plan import Plan, PlannedRun
from .console import duration, out


class Progress(Listener):
    """A bar whose remaining time is weighted by FLOP, and a line for each run that fails."""

    def __init__(self) -> None:
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TextColumn("{task.fields[runs]}"),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=out,
            disable=not out.is_terminal,
        )
        self.recorded = 0
        self.total = 0
        self.told = 0
        self.task: progress.TaskID | None = None

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def begin(self, plan: Plan, runs: int, flops: float) -> None:
        self.total = runs
        self.task = self.bar.add_task(plan.experiment, total=flops, runs=f"0/{self.total} runs")

    def advance(self, flops: float) -> None:
        if self.task is not None:
            self.bar.advance(self.task, flops)

    def ended(self, run: PlannedRun, status: str, reason: str | None) -> None:
        self.recorded += 1
        if status != "done":
            self.say(f"{status}: {run.name}: {reason}")
        if self.task is not None:
            self.bar.update(self.task, runs=f"{self.recorded}/{self.total} runs")
            self._log()

    def say(self, line: str) -> None:
        self.bar.console.print(line, soft_wrap=True, markup=False)

    def _log(self) -> None:
        """Without a terminal, print a line every tenth of the work, with the remaining time."""
        task = self.bar.tasks[0]
        share = 0.0 if not task.total else task.completed / task.total
        if out.is_terminal or int(10 * share) <= self.told:
            return
        self.told = int(10 * share)
        elapsed = task.elapsed or 0.0
        left = elapsed * (1 / max(share, 1e-9) - 1)
        self.say(
            f"{share:4.0%} of the FLOP, {self.recorded}/{self.total} runs, "
            f"{duration(elapsed)} gone, about {duration(max(0.0, left))} to go"
        )


class Rerun(Progress):
    """The progress of `rerun`, which is also the link of its only task."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__()
        self.stop = stop

    def start(self, task: Task) -> None:
        """The task is about to be trained."""
        self.begin(Plan(task.experiment, task.runs), len(task.runs), task.flops)

    def stopping(self) -> bool:
        return self.stop.is_set()

    def began(self, names: Sequence[str]) -> None:
        """Nothing to tell: there is no other task."""
