"""What git says of a file; nothing where it cannot answer."""

import subprocess

from scaling_lab import git


def test_a_file_is_clean_only_as_it_was_committed(tmp_path):
    def do(*words):
        who = ("-c", "user.name=x", "-c", "user.email=x@y")
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True)

    do("init")
    file, beside = tmp_path / "e90.py", tmp_path / "other.py"
    file.write_text("1")
    beside.write_text("1")
    do("add", "other.py")
    do("commit", "-m", "a thought")
    commit, dirty = git.state(file)
    assert len(commit) == 40
    assert dirty  # not committed
    do("add", "e90.py")
    do("commit", "-m", "another")
    beside.write_text("2")
    assert git.state(file)[1] is False
    file.write_text("2")
    assert git.state(file)[1] is True


def test_outside_a_repository_and_without_git_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git.state(tmp_path / "e90.py") == (None, None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.state(tmp_path / "e90.py") == (None, None)
