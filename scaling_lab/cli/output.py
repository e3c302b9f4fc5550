"""Standard streams that can fail: a full disk, a terminal that was closed, a pipe without a reader.

A verb whose output is its purpose ends with one line. `run` outlasts its display: what can no
longer be shown is dropped, and training goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from ..errors import LabError

_dispensable = False


class _Guarded:
    """A text stream; `fail` receives the error of a write that fails, and later text is dropped."""

    def __init__(self, stream: TextIO, fail: Callable[[OSError], None]) -> None:
        self._stream, self._fail = stream, fail
        self._lost = False

    def write(self, text: str) -> int:
        try:
            if not self._lost:
                self._stream.write(text)
        except UnicodeEncodeError as error:
            self._stream.write(text.encode(error.encoding, "replace").decode(error.encoding))
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        try:
            if not self._lost:
                self._stream.flush()
        except OSError as error:
            self._lose(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _lose(self, error: OSError) -> None:
        self._lost = True
        with suppress(OSError):  # a stream of a test has no file descriptor
            # What is still buffered would fail again when the interpreter ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        self._fail(error)


@contextmanager
def guarded() -> Iterator[None]:
    """Guard standard output and standard error.

    If standard output fails, BrokenPipeError or LabError is raised where it was written, unless
    `outlast` was called. If standard error fails, its text is dropped.
    """
    global _dispensable
    before, _dispensable = (sys.stdout, sys.stderr), False
    try:
        if sys.stdout is not None:
            sys.stdout = _Guarded(sys.stdout, _fail)
        if sys.stderr is not None:
            sys.stderr = _Guarded(sys.stderr, lambda error: None)
        yield
    finally:
        sys.stdout, sys.stderr = before


def outlast() -> None:
    """From now on, standard output that fails is dropped, and standard error says so."""
    global _dispensable
    _dispensable = True


def _fail(error: OSError) -> None:
    if _dispensable:
        print(f"scaling-lab: output is lost ({error.strerror}); going on", file=sys.stderr)
    elif isinstance(error, BrokenPipeError):
        raise error
    else:
        raise LabError(f"cannot write the output: {error.strerror}; send it elsewhere")
