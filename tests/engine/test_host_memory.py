"""The memory that a process may use, as control groups and limits have it."""

import os
import resource

import pytest

from scaling_lab.engine import host_memory

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.fixture
def group(tmp_path):
    """Make control groups: group("0::/a/b", {"a/memory.max": "1000"}) is what limit() finds."""

    def found(own, files):
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "own").write_text(own)
        return host_memory.limit(tmp_path / "own", tmp_path / "groups")

    return found


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "2000\n", "a/memory.max": "1000\n"}, 1000),
        ("0::/a/b\n", {"a/b/memory.max": "2000\n", "a/memory.max": "max\n"}, 2000),
        ("0::/\n", {"memory.max": "3000\n"}, 3000),
        ("0::/not/mounted\n", {"memory.max": "3000\n"}, 3000),
        ("0::/a\n", {"a/memory.max": "max\n"}, MACHINE),
        ("3:cpu:/a\n5:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": "4000\n"}, 4000),
        ("5:memory:/\n", {"memory/memory.limit_in_bytes": f"{2**63 - 4096}\n"}, MACHINE),
        ("", {}, MACHINE),
    ],
)
def test_the_narrowest_limit_counts(group, own, files, limit):
    assert group(own, files) == limit


def test_a_limit_of_the_shell_counts(group, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (5000, 6000))
    assert group("", {}) == 5000
