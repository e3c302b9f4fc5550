"""Registrations from git: texts without running old code, and runs that had a result by then."""

import json
import os
import subprocess
from dataclasses import asdict

import pytest

from scaling_lab import Claim, LabError, Store
from scaling_lab.registration import history, log, source, texts

FILE = '''"""Does it fall?

Question: Does it
fall?
Prediction: With alpha of {low} to 2.
Cost: none.
Command: scaling-lab run e90_it
"""
from scaling_lab import Claim
{made}
raise RuntimeError("an old version must not be run")
'''
PLAIN = (
    'claims = [Claim(name="L(D)", law="power_law", x="D", parameter="alpha", low={low}, high=2)]'
)
LOOP = """LOW = {low}
def made(x):
    return Claim(name=f"L({{x}})", law="power_law", x=x, parameter="alpha", low=LOW, high=2)
claims = tuple(made(x) for x in "D")"""


def claim(low):
    return asdict(Claim(name="L(D)", law="power_law", x="D", parameter="alpha", low=low, high=2.0))


class Repository:
    """A repository with an experiment, whose commits are made at given minutes."""

    def __init__(self, root):
        self.root, self.file = root, root / "experiments" / "e90_it.py"
        self.folder = root / "results" / "e90_it"
        self.file.parent.mkdir(parents=True)
        self.folder.mkdir(parents=True)
        self.git("init", "-q")

    def git(self, *words, minute=0):
        when = f"2026-01-01T00:{minute:02}:00Z"
        who = {f"GIT_{a}_{b}": "x@y" for a in ("AUTHOR", "COMMITTER") for b in ("NAME", "EMAIL")}
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        env = os.environ | who | dates | {"GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", "-C", self.root, *words], check=True, env=env)

    def commit(self, minute, low=None, made=PLAIN, file=None):
        if low is not None:
            (file or self.file).write_text(FILE.format(low=low, made=made.format(low=low)))
        self.git("add", "-A", minute=minute)
        self.git("commit", "-qm", "a thought", minute=minute)

    def record(self, *names, minute, status="done"):
        rows = [
            {
                "experiment": "e90_it",
                "run": name,
                "fingerprint": "f",
                "status": status,
                "started": f"2026-01-01T00:{minute - 1:02}:30Z",
                "finished": f"2026-01-01T00:{minute:02}:00Z",
            }
            for name in names
        ]
        Store(self.folder, "e90_it").append(rows, [])

    def define(self, low):
        text = {"question": "Does it fall?", "prediction": f"With alpha of {low} to 2."}
        text |= {"name": "e90_it", "claims": [claim(low)]}
        (self.folder / "experiment.json").write_text(json.dumps(text))


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def test_versions_are_dated_against_the_runs(repository):
    repository.commit(1, low=0.1)
    repository.record("a", "b", minute=5)
    repository.record("c", minute=6, status="failed")
    repository.commit(10, low=0.2)
    repository.commit(11, low=0.2, made=PLAIN + "\nother = 1")  # the same texts
    repository.record("d", minute=20)
    found = history.entries(repository.file, repository.folder)
    assert [(e.time[14:16], e.recorded, e.earlier) for e in found] == [("01", 0, 0), ("10", 2, 0)]
    assert found[0].began == "2026-01-01T00:04:30Z"
    assert [claim["low"] for e in found for claim in e.texts.claims] == [0.1, 0.2]
    said = {"question": "Does it fall?", "prediction": "With alpha of 0.2 to 2."}
    assert found[1].digest == texts.of(said | {"claims": [claim(0.2)]}).digest
    assert {(e.source, e.how) for e in found} == {("git", "texts read from the file")}


def test_runs_of_an_earlier_grid_that_was_committed_count(repository):
    repository.commit(1, low=0.1)
    repository.record("a", "b", minute=5)
    repository.commit(6)
    for kind in ("runs", "curves"):
        for part in (repository.folder / kind).iterdir():
            part.unlink()
    repository.record("a", minute=8)
    repository.commit(10, low=0.2)
    (_, second) = history.entries(repository.file, repository.folder)
    assert (second.recorded, second.earlier) == (1, 2)


def test_a_file_that_was_renamed_keeps_its_history(repository):
    old = repository.file.with_name("e89_before.py")
    repository.commit(1, low=0.1, file=old)
    old.rename(repository.file)
    repository.commit(2)
    repository.commit(3, low=0.2)
    assert len(history.entries(repository.file, repository.folder)) == 2


def test_claims_that_code_makes_are_those_of_a_definition_made_by_the_same_code(repository):
    repository.commit(1, low=0.1, made=LOOP)
    repository.commit(2, low=0.2, made=LOOP)
    repository.define(0.2)
    repository.commit(3)
    repository.commit(4, low=0.3, made=LOOP)
    unknown, known, late = history.entries(repository.file, repository.folder)
    assert unknown.texts.claims is None
    assert "unknown: code makes them" in unknown.how
    assert known.texts.claims == texts.canonical([claim(0.2)])
    assert "as experiment.json has them in commit" in known.how
    assert late.texts.claims is None  # the definition is of another version


def test_entries_are_added_once(repository):
    repository.commit(1, low=0.1)
    assert history.add(repository.file, repository.folder)[1] == 1
    assert history.add(repository.file, repository.folder)[1] == 0
    repository.commit(2, low=0.2)
    found, count = history.add(repository.file, repository.folder)
    assert count == 1
    assert found.broken == ()
    assert log.read(repository.folder) == found


def test_a_file_outside_git_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    file = tmp_path / "e90_it.py"
    file.write_text(FILE)
    with pytest.raises(LabError, match="git has no history of"):
        history.entries(file, tmp_path)


def test_source_that_only_looks_like_claims_is_not_read():
    read = source.read
    assert read("claims = (Claim('L(D)', low=1),)").claims is None
    assert read("claims = (Claim(name='L(D)', low=1 / 3),)").claims is None
    assert read("claims = (Claim(name='L(D)', low=-1.5),)").claims == [
        {"name": "L(D)", "low": -1.5}
    ]
    assert read("claims = ()").claims == read("base = 1").claims == []
    assert read("claims = (") is None
    a, b = read("S = 1\nclaims = f(S)"), read("S = 2\nclaims = f(S)")
    assert a.made_by != b.made_by


def test_the_newest_registration_of_every_result_is_its_definition(root):
    folders = [path.parent for path in (root / "results").glob("*/registered.jsonl")]
    assert len(folders) >= 8
    for folder in folders:
        found = log.read(folder)
        definition = json.loads((folder / "experiment.json").read_text())
        assert found.broken == (), folder
        assert found.last.digest == texts.of(definition).digest, folder
