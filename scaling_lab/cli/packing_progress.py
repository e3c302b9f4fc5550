"""The progress of `data pack`: a bar on a terminal, lines in a log file."""

from __future__ import annotations

import time
from pathlib import Path

from rich import progress

from ..images import packing
from .console import duration, out

LINES_EVERY = 30.0  # s, without a terminal


class PackingProgress(packing.Progress):
    """A bar with the time that is left, and a line for each image that is left out."""

    def __init__(self) -> None:
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=out,
            disable=not out.is_terminal,
        )
        self.reading = self.bar.add_task("reading", total=None)
        self.packing: progress.TaskID | None = None
        self.total = self.done = self.before = 0
        self.began = self.told = time.monotonic()

    def __enter__(self) -> PackingProgress:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def read(self, path: Path) -> None:
        self.bar.advance(self.reading)

    def begin(self, total: int, done: int) -> None:
        self.bar.remove_task(self.reading)
        self.packing = self.bar.add_task("packing", total=total, completed=done)
        self.total, self.done, self.before = total, done, done
        self.began = self.told = time.monotonic()
        if done:
            self.say(f"{done:,} of {total:,} images were packed before")

    def left_out(self, image: str, reason: str) -> None:
        self.say(f"left out: {image}: {reason}")

    def advance(self) -> None:
        self.done += 1
        if self.packing is not None:
            self.bar.advance(self.packing)
        now = time.monotonic()
        if not out.is_terminal and now - self.told >= LINES_EVERY:
            self.told = now
            left = (now - self.began) * (self.total - self.done) / (self.done - self.before)
            self.say(f"{self.done:,} of {self.total:,} images, about {duration(left)} to go")

    def say(self, line: str) -> None:
        self.bar.console.print(line, soft_wrap=True, markup=False)
