"""Values that are slow to compute and decided by a key, kept in the user's cache as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..errors import LabError
from .atomic import write_whole
from .cache import cache_path


def remembered(folder: str, key: object, make: Callable[[], Any]) -> Any:
    """The value of a key, from the cache or from `make`; plain values, as JSON gives them back.

    folder: in the cache. key: all that decides the value; its repr counts.
    """
    place = None
    name = hashlib.sha256(repr(key).encode()).hexdigest()[:24]
    with suppress(LabError, OSError, ValueError):  # without a cache it is made each time
        place = cache_path(folder, f"{name}.json")
        return json.loads(place.read_bytes())
    text = json.dumps(make())
    if place is not None:
        with suppress(LabError):
            write_whole(place, text.encode())
    return json.loads(text)
