"""Questions to git about a file or folder; None where git cannot answer."""

from __future__ import annotations

import subprocess
from pathlib import Path

SECONDS = 30.0


def ask(folder: Path, *words: str) -> bytes | None:
    """What `git -C folder WORDS` prints; None outside a repository and where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def text(folder: Path, *words: str) -> str | None:
    """The same as text, without white space around it."""
    found = ask(folder, *words)
    return None if found is None else found.decode(errors="replace").strip()


def state(path: Path) -> tuple[str | None, bool | None]:
    """The commit that is checked out around a file or folder, and whether this has changes.

    A file that git does not hold counts as changed. (None, None) outside a repository.
    """
    folder = path if path.is_dir() else path.parent
    commit = text(folder, "rev-parse", "HEAD")
    changes = text(folder, "status", "--porcelain", "--ignored", "--", str(path.resolve()))
    return commit, None if commit is None or changes is None else bool(changes)
