"""fit and compare as a person meets them, on tables of anyone's."""

import json

import numpy as np
import pandas as pd
import pytest

from scaling_lab import cli

C = np.repeat(np.geomspace(6e18, 3e21, 5), 7)
N = 0.1 * np.sqrt(C) * np.tile(np.geomspace(1 / 5, 5, 7), 5)
FEW = "C > 7e18 or N > 3e8"
COLUMNS = "N=Model Size,C=Training FLOP,L=loss"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Runs of a known surface at five budgets, in anybody's columns."""
    random = np.random.default_rng(0)
    L = 1.82 + 478 * N**-0.347 + 2143 * (C / N / 6) ** -0.367
    L *= np.exp(0.002 * random.standard_normal(35))
    frame = pd.DataFrame({"Model Size": N, "Training FLOP": C, "loss": L, "seed": 0})
    path = tmp_path_factory.mktemp("tables") / "points.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def plain(table):
    """The same in columns named by role."""
    frame = pd.read_csv(table)
    frame.columns = ["N", "C", "L", "seed"]
    path = table.with_name("plain.csv")
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def call(capsys):
    """Call the command line in this process: (exit status, what it printed, what it complained)."""

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call


def fitted(table, *more, columns=COLUMNS):
    named = ["--columns", columns] if columns else []
    return ["fit", table, "--law", "chinchilla", *named, "--bootstrap", "20", *more]


def test_the_card_is_all_of_the_fit(call, table):
    code, out, err = call(*fitted(table, "--json", "--drop-worst", "2", "--delta", "0.01"))
    assert code == 0
    card = json.loads(out)
    assert card["law"] == "chinchilla"
    assert set(card["params"]["alpha"]) >= {"value", "low", "high"}
    assert card["params"]["alpha"]["low"] < card["params"]["alpha"]["high"]
    assert {"objective", "certificate", "warnings", "columns", "left_out", "versions"} <= set(card)
    assert len(card["left_out"]) == 2
    assert card["n"] == 33
    assert card["columns"]["D"] == "C/(6*N)"
    assert "D is computed as C/(6*N)" in err


def test_columns_named_by_role_are_taken_and_told(call, plain):
    code, out, err = call(*fitted(plain, columns=""))
    assert code == 0
    assert "alpha" in out
    assert "using N=N,L=L,C=C" in err


def test_a_held_out_part_is_judged(call, table):
    _, out, _ = call(*fitted(table, "--json", "--holdout", "C > 1e21"))
    card = json.loads(out)
    assert card["holdout"]["n"] == 7
    assert card["holdout"]["rmsle"] < 0.01
    assert card["n"] == 28


def test_exponents_may_be_tied_and_the_space_of_the_loss_be_chosen(call, table):
    _, out, _ = call(*fitted(table, "--json", "--tie", "alpha=beta"))
    tied = json.loads(out)["params"]
    assert tied["alpha"]["value"] == tied["beta"]["value"]
    _, out, _ = call(*fitted(table, "--json", "--loss-space", "raw"))
    raw = json.loads(out)["params"]["alpha"]["value"]
    assert raw != tied["alpha"]["value"]
    assert raw == pytest.approx(0.347, abs=0.1)


def test_the_frontier_by_every_approach(call, table, tmp_path):
    code, out, _ = call(*fitted(table, "--frontier", "--figure", tmp_path / "frontier.png"))
    assert code == 0
    for word in ("envelope", "parabola", "akima", "parametric", "tokens per parameter"):
        assert word in out
    assert (tmp_path / "frontier.png").stat().st_size > 10_000
    _, out, _ = call(*fitted(table, "--frontier", "--json"))
    frontier = json.loads(out)["frontier"]
    assert frontier["params"]["a_parametric"]["value"] == pytest.approx(0.514, abs=0.03)


def test_clusters_are_resampled_together(call, table):
    code, _, err = call(*fitted(table, "--cluster", "sed"))
    assert (code, "did you mean 'seed'" in err) == (2, True)


def test_conventions_side_by_side(call, table, tmp_path):
    frame = pd.read_csv(table).assign(emb=lambda f: 1e4 * f["Model Size"] ** 0.33)
    frame.to_csv(tmp_path / "parts.csv", index=False)
    columns = f"{COLUMNS},N_embedding=emb"
    words = fitted(tmp_path / "parts.csv", "--conventions", columns=columns)
    code, out, _ = call(*words, "--figure", tmp_path / "ways.svg")
    assert code == 0
    assert "N without embedding" in out
    assert "exponent" in (tmp_path / "ways.svg").read_text()


def test_laws_are_ranked_by_what_they_did_not_see(call, table, tmp_path):
    words = ["compare", table, "--laws", "power_law,chinchilla", "--holdout", "C > 1e21"]
    words += ["--columns", COLUMNS]
    code, out, _ = call(*words, "--figure", tmp_path / "ladder.png")
    assert code == 0
    assert out.index("chinchilla") < out.index("power_law of C")
    assert (tmp_path / "ladder.png").stat().st_size > 10_000
    _, out, _ = call(*words, "--json")
    card = json.loads(out)
    assert card["ranked"][0]["law"] == "chinchilla"
    assert card["ranked"][0]["error"] < 0.01 < card["ranked"][-1]["error"]


def test_laws_of_one_and_of_two_variables_are_ranked_in_one_table(call, plain):
    words = ["compare", plain, "--laws", "power_law,chinchilla,chinchilla", "--holdout", "C > 1e21"]
    code, out, _ = call(*words)
    assert code == 0
    assert all(f"power_law of {role}" in out for role in "NDC")
    assert out.count("chinchilla") == 1


