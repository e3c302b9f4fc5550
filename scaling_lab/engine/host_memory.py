"""How much memory this process may use: the machine's, or less in a container or under a limit."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")


def limit(own: Path = Path("/proc/self/cgroup"), groups: Path = GROUPS) -> int:
    """Bytes: the least of the machine's memory, the control groups' limits and `ulimit -v`.

    own: names the control groups of this process. groups: where they are mounted (versions 1, 2).
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    if (virtual := resource.getrlimit(resource.RLIMIT_AS)[0]) != resource.RLIM_INFINITY:
        limits.append(virtual)
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                limits += _limits(groups, path, "memory.max")
            elif "memory" in controllers.split(","):
                limits += _limits(groups / "memory", path, "memory.limit_in_bytes")
    return min(limits)


def _limits(root: Path, path: str, name: str) -> list[int]:
    """The limits of a group and of those that it is in; a container sees only some of them."""
    found = []
    group = root / path.lstrip("/")
    for folder in [group, *group.parents]:
        if folder == root.parent:
            break
        with suppress(OSError, ValueError):  # "max" is none
            found.append(int((folder / name).read_text()))
    return found
