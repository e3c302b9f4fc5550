"""Runs that start from others, on the command line: what `plan` says, when `run` refuses."""

import pytest

from scaling_lab import cli

DOC = '"""{title}.\n\nQuestion: ?\nPrediction: .\nCost: .\nCommand: .\n"""\n'
BASE = """
from scaling_lab import MLP, Digits, Recipe, Run, Snapshots, Supervised, axis, parents, product

base = Run(
    learner=Supervised(), data=Digits(), model=MLP(depth=1, width=8),
    recipe=Recipe(batch_size=32), D=100, steps=20,
)
"""
OLD = """
grid = product(axis("model.width", [4, 8]), axis("seed", [0, 1]))
keep = "seed == 0"
snapshots = Snapshots(first=5)
"""
NEW = """
grid = product(parents("old", axes=["model.width"]), axis("D", [50, 60]), axis("data_seed", [1]))
"""


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Call the command line in a folder with two experiments: exit status, output, complaint."""
    (tmp_path / "experiments").mkdir()
    for name, text in (("old", OLD), ("new", NEW)):
        (tmp_path / "experiments" / f"{name}.py").write_text(DOC.format(title=name) + BASE + text)
    monkeypatch.chdir(tmp_path)

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main([*words])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call


def test_plan_says_what_runs_start_from_and_run_refuses_without_it(call):
    code, out, _ = call("plan", "new")
    assert code == 0
    assert "4 runs start from 2 kept runs of old." in out
    said = "model.width=4/parent=old(model.width=4, seed=0)/D=50/data_seed=1 starts from "
    said += "old(model.width=4, seed=0), which is not recorded in results/old; first: "
    said += "scaling-lab run old"
    assert f"cannot start: {said}" in out
    code, out, complaint = call("run", "new")
    assert (code, complaint) == (2, f"scaling-lab: {said}\n")

    code, out, _ = call("plan", "old")
    kept = sum((64 + 1) * w + (w + 1) * 10 for w in (4, 8)) * 4
    said = f"2 runs ({kept / 1e3:.3g} kB) and 4 snapshots of them ({kept / 5e2:.3g} kB)."
    assert f"Keeps the parameters of {said}" in out
    assert call("run", "old", "--width", "2")[0] == 0
    code, out, _ = call("plan", "new")
    assert "4 runs start from 2 kept runs of old; share of N taken: 1; new: nothing." in out
    assert "cannot start" not in out
    code, out, complaint = call("run", "new", "--width", "2")
    assert (code, complaint.count("\n") > 1) == (0, False)
    assert "4 runs start from 2 kept runs of old" in out
    code, out, _ = call("status", "new")
    assert "4 done" in out
