"""The commands of docs/design-an-experiment.md run, and what they print is what it says."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from scaling_lab import cli


@pytest.fixture
def call(capsys):
    """Call the command line in this process: (exit status, what it printed, what it complained)."""

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call


@pytest.fixture
def table(tmp_path):
    n, d = (v.ravel() for v in np.meshgrid(np.geomspace(1e6, 1e8, 4), np.geomspace(1e8, 1e10, 4)))
    noise = 0.005 * np.random.default_rng(0).standard_normal(16)
    loss = (1.7 + 400 * n**-0.34 + 400 * d**-0.28) * np.exp(noise)
    path = tmp_path / "runs.csv"
    pd.DataFrame({"N": n, "D": d, "L": loss}).to_csv(path, index=False)
    return path


def test_the_commands_of_the_page_run(root, call, table, tmp_path):
    page = (root / "docs" / "design-an-experiment.md").read_text()
    commands = re.findall(r"^scaling-lab (.*)$", page, re.MULTILINE)
    assert len(commands) == 4
    said = []
    for command in commands:
        words = [one or other for one, other in re.findall(r'"([^"]*)"|(\S+)', command)]
        words = [str(table) if word == "runs.csv" else word for word in words]
        words = [str(root / word) if word.startswith("tests/") else word for word in words]
        if words[1].endswith(".py"):
            words += ["--results", str(tmp_path)]
        code, out, err = call(*words)
        assert code == 0, err
        said.append(out)
    plan, grid, following, region = said
    assert "claim 'L(D)': P(decided) 0.00; levels: 3 of D, needed 6" in plan
    assert "FLOP more" in plan
    assert "claim 'L(D)' cannot be decided by this grid: " in plan
    assert "levels: 3 of D (needed: 6" in plan
    assert "by 2 simulated experiments" in grid
    assert following.count("N=2000/") == 6  # three runs, at two learning rates each
    assert "expected error of the losses where C > 1e21" in region


def test_a_proposal_is_json_too(root, call, tmp_path):
    tiny = root / "tests" / "tiny_experiment.py"
    words = ("--budget", "1e12", "--simulations", 0, "--json", "--results", tmp_path)
    code, out, _ = call("design", tiny, *words)
    assert code == 0
    (card,) = json.loads(out)
    assert card["claim"] == "L(D)"
    assert card["rehearsed"] is None
    assert card["cost"] <= 1e12


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["TINY", "--budget", "much"], "is no number of FLOP and no time"),
        (["TINY", "--budget", "-3s"], "is not above 0"),
        (["TINY", "--claim", "L(d)"], "did you mean 'L(D)'"),
        (["TINY", "--target", "C > 1"], "are for tables"),
        (["TABLE", "--law", "chinchilla"], "needs --law and --target"),
        (["TABLE", "--law", "chinchilla", "--target", "C > 1e20"], "--budget FLOP, or --next K"),
    ],
)
def test_what_is_wrong_is_one_line(root, call, table, words, said):
    tiny = root / "tests" / "tiny_experiment.py"
    found = [{"TINY": tiny, "TABLE": table}.get(word, word) for word in words]
    code, _, err = call("design", *found)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
