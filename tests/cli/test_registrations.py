"""What status, plan and registrations say of the log."""

import json

import pytest

from scaling_lab import Store, cli
from scaling_lab.registration import log, texts


@pytest.fixture
def call(capsys):
    """Call the command line in this process: (exit status, what it printed and complained)."""

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
        said = capsys.readouterr()
        return ended.value.code, " ".join((said.out + said.err).split())

    return call


@pytest.fixture
def experiment(tmp_path, root):
    """A copy of the tiny experiment outside git, that predicts a number without a claim."""
    text = (root / "tests" / "tiny_experiment.py").read_text()
    (tmp_path / "e90_tiny.py").write_text(text.replace("It does.", "It does, 17.5 times."))
    return tmp_path / "e90_tiny.py"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Its results, registered before its one run and after it, in other words than today's."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    made = tmp_path / "results" / "e90_tiny"
    row = {"experiment": "e90_tiny", "run": "a", "fingerprint": "f", "status": "done"}
    Store(made, "e90_tiny").append([row], [{**row, "step": 1}])
    for recorded, prediction in enumerate(("It does.", "It does not.")):
        said = texts.of({"question": "Does it?", "prediction": prediction})
        log.register(made, said, recorded=recorded)
    return made


def test_status_and_registrations_tell_when_and_that_the_chain_is_broken(call, experiment, folder):
    where = ("--results", folder.parent)
    code, said = call("registrations", experiment, *where)
    assert code == 0
    assert "before any run; amended" in said
    assert "after 1 run" in said
    assert "warning" not in said
    assert "before any run; amended" in call("status", experiment, *where)[1]
    whole = (folder / log.REGISTERED).read_bytes()
    (folder / log.REGISTERED).write_bytes(whole.replace(b"It does.", b"It did."))
    for verb in ("status", "registrations"):
        code, said = call(verb, experiment, *where)
        assert code == 0
        assert "warning: the chain of registered.jsonl is broken at line 1" in said


def test_plan_tells_what_is_amended_and_which_numbers_no_claim_holds(call, experiment, folder):
    code, said = call("plan", experiment, "--results", folder.parent)
    assert code == 0
    assert "amended: question, prediction or claims are not those registered on" in said
    assert "the next run registers the change, after 1 run" in said
    assert "What the prediction says and no claim holds: '17.5 times'" in said


@pytest.mark.parametrize(
    ("results", "words"),
    [("results", "git has no history of"), ("nowhere", "holds no results; run")],
)
def test_what_git_does_not_know_is_one_line(call, experiment, folder, results, words):
    where = ("--results", folder.parent.parent / results)
    code, said = call("registrations", experiment, "--from-git", *where)
    assert code == 2
    assert words in said
    assert not json.loads((folder / log.REGISTERED).read_text().splitlines()[-1])["how"]
