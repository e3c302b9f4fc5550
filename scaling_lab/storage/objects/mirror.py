"""Results on an object store, mirrored in a local folder that everything reads and writes.

    s3://BUCKET/PREFIX/NAME/runs/PART  <->  CACHE/mirrors/s3/BUCKET/PREFIX/NAME/runs/PART

Either name follows from the other, so a mirrored path needs no registration: `storage.atomic`
publishes every change below it, and `pull` fetches what others have published. Only
`.work`, the folder of locks and checkpoints, is local, except the files in SHARED.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from ...errors import LabError
from ..cache import cache_path
from .buckets import SCHEMES, Bucket, endpoint, plain

LOCAL = ".work"
SHARED = ("widths.json",)  # without the same widths, another machine could not use checkpoints

# Path("s3://bucket/prefix") has lost a slash.
_URL = re.compile(rf"({'|'.join((*SCHEMES, 'file'))}):/{{1,2}}(.*)", re.DOTALL)


class Object(NamedTuple):
    """An object: its bucket and its key there."""

    bucket: Bucket
    key: str

    @property
    def url(self) -> str:
        """Its URL."""
        return self.bucket.url(self.key)


def is_url(text: str | Path) -> bool:
    """Whether a text is the URL of an object store or of a file."""
    return _URL.fullmatch(str(text)) is not None


def opened(text: str | Path) -> Path:
    """The local folder (or file) of a path or URL; nothing is fetched.

    Raises LabError for a URL without a bucket, or with parts such as "..".
    """
    found = _URL.fullmatch(str(text))
    if not found:
        return Path(text)
    scheme, rest = found.groups()
    if scheme == "file":
        return Path("/" + rest.lstrip("/"))
    name = rest.strip("/")
    if not plain(name):
        raise LabError(f"{text} is not {scheme}://BUCKET/PREFIX; give a bucket, and plain names")
    return _home(scheme).joinpath(*name.split("/"))


def address(path: Path) -> str:
    """The URL of a mirrored path; the path itself if it is an ordinary one."""
    found = object_of(path)
    return found.url if found else str(path)


def object_of(path: Path) -> Object | None:
    """The object that a path mirrors, or None for an ordinary path."""
    absolute = path.absolute()
    for scheme in SCHEMES:
        try:
            home = _home(scheme)
        except LabError:  # there is no cache
            return None
        if home in absolute.parents:
            bucket, *key = absolute.relative_to(home).parts
            return Object(Bucket(scheme, bucket), "/".join(key))
    return None


def published(path: Path) -> Object | None:
    """The object that a change of this path must change; None for an ordinary or a local path."""
    found = object_of(path)
    if found and LOCAL in found.key.split("/") and path.name not in SHARED:
        return None
    return found


def _home(scheme: str) -> Path:
    """The folder of all mirrors of a scheme; other endpoints have other buckets."""
    where = endpoint(scheme)
    mark = f"-{hashlib.sha256(where.encode()).hexdigest()[:8]}" if where else ""
    return Path(os.path.realpath(cache_path("mirrors"))) / f"{scheme}{mark}"
