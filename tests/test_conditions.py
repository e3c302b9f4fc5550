"""Conditions: the rows that pandas gives, nothing executed, and one line for what is wrong."""

import json
import random
import re
import shutil
import subprocess
import time

import numpy as np
import pandas as pd
import pytest

from scaling_lab import Claim, cli
from scaling_lab.conditions import parse
from scaling_lab.errors import LabError

ONE_LINE = r"\A[^\n]*\Z"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

# Each would write the file `written` into the working folder, end the process, or hang it, if any
# part of it were executed as Python or by pandas; or it is Python that no condition needs.
ATTACKS = [
    "N.to_csv('written') == N",
    "N.values.tofile('written') == N",
    "`N`.to_csv('written') == N",
    "N.to_csv('written').isin([1])",
    "N.max.__self__.to_csv('written') == N",
    "N.__class__.__init__.__globals__ == N",
    "__class__.__init__.__globals__ == N",
    "`__import__`('os').system('touch written') == N",
    "__import__('os').system('touch written') == N",
    "().__class__.__base__.__subclasses__() == N",
    "''.__class__.__mro__ == N",
    "(1).__class__ == N",
    'eval(\'open("written", "w")\') == N',
    "exec('import os') == N",
    "open('written', 'w') == N",
    "getattr(N, 'to_csv')('written') == N",
    "max(N, key=exit) == N",
    "max(*[N]) == N",
    "max(exit()) == N",
    "N.isin(open('written', 'w')) == N",
    "N.max(exit()) == N",
    "@pd.io.common.os.system('touch written') == N",
    "@__builtins__['open']('written', 'w') == N",
    "(lambda: open('written', 'w'))() == N",
    "[open('written', 'w') for _ in [1]] == N",
    "N in [x for x in [open('written', 'w')]]",
    "N in {1: exit()}",
    "N in [*exit()]",
    "(x := open('written', 'w')) == N",
    'f\'{open("written", "w")}\' == L',
    "rf'{exit()}' == L",
    "'{0.__class__}'.format(N) == L",
    "'%s' % N == L",
    "N[0] == N",
    "N.max()[open('written', 'w')] == N",
    "await N == N",
    "(yield) == N",
    "exit() if N else N",
    "N > 1; import os",
    "N > 1\nimport os; os.system('touch written')",
    "N = 1",
    "N = __import__('os')",
    "import os",
    "N > 1 # and",
    "N > 1 \\",
    "ｅｘｉｔ() == N",
    "Ｎ == 1",
    "__ｉｍｐｏｒｔ__('os') == N",
    "N == 1\0",
    "L == 'a\0b'",
    "`\0` == 1",
    "`` == 1",
    "`N == 1",
    "L == 'a",
    "N is not None",
    "N == ...",
    "N == 1j",
    "L == b'a'",
    "N // 2 == N % 2",
    "N @ N == N",
    "N << 2 == N",
    "N == " + "9" * 5000,
    "N == 1 or " * 1000 + "N == 1",
    "(" * 400 + "N" + ")" * 400 + " == 1",
    "(" * 1900 + "N == 1",
    "not " * 900 + "N == 1",
    "-" * 3000 + "N == 1",
    "N" + " + N" * 500 + " == 1",
    "N" + ".max()" * 400 + " == 1",
    "[" * 1900 + "]" * 1900 + " == N",
    "N == 'x\udc80'",
    "",
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder, which must be left as it was: `points.csv` alone is in it."""
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"N": [1.0, 2, 3], "L": [3.0, 2, 1]}).to_csv("points.csv", index=False)
    yield tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["points.csv"]


def refused(capsys, *words):
    """Exit status 2 and one line on stderr, which is given back."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    err = capsys.readouterr().err
    assert ended.value.code == 2, err
    lines = [line for line in err.splitlines() if "--columns is not given" not in line]
    assert len(lines) == 1, err
    assert len(lines[0]) < 400
    assert lines[0].isprintable()
    return lines[0]


@pytest.mark.parametrize("text", ATTACKS)
def test_what_is_not_of_the_grammar_is_refused_in_one_line(here, text):
    began = time.perf_counter()
    frame = pd.DataFrame({"N": [1, 2], "L": ["a", "b"]})
    for use in ("mask", "value"):
        with pytest.raises(LabError, match=ONE_LINE) as error:
            getattr(parse(text), use)(frame)
        assert len(str(error.value)) < 400
    if text.strip():
        with pytest.raises(LabError, match=r"\Aclaim 'c': [^\n]*\Z"):
            Claim(name="c", law="power_law", x="D", parameter="alpha", low=0, high=1, where=text)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("text", [text for text in ATTACKS if "\0" not in text and text])
def test_the_command_line_refuses_it_everywhere(here, capsys, text):
    fit = ["fit", "points.csv", "--law", "power_law", "--columns"]
    refused(capsys, *fit, "N=N,L=L", "--where", text)
    refused(capsys, *fit, "N=N,L=L", "--holdout", text)
    refused(capsys, *fit, f"N={text},L=L")
    refused(capsys, "compare", "points.csv", "--laws", "power_law", "--holdout", text)


def test_an_experiment_with_such_a_claim_is_refused(here, capsys, root, tmp_path_factory):
    text = (root / "tests" / "tiny_experiment.py").read_text()
    file = tmp_path_factory.mktemp("experiments") / "e01_attack.py"
    file.write_text(text.replace("N == N.max()", "N.to_csv(chr(120)) == N"))
    assert "claim 'L(D)'" in refused(capsys, "plan", str(file))


# The rows ----------------------------------------------------------------------------------------

ROWS = 200


@pytest.fixture(scope="module")
def frame():
    """Columns of every kind, each with missing values if the kind may have them."""
    rng = np.random.default_rng(7)

    def holes(values):
        return pd.Series(values).mask(rng.random(ROWS) < 0.1)

    return pd.DataFrame(
        {
            "N": rng.integers(1, 9, ROWS),
            "D": holes(rng.integers(1, 9, ROWS) / 2),
            "loss": holes(rng.standard_normal(ROWS).round(2)),
            "Model Size": rng.integers(1, 5, ROWS) * 1e6,
            "not in": holes(rng.integers(0, 3, ROWS).astype(float)),
            "model": holes(rng.choice(["mlp", "lstm", "transformer"], ROWS)),
            "learner.side": holes(rng.choice(["a", "b", "it's"], ROWS)),
            "flag": rng.random(ROWS) < 0.5,
            "empty": pd.Series([np.nan] * ROWS),
        }
    )


NUMERIC = ("N", "D", "loss", "`Model Size`", "`not in`", "empty")
TEXTS = ("model", "`learner.side`")


class Generated:
    """Legal conditions in the spelling that pandas reads too."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def number(self, depth):
        pick = self.random.random()
        if depth <= 0 or pick < 0.5:
            return self.random.choice(NUMERIC)
        if pick < 0.65:
            reduce = self.random.choice(("max()", "min()", "median()", "quantile(0.3)"))
            return f"{self.random.choice(NUMERIC)} * {self.random.choice(NUMERIC[:4])}.{reduce}"
        if pick < 0.8:
            return f"-{self.number(0)} ** 2"
        sign = self.random.choice("+-*/")
        return f"({self.number(depth - 1)} {sign} {self.number(depth - 1)})"

    def constant(self):
        return self.random.choice(("0", "1", "2.5", "-1", "1e6", "3_000_000", ".5", "2 * 3"))

    def text(self):
        return self.random.choice(("'mlp'", '"lstm"', "'a'", '"it\'s"', r"'it\'s'", "'none'"))

    def compared(self):
        pick = self.random.random()
        sign = self.random.choice(("==", "!=", "<", "<=", ">", ">="))
        if pick < 0.25:
            return f"{self.random.choice(TEXTS)} {sign} {self.text()}"
        if pick < 0.35:
            word = self.random.choice(("in", "not in"))
            return f"{self.random.choice(TEXTS)} {word} [{self.text()}, {self.text()}]"
        if pick < 0.45:
            items = ", ".join(self.constant() for _ in range(3))
            return f"{self.random.choice(NUMERIC)} {self.random.choice(('in', 'not in'))} [{items}]"
        if pick < 0.55:
            return f"{self.constant()} < {self.number(1)} {sign} {self.number(1)}"
        if pick < 0.6:
            return "flag"
        right = self.constant() if pick < 0.8 else self.number(1)
        return f"{self.number(2)} {sign} {right}"

    def condition(self, depth=3):
        pick = self.random.random()
        if depth == 0 or pick < 0.3:
            return self.compared()
        if pick < 0.45:
            return f"not {self.condition(0)}"
        if pick < 0.6:
            # In parentheses as a whole: pandas lets & and | bind as loosely as `and` and `or`.
            sign = self.random.choice("&|")
            return f"(({self.condition(depth - 1)}) {sign} ~({self.condition(0)}))"
        word = self.random.choice(("and", "or"))
        left, right = self.condition(depth - 1), self.condition(depth - 1)
        return f"{left} {word} {right}" if pick < 0.8 else f"({left}) {word} ({right})"


def generated(count=400):
    made = Generated(seed=13)
    return [made.condition() for _ in range(count)]


def test_legal_conditions_give_the_rows_that_pandas_gives(frame):
    kept = 0
    for text in generated():
        mask = parse(text).mask(frame)
        theirs = frame.eval(text, engine="python")
        assert mask.dtype == bool
        assert mask.tolist() == theirs.fillna(False).astype(bool).tolist(), text
        kept += 0 < mask.sum() < ROWS
    assert kept > 150


def test_arithmetic_gives_the_numbers_that_pandas_gives(frame):
    made = Generated(seed=14)
    for text in {made.number(4) for _ in range(100)}:
        theirs = frame.eval(text, engine="python").astype("float64").to_numpy()
        np.testing.assert_allclose(parse(text, "expression").value(frame), theirs, rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("N == max(N)", [3]),
        ("N == N.max()", [3]),
        ("N > quantile(N, 0.5)", [2, 3]),
        ("N.quantile(0.5) < N", [2, 3]),
        ("N.isin([1, 3])", [0, 2]),
        ("N in (1, 3,)", [0, 2]),
        ("N not in []", [0, 1, 2, 3]),
        ("1 < N < 4", [1, 2]),
        ("loss == None", [1]),
        ("loss != None and model != None", [0, 2]),
        ("loss != 1", [1, 2, 3]),
        ("not loss == 1", [1, 2, 3]),
        ("not (loss < 9)", [1]),
        ("model == 'mlp'", [0, 1]),
        ("model > 'b'", [0, 1, 2]),
        ("model in ['mlp', None, 7]", [0, 1, 3]),
        ("(N > 1) & ~(model == 'mlp')", [2, 3]),
        ("done", [0, 2]),
        ("done == True and not (kept == False)", [0, 2]),
        ("kept", [0]),
        ("`and or` == 2 and `N.max()` < 3", [2]),
        ("`größe` > 2 and größe < 4", [2]),
        ("when >= '2026-01-02'", [1, 2]),
        ("N ** 2 == 4 or -N ** 2 == -9", [1, 2]),
        ("log(exp(N)) == 1 or sqrt(N) == 2 or abs(1 - N) == 2", [0, 2, 3]),
        ("nothing < 3 or nothing > 3 or nothing == 3", []),
        ("nothing != 3", [0, 1, 2, 3]),
        ("max(nothing) != 3", [0, 1, 2, 3]),
        ("N / 0 == 9**9**9", [0, 1, 2, 3]),
        ("N < 9**9**9 and N > -1e400", [0, 1, 2, 3]),
        ("True", [0, 1, 2, 3]),
        ("1 > 2", []),
    ],
)
def test_what_a_condition_means(text, rows):
    frame = pd.DataFrame(
        {
            "N": [1, 2, 3, 4],
            "loss": [1.0, np.nan, 0.5, 2.0],
            "model": ["mlp", "mlp", "lstm", None],
            "done": [True, False, True, False],
            "kept": pd.array([True, False, None, False], dtype="boolean"),
            "and or": [1, 2, 2, 1],
            "N.max()": pd.array([1, None, 2, 3], dtype="Int64"),
            "größe": [1, 2, 3, 4],
            "when": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03", None]),
            "nothing": [None] * 4,
        }
    )
    assert np.flatnonzero(parse(text).mask(frame)).tolist() == rows
    lists = {name: [None if v is pd.NA else v for v in frame[name]] for name in frame}
    if "when" not in text:
        assert np.flatnonzero(parse(text).mask(lists)).tolist() == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("N >", "it ends too early"),
        ("N > > 2", "'> 2' cannot stand where it does"),
        ("(N > 2", "a bracket is never closed"),
        ("N = 2", "write '=='"),
        ("N > 2 && N < 3", "write 'and'"),
        ("N > 2 & N < 3", r"write \(N > 1e6\) & \(D > 1e5\)"),
        ("~N > 2", r"write ~ \(N > 1e6\)"),
        ("@N > 1", "write the column alone"),
        ("`__class__` == N", "unknown column '__class__'"),
        ("`N\x1b` == N", "cannot be printed"),
        ("modle == 'mlp'", "unknown column 'modle'; did you mean 'model'"),
        ("model > 3", "'model > 3' compares text with numbers"),
        ("N == '3'", "compares text with numbers"),
        ("model + 1 > 2", "'model' is not a number"),
        ("model", "is not true or false for each row"),
        ("N + 1", "is not true or false for each row"),
        ("N in 3", r"'3' is not a list; write one: N in \[1e3, 1e4\]"),
        ("N < None", "write == None or != None"),
        ("max(N, 2) > 1", r"write max\(N\)"),
        ("quantile(N, 80) > 1", r"write quantile\(N, 0.8\)"),
        ("mean(N) > 1", "may not hold 'mean'.*max, min, median, quantile"),
        ("mixed < 2", "orders values of different kinds"),
        ("twice > 2", "the column 'twice' more than once"),
    ],
)
def test_an_error_says_what_where_and_what_to_do(text, said):
    frame = pd.DataFrame({"N": [1, 2], "model": ["mlp", "lstm"], "mixed": [1, "a"], "twice": 1})
    frame = pd.concat([frame, frame[["twice"]]], axis=1)
    with pytest.raises(LabError, match=ONE_LINE) as error:
        parse(text).mask(frame)
    assert re.search(said, str(error.value)), error.value


def test_what_is_known_before_any_table():
    condition = parse("C >= quantile(C, 0.8)")
    assert (condition.names, condition.above) == (("C",), "C")
    assert parse("`batch D` > 3").above == "batch D"
    assert [parse(text).above for text in ("C > D", "C < 3", "C > 1 and D > 2", "3 < C")] == [
        ""
    ] * 4
    assert parse("N * `Model Size` > 'N'.max() or N == 'D'").names == ("N", "Model Size")
    assert parse("N > 2").mask({"N": 3}).tolist() == [True]
    points = {"sizes": [(1, 2), (3, 4), (5, 6)], "model": ["mlp", None, "lstm"]}
    assert parse("model == 'mlp' or True").mask(points).tolist() == [True] * 3
    assert parse("sizes == 'mlp' or 1 > 2").mask(points).tolist() == [False] * 3
    assert parse("1 < 2").mask(points).tolist() == [True] * 3


# In a browser ------------------------------------------------------------------------------------


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: the page was not tried")
def test_the_page_gives_the_same_rows(frame, root, tmp_path):
    texts = [*generated(), "N = 1", "N >", "N.to_csv()", "exit()", "`x", "Ｎ > 1", "N[0]", "x > 1"]
    texts += ["(" * 200 + "N", "not " * 200 + "flag", "N > 2 & N < 3", "N", "'a' == N", "N == 1 1"]
    values = [[None if pd.isna(v) else v for v in frame[name].tolist()] for name in frame]
    heads = [{"key": name, "label": name, "rounded": False} for name in frame]
    code = (root / "analysis" / "report" / "templates" / "conditions.js").read_text()
    data = json.dumps({"texts": texts, "columns": heads, "values": values})
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html><meta charset='utf-8'><pre id='told'></pre><script>{code}</script>"
        f"<script>const {{ texts, columns, values }} = {data};"
        "const told = texts.map((text) => { try { const fits = condition(text, columns, values);"
        "return values[0].map((_, row) => fits(row)); }"
        "catch (error) { return error instanceof SyntaxError ? error.message : null; } });"
        "document.getElementById('told').textContent = JSON.stringify(told);</script>"
    )
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=4000"]
    out = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, check=True)
    told = json.loads(re.search(r'<pre id="told">(.*?)</pre>', out.stdout, re.S)[1])
    for text, found in zip(texts, told, strict=True):
        try:
            expected = parse(text).mask(frame).tolist()
        except LabError:
            assert isinstance(found, str), text
            assert found, text
        else:
            assert found == expected, text


def test_the_clauses_of_a_condition_are_what_and_joins():
    assert parse("N > 1 and (D == 2 or D == 3) and `a b` in (1, 2)").clauses == (
        "N > 1",
        "D == 2 or D == 3",
        "`a b` in (1, 2)",
    )
    assert parse("N > 1 or D > 2").clauses == ("N > 1 or D > 2",)
