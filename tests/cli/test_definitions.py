"""What `status` keeps of experiments, and how it tells that records are of another definition."""

import os
import time

import pytest

from scaling_lab import cli, experiment, identity, opened_files, registry
from scaling_lab.cli import definitions

MODEL = """
from dataclasses import dataclass
from scaling_lab import MLP, register

@register("model", "kept_mine")
@dataclass(frozen=True, kw_only=True)
class Mine(MLP):
    extra: int = {extra}  # {words}
"""


@pytest.fixture
def mine(root, tmp_path, monkeypatch, own_cache):
    """An experiment of one's own that reads its sizes from a file, and a model from one beside."""
    monkeypatch.chdir(tmp_path)
    text = (root / "tests" / "tiny_experiment.py").read_text()
    sizes = "[int(size) for size in Path('sizes.csv').read_text().split(',')]"
    text = text.replace("[60, 200, 1_000]", sizes).replace("[600, 2_000]", "[600]")
    text = text.replace("[3e-3, 1e-2]", "[1e-2]").replace("MLP(depth=1)", "shapes.Mine(depth=1)")
    text = text.replace(
        "\nfrom scaling_lab", "\nfrom pathlib import Path\nimport shapes\nfrom scaling_lab", 1
    )
    (tmp_path / "sizes.csv").write_text("60,200")
    (tmp_path / "shapes.py").write_text(MODEL.format(extra=1, words="one"))
    (tmp_path / "e60_mine.py").write_text(text)
    earlier = time.time() - 60
    for name in ("sizes.csv", "shapes.py", "e60_mine.py"):
        os.utime(tmp_path / name, (earlier, earlier))
    with registry.scratch():
        yield tmp_path / "e60_mine.py"


def remembered(file):
    """Load and remember an experiment: what is recalled then."""
    began = definitions.now()
    found = experiment.load(str(file))
    definitions.remember(found, identity.identities(found.cells), began)
    return definitions.recall(file)


def test_what_is_recalled_is_what_was_remembered_until_a_file_changes(mine):
    found = experiment.load(str(mine))
    assert {"e60_mine.py", "sizes.csv", "shapes.py"} <= {path.name for path in found.behind}
    assert remembered(mine) == identity.identities(found.cells)
    mine.with_name("sizes.csv").write_text("60")
    assert definitions.recall(mine) is None
    remembered(mine)
    mine.with_name("shapes.py").write_text(MODEL.format(extra=2, words="two"))
    assert definitions.recall(mine) is None


def test_an_experiment_that_is_saved_while_it_is_loaded_is_not_remembered(mine):
    began = definitions.now()
    found = experiment.load(str(mine))
    runs = identity.identities(found.cells)
    mine.touch()  # a save just after it was read
    definitions.remember(found, runs, began)
    assert definitions.recall(mine) is None
    later = time.time() - 30
    os.utime(mine, (later, later))
    assert remembered(mine) is not None


def test_experiments_of_one_name_have_entries_of_their_own(mine, tmp_path):
    (tmp_path / "b").mkdir()
    copy = tmp_path / "b" / mine.name
    copy.write_text(mine.read_text())
    remembered(mine)
    assert definitions.recall(copy) is None


def test_data_that_appear_are_noticed(mine, tmp_path, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_DATA", str(tmp_path / "data"))
    text = mine.read_text().replace("Digits()", "Cifar10()").replace("Digits", "Cifar10, Digits")
    mine.write_text(text.replace("[600]", "[5_000]"))
    earlier = time.time() - 60
    os.utime(mine, (earlier, earlier))
    (tmp_path / "data").mkdir()
    assert {known.data for known in (remembered(mine) or {}).values()} == {None}
    assert definitions.recall(mine) is not None
    (tmp_path / "data" / "cifar10").mkdir()
    assert definitions.recall(mine) is None


def test_only_files_that_are_read_are_watched(tmp_path):
    (tmp_path / "read.txt").write_text("a")
    with opened_files.watched() as files:
        (tmp_path / "read.txt").read_text()
        (tmp_path / "written.txt").write_text("b")
        (tmp_path / "gone.txt").write_text("c")
        (tmp_path / "gone.txt").read_text()
        (tmp_path / "gone.txt").unlink()
    (tmp_path / "written.txt").read_text()
    assert files == [tmp_path / "read.txt"]


def test_status_tells_a_changed_default_and_changed_code(mine, capsys):
    def status():
        with pytest.raises(SystemExit):
            cli.main(["status", str(mine)])
        return capsys.readouterr().out

    def save(**texts):
        mine.with_name("shapes.py").write_text(MODEL.format(**texts))

    with pytest.raises(SystemExit):
        cli.main(["run", str(mine), "--width", "1"])
    capsys.readouterr()
    assert "e60_mine: 2 done\n" in status()
    assert "other code" not in status()
    save(extra=1, words="a changed line of code")
    told = status()
    assert "e60_mine: 2 done\n" in told
    assert "2 of 2 runs were trained by other code than today's" in told
    save(extra=3, words="another default")
    told = status()
    assert "0 done, 2 stale" in told
    assert "stale: model.extra: 1 -> 3 in 2 runs" in told
