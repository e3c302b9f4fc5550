"""`scaling-lab estimate` as a person meets it."""

import json
import subprocess
import sys

import pytest

from scaling_lab import cli

CARD = "results/e02_mnist_mlp/fits/l_c_on_the_frontier.json"
OTHER = "results/e02_mnist_mlp/fits/l_d_at_the_largest_model.json"


@pytest.fixture
def call(capsys, root, monkeypatch):
    """Call the command line in this process, at the root: (exit status, out, err)."""

    def call(*words):
        monkeypatch.chdir(root)
        with pytest.raises(SystemExit) as ended:
            cli.main(["estimate", *(str(word) for word in words)])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call


def test_without_a_name_it_lists_every_domain(call):
    code, out, _ = call()
    assert code == 0
    assert "brain.flops_per_second" in out
    assert "10^15 (10^13.8 to 10^16.2) FLOP/s" in out
    assert out.index("layer.forward") < out.index("mnist.training") < out.index("evolution.flops")


def test_a_name_prints_sheets(call):
    code, out, _ = call("life")
    assert code == 0
    assert "training a human brain for thirty years: 10^24 (" in out
    assert "× 9.5e8 (6.3e8 to 1.4e9) s" in out
    assert "the talk, Why Now?" in out
    code, out, _ = call("life.flops", "--json")
    tree = json.loads(out)["life.flops"]
    assert tree["unit"] == "FLOP"
    assert tree["low"] < 9.467e23 < tree["high"]


def test_the_talk_is_a_table(call, monkeypatch):
    code, out, _ = call("talk")
    assert code == 0
    words = " ".join(out.split())
    assert "follows from" in words
    assert "660,000" in words


def test_history_tells_doubling_times(call, tmp_path):
    code, out, _ = call("history")
    assert code == 0
    assert "(OpenAI): doubles every 3.39 months (2.19 to 7.49, 6 systems)" in out
    path = tmp_path / "systems.csv"
    rows = [f"s{year},{year}-01-01,{10.0 ** (year - 2000)}" for year in range(2010, 2026)]
    path.write_text("\n".join(["system,date,flop", *rows]))
    code, out, _ = call("history", "--csv", path, "--figure", tmp_path / "history.png")
    assert code == 0
    assert "2018 to 2025: doubles every 3.61 months" in out
    assert (tmp_path / "history.png").stat().st_size > 10_000


def test_compare_reads_a_law_at_the_landmarks(call, tmp_path):
    code, out, _ = call("compare", "--fit", CARD, "--figure", tmp_path / "laws.svg")
    assert code == 0
    assert "a human life" in out
    assert "+11.9" in out
    assert "wild extrapolation" in out
    assert (tmp_path / "laws.svg").is_file()
    code, out, _ = call("compare", "--fit", CARD, "--fit", OTHER, "--json")
    assert [told["axis"] for told in json.loads(out)] == ["C", "D"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["brian"], "did you mean 'brain'"),
        (["brain.flops"], "unknown estimate 'brain.flops'"),
        (["compare"], "--fit"),
        (["compare", "--fit", "none.json"], "cannot read the fit card none.json"),
        (["compare", "--fit", "README.md"], "README.md is not JSON"),
        (["compare", "--fit", CARD, "--figure", "x.txt"], "format of a figure"),
        (["history", "--csv", "README.md"], "is not a .csv"),
        (["history", "--csv", "none.csv"], "none.csv"),
        (["talk", "--jsn"], "--jsn"),
    ],
)
def test_what_is_wrong_gets_one_line_and_status_2(call, words, message):
    code, out, err = call(*words)
    assert code == 2
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("scaling-lab: ")
    assert message in err
    assert "record-setters" not in out


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from scaling_lab import cli\n"
        "try:\n    cli.main(['estimate', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('jax', 'scipy', 'pint', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "scaling-lab estimate life.flops" in done.stdout
    assert done.stdout.strip().splitlines()[-1] == "[]"
