"""What the ensembles of a process share: compiled programs, and data on the devices.

Each is made once, by the first thread that asks for it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .. import config, identity
from ..errors import LabError
from ..protocols import Tree
from .training import program
from .training.placement import Placement, place
from .training.program import Program

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass
class Workspace:
    """Programs by static choice and width, arrays by data source, learner and placement."""

    programs: dict[tuple[str, int], Program] = field(default_factory=dict)
    data: dict[str, Tree] = field(default_factory=dict)
    digests: dict[Any, tuple[str | None]] = field(default_factory=dict)
    planned: dict[str, tuple[str, str]] = field(default_factory=dict)
    locks: dict[tuple[int, Hashable], threading.Lock] = field(default_factory=dict)

    def program(self, key: str, run: config.Run, width: int) -> Program:
        """The program of a run's static choice, which `key` stands for, at a width."""

        def build() -> Program:
            placement = place(run, width)
            return program.build(run, width, self.arrays(run, placement), placement)

        return self._once(self.programs, (key, width), build)

    def arrays(self, run: config.Run, placement: Placement, fingerprint: str | None = None) -> Tree:
        """The data of the run's learner on the devices of a placement.

        fingerprint: the run's, as planned. Raises LabError if the data have changed since then.
        """
        self.data_digest(run)  # of the files as they are before they are read
        parts = config.to_dict(run)
        key = json.dumps([parts["data"], parts["learner"], placement.kind])
        data = self._once(self.data, key, lambda: program.load(run, placement))
        if fingerprint is not None:
            # Data that are in memory stay as they are, whatever becomes of their files.
            now = self._once(self.planned, key, lambda: (_fingerprint(run), fingerprint))
            if now[0] != now[1]:
                raise LabError(
                    "the data have changed since the runs were planned; run the experiment again"
                )
        return data

    def data_digest(self, run: config.Run) -> str | None:
        """The digest of the files of a run's data, as they were when this workspace read them."""
        (found,) = self._once(self.digests, run.data, lambda: (identity.data_digest(run.data),))
        return found

    def _once(self, made: dict[K, V], key: K, make: Callable[[], V]) -> V:
        with self.locks.setdefault((id(made), key), threading.Lock()):
            found = made.get(key)
            if found is None:
                found = made[key] = make()
            return found


def _fingerprint(run: config.Run) -> str:
    """The fingerprint with the data as they are now: a run keeps what it knew of its files."""
    return config.fingerprint(config.from_dict(config.to_dict(run)))


_current = Workspace()


def current() -> Workspace:
    """The workspace of this process."""
    return _current


def clear() -> None:
    """Give back the memory of all programs and data."""
    global _current
    _current = Workspace()
