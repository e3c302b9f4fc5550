"""The command line as a person meets it: verbs, examples, one clear line for what is wrong."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from scaling_lab import Store, cli
from scaling_lab.storage.locks import lock

VERBS = ["plan", "run", "status", "fit", "compare", "report", "export", "data", "doctor"]
VERBS += ["design", "atlas", "registrations", "rerun", "laws", "estimate", "ngram", "data pack"]


@pytest.fixture
def call(capsys):
    """Call the command line in this process: (exit status, what it printed, what it complained)."""

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call


@pytest.fixture(scope="module")
def done(root, tmp_path_factory):
    """A results folder with the tiny experiment in it."""
    from scaling_lab import experiment
    from scaling_lab.engine import runner

    folder = tmp_path_factory.mktemp("results")
    runner.run(experiment.load(str(root / "tests" / "tiny_experiment.py")), folder, width=1)
    return folder


@pytest.fixture
def tiny(root):
    return root / "tests" / "tiny_experiment.py"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_examples(call, verb):
    code, out, _ = call(*verb.split(), "--help")
    assert code == 0
    assert "Example" in out
    assert f"scaling-lab {verb}" in out


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "scaling_lab", "--help"], capture_output=True, text=True, check=True
    )
    assert all(verb.split()[0] in done.stdout for verb in VERBS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plna", "x"], "plan"),
        (["run", "--limt", "3"], "--limit"),
        (["plan", "experiments/none.py"], "no experiment file experiments/none.py"),
        (["plan", "e01_digits_mpl"], "did you mean 'e01_digits_mlp'"),
        (["plan", "README.md"], "README.md is not a .py file"),
        (["plan", "TINY", "-o", "nonsense=3"], "unknown axis 'nonsense'; there are: "),
        (["data", "mnits"], "did you mean 'mnist'"),
        (["plan", "TINY", "-o", "D"], "write e.g. D=100,1000"),
        (["plan", "TINY", "-o", "D=many"], "give whole numbers"),
        (["plan", "TINY", "-o", "widht=3"], "did you mean 'width'"),
        (["run", "TINY", "--only", "D == 61"], 'no run of tiny_experiment meets --only "D == 61"'),
        (["status", "TINY", "--only", "depth == 1"], "unknown axis 'depth'"),
        (["plan", "TINY", "--only", ""], "it is empty"),
        (["run", "TINY", "--results", "/proc/none"], "cannot write /proc/none"),
        (["run", "TINY", "--limit", "0"], "--limit"),
        (["fit", "DONE", "--law", "pwer_law", "--columns", "N=N,L=test_loss"], "power_law"),
        (["fit", "DONE", "--law", "power_law", "--columns", "N=N,L=tst_loss"], "test_loss"),
        (["fit", "DONE", "--law", "power_law", "--columns", "N=N"], "no column for L"),
        (["fit", "DONE", "--law", "power_law", "--where", " "], "the condition is empty"),
        (["fit", "/none.csv", "--law", "power_law", "--columns", "N=N,L=L"], "/none.csv"),
        (["report", "tiny_experimnt"], "did you mean 'tiny_experiment'"),
        (["export", "tiny_experiment", "--format", "cvs"], "did you mean 'csv'"),
        (["data", "text"], "name it, as in Text(path='notes/')"),
        (["ngram", "stdlb"], "did you mean 'stdlib'"),
        (["ngram", "mnist"], "not a source of running text"),
        (["ngram", "stdlib", "--tokens", "chracter"], "did you mean 'character'"),
        (["ngram", "/proc/self/exe"], "is binary"),
        (["baseline", "e02_mnist_mlp"], "e02_mnist_mlp trains no language models"),
        (["baseline", "e12_translation"], "name an experiment whose learner is Language"),
        (["sample", "e02_mnist_mlp"], "e02_mnist_mlp trains no language models"),
        (["pictures", "e02_mnist_mlp"], "learner supervised of e02_mnist_mlp makes no pictures"),
        (["embedding", "TINY", "dog"], "tiny_experiment does not learn from text"),
        (["embedding", "TINY", "a", "b", "--figure", "FIGURE"], "three words or more"),
        (["embedding", "TINY", "a", "a", "a", "--figure", "FIGURE"], "there are 1"),
    ],
)
def test_what_is_wrong_gets_one_line_and_status_2(
    call, root, tiny, done, monkeypatch, words, message
):
    monkeypatch.chdir(root)
    names = {"TINY": tiny, "DONE": done / "tiny_experiment", "FIGURE": done / "words.png"}
    words = [names.get(word, word) for word in words]
    if words[0] in ("report", "export"):
        words += ["--results", done]
    code, _, err = call(*words)
    assert code == 2
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("scaling-lab: ")
    assert message in err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"power_law"', '"pwer_law"', "claim 'L(D)': unknown law 'pwer_law'"),
        ('"alpha"', '"alhpa"', "claim 'L(D)': unknown parameter 'alhpa'"),
        ("N == N.max()", "NN == NN.max()", "claim 'L(D)': "),
        (
            'where="',
            'loss="best_tst_loss", where="',
            "claim 'L(D)': unknown column 'best_tst_loss'",
        ),
        ("MLP(depth=1)", "Wrong(depth=1)", "N of group 'other' is declared as"),
    ],
)
@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_plan_stops_at_what_would_be_found_after_training(
    call, tiny, tmp_path, verb, old, new, message
):
    """Claims about what does not exist, and a cost that is wrong; nothing is trained."""
    from scaling_lab import registry

    text = tiny.read_text().replace(old, new)
    assert text != tiny.read_text()
    wrong = """
