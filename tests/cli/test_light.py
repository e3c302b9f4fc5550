"""Verbs that train nothing import nothing heavy, and what `status` keeps is dropped in time."""

import json
import os
import subprocess
import sys

import pytest

from scaling_lab import Store

HEAVY = ("jax", "flax", "optax", "scipy", "pandas", "matplotlib", "sklearn", "datasets")
PROGRAM = """
import json, sys
from scaling_lab import cli
code = 0
try:
    cli.main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
print(json.dumps([code, [*sys.modules]]), file=sys.stderr)
"""


@pytest.fixture
def call(tmp_path):
    """Call the command line in a process of its own, with a cache of its own."""

    def call(*words, cwd):
        env = os.environ | {"SCALING_LAB_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-c", PROGRAM, *map(str, words)]
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
        code, modules = json.loads(done.stderr.splitlines()[-1])
        return code, done.stdout, {name for name in HEAVY if name in modules}

    return call


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["wrong"], 2),
        (["plan", "e01_digits_mpl"], 2),
        (["run", "e01_digits_mpl"], 2),
        (["status", "e01_digits_mpl"], 2),
        (["registrations", "e11_isoflop"], 0),
        (["registrations", "e01_digits_mpl"], 2),
        (["laws"], 0),
        (["laws", "chinchila"], 2),
        (["data"], 0),
        (["data", "mnits"], 2),
        (["estimate", "--help"], 0),
        (["estimate", "brian"], 2),
        (["fit", "none.csv", "--help"], 0),
        (["fit", "none.csv", "--law", "chinchila"], 2),
        (["report", "e02_mnist_mpl"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_verb_that_trains_nothing_imports_nothing_heavy(call, root, words, code):
    ended, _, heavy = call(*words, cwd=root)
    assert ended == code
    assert heavy == set()


@pytest.fixture
def mine(root, tmp_path):
    """A folder with the tiny experiment, as one's own."""
    folder = tmp_path / "experiments"
    folder.mkdir()
    text = (root / "tests" / "tiny_experiment.py").read_text()
    (folder / "e50_tiny.py").write_text(text)
    return folder / "e50_tiny.py"


def test_status_reads_an_experiment_once(call, mine, tmp_path):
    rows = [{"experiment": mine.stem, "run": "D=7", "fingerprint": "f", "status": "done"}]
    Store(tmp_path / "results" / mine.stem).append(rows, [])
    _, first, heavy = call("status", cwd=tmp_path)
    assert "jax" in heavy
    _, second, heavy = call("status", cwd=tmp_path)
    assert heavy == set()
    assert first == second
    assert first.startswith("e50_tiny: 0 done, 12 missing\n  not in the grid: 1 recorded runs, ")


def test_a_second_plan_and_the_first_status_after_one_import_little(call, mine, tmp_path):
    # Claims are held against the grid as a table, which takes pandas.
    mine.write_text(mine.read_text().partition("claims = ")[0])
    _, first, _ = call("plan", "e50_tiny", cwd=tmp_path)  # loads the data, to count costs
    code, second, heavy = call("plan", "e50_tiny", cwd=tmp_path)
    assert (code, heavy) == (0, {"jax", "flax", "optax"})
    assert first == second
    code, out, heavy = call("status", cwd=tmp_path)
    assert (code, out, heavy) == (0, "e50_tiny: 0 done, 12 missing\n", set())


@pytest.mark.slow
def test_status_reads_an_experiment_again_if_its_file_or_one_beside_it_changes(
    call, mine, tmp_path
):
    beside = mine.with_name("sizes.py")
    beside.write_text("D = [60, 200]\n")
    text = mine.read_text().replace("[60, 200, 1_000]", "sizes.D")
    mine.write_text(text.replace("\nfrom scaling_lab", "\nimport sizes\nfrom scaling_lab", 1))
    for _ in range(2):
        assert call("status", cwd=tmp_path)[1] == "e50_tiny: 0 done, 8 missing\n"
    beside.write_text("D = [60, 200, 400, 800]\n")
    assert call("status", cwd=tmp_path)[1] == "e50_tiny: 0 done, 16 missing\n"
    mine.write_text(mine.read_text().replace("[600, 2_000]", "[600]"))
    assert call("status", cwd=tmp_path)[1] == "e50_tiny: 0 done, 8 missing\n"


@pytest.mark.slow
def test_status_with_an_override_is_of_that_grid(call, mine, tmp_path):
    assert call("status", cwd=tmp_path)[1] == "e50_tiny: 0 done, 12 missing\n"
    _, out, _ = call("status", "e50_tiny", "-o", "D=60", cwd=tmp_path)
    assert out == "e50_tiny: 0 done, 4 missing\n"
    assert call("status", cwd=tmp_path)[1] == "e50_tiny: 0 done, 12 missing\n"


@pytest.mark.slow
def test_fingerprints_that_follow_from_files_of_the_user_are_not_kept(call, mine, tmp_path):
    (tmp_path / "notes.txt").write_text("It rained again, and we read.\n" * 500)
    mine.write_text(
        mine.read_text().split("from scaling_lab")[0]
        + "from scaling_lab import Language, Recipe, Run, Text, Transformer, axis\n"
        "base = Run(learner=Language(context=8), data=Text(path='notes.txt'), D=64,\n"
        "           steps=10, model=Transformer(depth=1), recipe=Recipe(batch_size=4))\n"
        "grid = axis('D', [64, 128])\n"
    )
    for _ in range(2):
        _, out, heavy = call("status", cwd=tmp_path)
        assert out == "e50_tiny: 0 done, 2 missing\n"
        assert "jax" in heavy