def test_what_is_judged_may_be_told_by_any_column(call, plain, tmp_path):
    frame = pd.read_csv(plain).assign(part=['it\'s "new"' if i % 3 else "old" for i in range(35)])
    frame.to_csv(tmp_path / "parts.csv", index=False)
    held = "part == 'it\\'s \"new\"'"
    code, out, err = call(
        "compare", tmp_path / "parts.csv", "--laws", "chinchilla", "--holdout", held
    )
    assert code == 0, err
    assert "tested on 23 rows" in out


def test_what_was_held_out_is_drawn_as_rings(call, plain, tmp_path):
    for law, columns in (("power_law_floor", "C=C,L=L"), ("chinchilla", "N=N,C=C,L=L")):
        words = ["fit", plain, "--law", law, "--columns", columns, "--bootstrap", "40"]
        path = tmp_path / f"{law}.svg"
        code, _, err = call(*words, "--holdout", "C > 1e21", "--figure", path)
        assert code == 0, err
        assert "held out" in path.read_text()


def test_a_figure_may_have_its_suffix_in_capitals_and_json_beside_it(call, plain, tmp_path):
    words = ["fit", plain, "--law", "power_law_floor", "--columns", "D=C/(6*N),L=L"]
    path = tmp_path / "new" / "X.PNG"
    code, out, _ = call(*words, "--bootstrap", "0", "--json", "--figure", path)
    assert code == 0
    assert json.loads(out)["law"] == "power_law_floor"
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (fitted("TABLE", columns=""), "write --columns N=Model Size,C=Training FLOP,L=loss"),
        (fitted("TABLE", columns="N=Model Size,L=loss"), "no column for D"),
        (fitted("TABLE", columns="N=Model Size,D=FLOP/6,L=loss"), "'FLOP'"),
        (fitted("TABLE", columns="N=Model Size,D,L=loss"), "is not ROLE=column"),
        (fitted("TABLE", "--where", "C >"), "cannot read the condition"),
        (fitted("TABLE", "--where", "C > 1e30"), "no row satisfies"),
        (fitted("TABLE", "--holdout", "C > 1e30"), "no row satisfies"),
        (fitted("TABLE", "--holdout", "flop > 1e30"), "unknown column 'flop'"),
        (fitted("TABLE", "--holdout", "C > 0"), "every row satisfies"),
        (fitted("TABLE", "--tie", "alpha"), "write e.g. --tie alpha=beta"),
        (fitted("TABLE", "--loss-space", "lgo"), "did you mean 'log'"),
        (fitted("TABLE", "--delta", "0"), "delta > 0"),
        (fitted("TABLE", "--drop-worst", "-1"), "--drop-worst"),
        (fitted("TABLE", "--bootstrap", "few"), "--bootstrap"),
        (fitted("TABLE", "--conventions"), "one way to count"),
        (fitted("TABLE", "--figure", "x.pgn"), "did you mean 'png'"),
        (fitted("TABLE", "--figure", "plain"), "has no format; write e.g. plain.png"),
        (fitted("TABLE", "--figure", "FOLDER"), "is a folder; give a file"),
        (fitted("TABLE", "--figure", "/proc/none/x.png"), "cannot write the figure"),
        (fitted("TABLE", "--where", "@N > 1"), "write the column alone"),
        (fitted("TABLE", "--where", "loss > '2"), "cannot read the condition"),
        (fitted("TABLE", "--bootstrap", "1000000000"), "resampled tables at most"),
        (fitted("PLAIN", columns="C=C,L=L"), "write --columns C=C,L=L,N=N"),
        (["compare", "CURVE", "--laws", "chinchilla", "--holdout", "D > 1"], "D=D,L=L,N=..."),
        (
            [
                "compare",
                "PLAIN",
                "--laws",
                "chinchilla",
                "--holdout",
                "seed > 0",
                "--figure",
                "x.png",
            ],
            "--figure draws a ladder of cuts",
        ),
        (["fit", "PLAIN", "--law", "power_law"], "takes one variable and the table has"),
        (["compare", "TABLE", "--laws", ",", "--holdout", "C > 1"], "--laws names no law"),
        (["compare", "TABLE", "--laws", "chinchila", "--holdout", "C > 1"], "did you mean"),
        (["compare", "PLAIN", "--laws", "chinchilla"], "--holdout"),
        (["compare", "PLAIN", "--laws", "chinchilla", "--holdout", FEW], "points or more"),
    ],
)
def test_what_is_wrong_gets_one_line_and_status_2(call, table, plain, words, message):
    refused(call, table, plain, words, message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (fitted("TABLE", "--tie", "alpha=gamma"), "gamma"),
        (fitted("TABLE", "--drop-worst", "35"), "35"),
    ],
)
def test_what_a_fit_cannot_do_gets_one_line_too(call, table, plain, words, message):
    refused(call, table, plain, words, message)


def refused(call, table, plain, words, message):
    curve, folder = table.with_name("curve.csv"), table.with_name("folder.png")
    curve.write_text("D,L\n1,2\n")
    folder.mkdir(exist_ok=True)
    names = {"TABLE": table, "PLAIN": plain, "CURVE": curve, "FOLDER": folder}
    code, out, err = call(*(names.get(word, word) for word in words))
    assert code == 2, out
    lines = [
        line for line in err.splitlines() if "computed as" not in line and "; using" not in line
    ]
    assert len(lines) == 1, err
    assert lines[0].startswith("scaling-lab: ")
    assert message in lines[0]
