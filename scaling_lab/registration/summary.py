"""A log of registrations in a sentence: when the texts were registered, relative to the runs."""

from __future__ import annotations

from datetime import datetime

from .log import GIT, Entry, Log

SHORTLY = 60.0  # s before the next run within which a change is told to the second

UNKNOWN = "when it was made is not recorded"


def short(log: Log, total: int) -> str:
    """For a heading: "registered before any run", "amended after 36 of 68 runs".

    total: the number of runs that the experiment asks for.
    """
    if log.last is None:
        return UNKNOWN
    if len(log.entries) > 1 and log.last.seen:
        return f"amended {after(log.last, total)}"
    return f"registered {after(log.last, total)}"


def sentence(log: Log, total: int) -> str:
    """The whole of it, with the times (UTC): "Registered 2026-11-29 14:05, before any run."."""
    if log.last is None:
        return "No registration is recorded: when the prediction was made is unknown."
    first, last = log.entries[0], log.last
    said = f"{verb(first)} {moment(first)}, {after(first, total)}"
    if (count := len(log.entries) - 1) > 0:
        times = "" if count == 1 else f" {count} times, last"
        said += f"; amended{times} {moment(last)}, {after(last, total)}"
    if (seconds := _seconds_before(last)) is not None:
        said += f" (the next run began {seconds:.0f} s later)"
    made = " From the history of git." if any(e.source == GIT for e in log.entries) else ""
    return f"{said}.{made}"


def after(entry: Entry, total: int) -> str:
    """How many runs had a result by then: "before any run", "after 36 of 68 runs"."""
    if not entry.seen:
        return "before any run"
    of = f" of {total}" if entry.recorded <= total else ""
    parts = [f"{entry.recorded}{of} {_runs(entry.recorded)}"] if entry.recorded else []
    if entry.earlier:
        parts.append(f"{entry.earlier} {_runs(entry.earlier)} no longer in the tables")
    return f"after {' and '.join(parts)}"


def moment(entry: Entry) -> str:
    """The time of an entry, to the minute: 2026-11-29 14:05."""
    return entry.time[:16].replace("T", " ")


def verb(entry: Entry) -> str:
    """Registered, or, if the log has it from git, committed."""
    return "Committed" if entry.source == GIT else "Registered"


def _runs(count: int) -> str:
    return "run" if count == 1 else "runs"


def _seconds_before(entry: Entry) -> float | None:
    """How long before the next run an entry of git was made, if that was shortly before."""
    if entry.began is None:
        return None
    try:
        waited = datetime.fromisoformat(entry.began) - datetime.fromisoformat(entry.time)
    except (ValueError, TypeError):
        return None
    return waited.total_seconds() if 0 <= waited.total_seconds() < SHORTLY else None
