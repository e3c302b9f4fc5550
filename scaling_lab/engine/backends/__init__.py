"""Where ensembles are trained: in this process, in others, on a cluster; one backend per file.

A backend is a frozen dataclass of its options, registered as "backend". It calls a function on
tasks, wherever it likes, and yields each task with its result as it ends:

    run(function, tasks, folder, link) -> iterator of (task, result or exception)

    function     a function of a module, `function(task, folder, link)`: see `engine.work`
    tasks        plain data: they can be pickled
    folder       the experiment's results, a path or a URL
    link         between a worker and its driver

A worker writes checkpoints and kept parameters into the folder; the driver alone records.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

from ... import registry
from ...errors import LabError, unknown

Task = TypeVar("Task")
Result = TypeVar("Result")

KINDS = {int: "an integer", float: "a number", str: "a text"}


class Link(Protocol):
    """What a worker tells its driver, and whether the driver wants it to stop.

    A backend whose workers are other processes gives them a link of its own, which can be pickled,
    and passes on to the driver's link what comes through.
    """

    def stopping(self) -> bool:
        """Whether to save a checkpoint and raise Interrupted. Called every second or two."""
        ...

    def began(self, names: Sequence[str]) -> None:
        """These runs are in training now."""
        ...

    def advance(self, flops: float) -> None:
        """That many more FLOP are done."""
        ...

    def say(self, line: str) -> None:
        """A message for the user."""
        ...


@runtime_checkable
class Backend(Protocol):
    """A place to train in.

    workers: how many ensembles train at the same time, as far as is known.
    beside: how many of them share a worker's devices, itself included.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def workers(self) -> int: ...

    @property
    def beside(self) -> int: ...

    def run(
        self,
        function: Callable[[Task, str, Link], Result],
        tasks: Sequence[Task],
        folder: str,
        link: Link,
    ) -> Iterator[tuple[Task, Result | BaseException]]:
        """Call the function on each task; yield each with its result or exception as it ends.

        If the iterator is closed early, tasks that have not begun are dropped and those that have
        are waited for. Raises LabError if the place itself is lost.
        """
        ...

    def close(self) -> None:
        """End the workers, and give back what they hold. The next `run` starts others."""
        ...


def named(name: str, **options: object) -> Backend:
    """The backend of that name. Raises LabError for an unknown name or option.

    Options may be texts, as the command line gives them.
    """
    cls = registry.get("backend", name)
    fields = {one.name: one for one in dataclasses.fields(cls) if one.init}
    given = {}
    for option, value in options.items():
        if option not in fields:
            raise unknown(f"option of backend {name}", option, fields)
        kind = type(fields[option].default)
        try:
            given[option] = kind(value)
        except (TypeError, ValueError):
            raise LabError(
                f"option {option} of backend {name} is '{value}'; give {KINDS[kind]}"
            ) from None
    return cls(**given)
