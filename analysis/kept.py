"""Results kept in the user's cache, so that the next report makes only what has changed.

    with keeping(folder, made_by):
        ...
        found = kept(lambda: ["a fit", law, rows], lambda: solve(law, rows))

A result is JSON, found by the digest of all that it follows from: its key, and `made_by`, which
tells the versions and the source of what made it. Outside `keeping` everything is made anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scaling_lab.errors import LabError
from scaling_lab.storage.atomic import write_whole


class _Home(NamedTuple):
    """The folder of the results, the digest of what makes them, and the files that were used."""

    folder: Path
    made_by: str
    used: set[Path]


_home: ContextVar[_Home | None] = ContextVar("home of kept results", default=None)


@contextmanager
def keeping(folder: Path, made_by: str) -> Iterator[None]:
    """Keep results in this folder; those that were not used again are removed at the end."""
    home = _Home(folder, made_by, set())
    token = _home.set(home)
    try:
        yield
    finally:
        _home.reset(token)
    with suppress(OSError):
        for path in set(folder.glob("*.json")) - home.used:
            path.unlink(missing_ok=True)


def kept(
    key: Callable[[], Any],
    make: Callable[[], Any],
    valid: Callable[[Any], bool] = lambda result: True,
) -> Any:
    """The result that was kept under `key` if it is still `valid`, else a new one, which is kept.

    A key is JSON that may hold arrays. Both results went through JSON, so that they are equal.
    """
    home = _home.get()
    if home is None:
        return make()
    of = digest([home.made_by, key()])
    path = home.folder / f"{of}.json"
    home.used.add(path)
    with suppress(OSError, ValueError, TypeError, KeyError):  # none, or none of ours
        entry = json.loads(path.read_bytes())
        if entry["of"] == of and valid(entry["result"]):
            return entry["result"]
    text = json.dumps({"of": of, "result": make()})
    with suppress(LabError):  # a result that cannot be kept is a result all the same
        write_whole(path, text.encode())
    return json.loads(text)["result"]


def digest(value: Any) -> str:
    """The SHA-256 of a value: JSON that may hold arrays."""
    text = json.dumps(value, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype != object:
        return [str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).hexdigest()]
    return value.tolist()  # of numpy's numbers, and arrays of text