import dataclasses
from scaling_lab import register

@register("model", "wrong")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Wrong(MLP):
    def cost(self, spec):
        cost = super().cost(spec)
        return dataclasses.replace(cost, N={**cost.N, "other": cost.N["other"] + 1})

base = """
    (tmp_path / "changed.py").write_text(text.replace("\nbase = ", wrong, 1))
    with registry.scratch():
        code, _, err = call(verb, tmp_path / "changed.py", "--results", tmp_path / "results")
    assert code == 2
    assert len(err.strip().splitlines()) == 1, err
    assert message in err
    assert not (tmp_path / "results").exists()


def test_plan_tells_the_grid_and_what_is_done(call, tiny, done):
    code, out, _ = call("plan", tiny, "--results", done)
    assert code == 0
    assert "12 runs, 2 programs" in out
    assert "12 done" in out
    code, out, _ = call("plan", tiny, "--results", done, "-o", "D=60,90")
    assert "8 runs, 2 programs" in out
    assert "4 done, 4 missing" in out
    assert re.search(r"To train: 4 runs, .* FLOP, about", out)


def test_part_of_a_grid_can_be_asked_for(call, tiny, done, tmp_path):
    """The keep condition and the definition are of the whole grid all the same."""
    text = tiny.read_text().replace("claims =", 'keep = "D == max(D)"\nclaims =')
    (tmp_path / "tiny_experiment.py").write_text(text)
    only = ("--only", "N == 600 and D == 60", "--results", tmp_path)
    code, out, _ = call("run", tmp_path / "tiny_experiment.py", "--width", "1", *only)
    assert code == 0
    assert "tiny_experiment: 2 done in" in out
    assert "2 done\n" in call("status", tiny, *only)[1]
    assert "2 runs, 1 program, " in call("plan", tiny, *only)[1]
    assert "2 done, 10 missing" in call("status", tiny, "--results", tmp_path)[1]
    folder = tmp_path / "tiny_experiment"
    assert json.loads((folder / "experiment.json").read_text())["runs"] == 12
    assert not (folder / "parameters").exists()


def test_status_tells_states_damage_and_change(call, tiny, done):
    code, out, _ = call("status", tiny, "--results", done)
    assert code == 0
    assert "12 done" in out
    _, out, _ = call("status", tiny, "--results", done, "-o", "batch_size=16")
    assert "12 done" not in out


def test_rerun_compares_a_recorded_run(call, tiny, done, tmp_path):
    where = ("--results", done)
    name = "N=600/D=60/learning_rate=0.003"
    code, out, _ = call("rerun", tiny, name, *where)
    assert code == 0
    assert "to the last bit" in out
    store = Store(done / "tiny_experiment")
    runs = store.runs(config=True)
    (row,) = runs[runs["run"] == name].astype(object).where(runs.notna(), None).to_dict("records")
    other = Store(tmp_path / "tiny_experiment")
    other.append([row | {"test_loss": 2 * row["test_loss"], "environment": None}], [])
    elsewhere = ("--results", tmp_path)
    code, out, _ = call("rerun", row["fingerprint"], *elsewhere)
    assert code == 1
    assert f"test_loss: recorded {2 * row['test_loss']!r}, now {row['test_loss']!r}" in out
    assert "the record does not tell: environment" in out
    for words, told in (
        (("rerun", tiny, "none"), "no recorded run of tiny_experiment is 'none'"),
        (("rerun", tiny), "lacks a run"),
        (("rerun", "abcdef12"), "has the fingerprint 'abcdef12'"),
    ):
        code, _, err = call(*words, *where)
        assert code == 2
        assert len(err.splitlines()) == 1
        assert told in err


def test_status_plan_and_run_name_what_they_do_not_count(call, tiny, done, tmp_path):
    folder = tmp_path / "tiny_experiment"
    shutil.copytree(done / "tiny_experiment", folder)
    store = Store(folder)
    row = {"fingerprint": "f", "status": "done"}
    store.append([row | {"experiment": "tiny_experiment", "run": "N=600/D=7"}], [])
    store.append([row | {"experiment": "other", "run": "N=600/D=60/learning_rate=0.003"}], [])
    where = ("--results", tmp_path)
    for verb in ("status", "plan"):
        code, out, _ = call(verb, tiny, *where)
        assert code == 0
        assert "12 done" in out
        assert "not in the grid: 1 recorded runs, such as N=600/D=7; fits and reports leave" in out
    (line,) = [line for line in call("status", tiny, *where)[1].splitlines() if "ignored" in line]
    assert line.endswith(".parquet is not read: 1 row of experiment other")
    code, out, err = call("run", tiny, *where)
    assert code == 0
    assert "nothing to train" in out
    assert "is not read: 1 row of experiment other" in out + err
    code, _, err = call("fit", folder, "--law", "power_law", "--columns", "D=D,L=best_test_loss")
    assert code == 0
    assert "1 recorded runs that are not in the grid of" in err
    for part in (folder / "curves").iterdir():
        part.unlink()
    _, out, _ = call("status", tiny, *where)
    assert "0 done, 12 missing" in out
    assert "without its curves (their part is missing); the next run sets it aside" in out
    code, out, err = call("run", tiny, "--limit", "1", "--width", "1", *where)
    assert code == 0
    assert "1 done" in out
    assert "1 done, 11 missing" in call("status", tiny, *where)[1]


def test_what_the_tables_hold_cannot_command_the_terminal(call, tiny, tmp_path):
    folder = tmp_path / "tiny_experiment"
    row = {"experiment": "tiny_experiment", "fingerprint": "f", "status": "failed"}
    row |= {"run": "N=\x1b[2J\r", "reason": "\x1b]0;title\a\nsecond line [red]" + 9_999 * "x"}
    Store(folder).append([row, row | {"experiment": "\x1b[2J"}], [])
    with lock.held(folder):
        (folder / ".work" / "running.json").write_text('["\x1b[2J", 7, null]')
        code, out, _ = call("status", tiny, "--results", tmp_path)
        (folder / ".work" / "running.json").write_text("7")
        assert call("status", tiny, "--results", tmp_path)[0] == 0
    assert code == 0
    assert "failed: N=?[2J?: ?]0;title??second line [red]xxx" in out
    assert all(sign.isprintable() or sign == "\n" for sign in out)
    assert max(map(len, out.splitlines())) < 600


def test_fit_prints_a_table_or_a_card(call, done):
    table = ["fit", done / "tiny_experiment", "--law", "power_law"]
    table += ["--columns", "D=D,L=best_test_loss", "--where", "N == N.max()", "--bootstrap", "20"]
    code, out, _ = call(*table)
    assert code == 0
    assert "alpha" in out
    code, out, _ = call(*table, "--json")
    card = json.loads(out)
    assert card["law"] == "power_law"
    assert set(card["params"]["alpha"]) >= {"value", "low", "high"}


def test_report_ends_with_the_fit_table_and_the_page(call, done):
    code, out, _ = call("report", "tiny_experiment", "--results", done)
    assert code == 0
    assert "95% interval" in out
    assert "report.html" in out
    assert "a human life is 10^24" in out.splitlines()[-1]
    page = (done / "tiny_experiment" / "report.html").read_text()
    assert "Does a tiny MLP learn digits?" in page


def test_an_experiment_goes_by_one_spelling_as_by_another(call, tiny, done, tmp_path, monkeypatch):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "tiny_experiment.py").write_text(tiny.read_text())
    monkeypatch.chdir(tmp_path)
    for name in ("tiny", "tiny_experiment", "experiments/tiny_experiment.py"):
        for verb in (["plan"], ["status"], ["report"], ["export", "--to", tmp_path]):
            code, _, err = call(*verb, name, "--results", done)
            assert code == 0, (verb, name, err)
    monkeypatch.chdir(done)  # where no experiments are
    for name in ("tiny", "tiny_experiment", done / "tiny_experiment"):
        code, _, err = call("export", name, "--results", done, "--to", tmp_path)
        assert code == 0, (name, err)
    code, _, err = call("export", "elsewhere/tiny_experiment", "--results", done, "--to", tmp_path)
    assert code == 2
    assert "elsewhere/tiny_experiment holds no results" in err
    code, _, err = call("export", "tiny", "--results", tmp_path / "none")
    assert code == 2
    assert "no experiment 'tiny'" in err


def test_export_writes_the_tables(call, done, tmp_path):
    import pandas as pd

    for format, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        code, out, _ = call(
            "export", "tiny_experiment", "--results", done, "--to", tmp_path, "--format", format
        )
        assert code == 0
        assert "12 rows" in out
        assert len(read(tmp_path / f"tiny_experiment_runs.{format}")) == 12


def test_data_and_doctor_tell_what_is_here(call):
    code, out, _ = call("data")
    assert code == 0
    assert "digits" in out
    assert "mnist" in out
    code, out, _ = call("data", "digits")
    assert "digits.csv.gz" in out
    code, out, _ = call("doctor")
    assert code == 0
    assert "jax" in out
    assert "all is well" in out
    assert "hits" in out


def test_ngram_scores_a_file(call, tmp_path, monkeypatch):
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.txt").write_text("to be or not to be\n" * 200)
    code, out, _ = call("ngram", tmp_path / "a.txt", "--order", "4")
    assert code == 0
    assert "4-gram over 3,439 tokens (character, vocabulary 9)" in out
    nats = [float(found) for found in re.findall(r"([\d.]+) nats", out)]
    assert len(nats) == 2
    assert max(nats) < 0.2


def test_plan_shows_what_branches_save(call, tiny):
    _, out, _ = call("plan", tiny, "-o", "schedule=wsd", "-o", "steps=100,200,400")
    assert "saved" in out
    _, out, _ = call("plan", tiny, "-o", "schedule=cosine", "-o", "steps=100,200,400")
    assert "saved" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backend", "raay"], "unknown backend 'raay'; did you mean 'ray'?"),
        (["--backend", "slurm", "--backend-option", "partion=gpu"], "did you mean 'partition'?"),
        (
            ["--backend", "slurm", "--backend-option", "gpus"],
            "is not NAME=VALUE; write e.g. gpus=1",
        ),
        (["--backend", "process", "--backend-option", "retries=x"], "is 'x'; give an integer"),
        (["--backend", "ray", "--workers", "2"], "--workers is for the backends local and process"),
        (["--address", "auto"], "unknown option of backend local 'address'"),
    ],
)
def test_a_wrong_backend_is_one_line_before_anything_is_trained(call, tiny, tmp_path, words, said):
    code, _, error = call("run", tiny, "--results", tmp_path, *words)
    assert code == 2
    assert said in error
    assert error.count("\n") == 1
    assert not any(tmp_path.iterdir())
