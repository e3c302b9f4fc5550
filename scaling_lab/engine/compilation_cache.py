"""The persistent cache of compiled programs: a program is compiled once per machine.

Programs are cached however fast they compiled. Hits and misses are counted across processes, for
`scaling-lab doctor`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from functools import cache as once
from pathlib import Path

import jax

from ..errors import LabError
from ..storage.atomic import write_whole
from ..storage.cache import cache_path

EVENTS = {
    "/jax/compilation_cache/cache_hits": "hits",
    "/jax/compilation_cache/cache_misses": "misses",
}

_seen: Counter[str] = Counter()


def keep() -> None:
    """Turn the cache on, in $JAX_COMPILATION_CACHE_DIR if that is set.

    If nothing can be written there, each process compiles its own programs.
    """
    if not jax.config.values["jax_compilation_cache_dir"]:
        with contextlib.suppress(LabError, OSError):
            place = cache_path("programs")
            place.mkdir(parents=True, exist_ok=True)
            if os.access(place, os.W_OK):
                jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    _listen()


def folder() -> Path:
    """The folder of compiled programs."""
    return Path(jax.config.values["jax_compilation_cache_dir"] or cache_path("programs"))


def counts() -> Counter[str]:
    """Hits and misses of all processes so far, this one's included."""
    try:
        before = json.loads(_file().read_text())
    except (OSError, ValueError):
        before = {}
    return Counter(before) + _seen


def remember() -> None:
    """Add this process's hits and misses to the stored counts."""
    total = counts()
    _seen.clear()
    with contextlib.suppress(LabError):  # losing the counts is no reason to fail
        write_whole(_file(), json.dumps(total).encode())


def _file() -> Path:
    return cache_path("programs.json")


@once
def _listen() -> None:
    def heard(event: str, **_: object) -> None:
        if event in EVENTS:
            _seen[EVENTS[event]] += 1

    jax.monitoring.register_event_listener(heard)
