"""Tables: anyone's file becomes checked columns, and what is wrong is said in one line."""

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis.tables import checked, chosen, describe, load
from scaling_lab.errors import LabError
from scaling_lab.storage.records import Store

GOOD = pd.DataFrame(
    {
        "params": [1e6, 2e6, 4e6, 8e6],
        "tokens": [1e8, 2e8, 4e8, 8e8],
        "loss": [4.0, 3.5, 3.1, 2.8],
        "seed": [0, 1, 0, 1],
    }
)
ONE_LINE = r"\A[^\n]*\Z"
COLUMNS = {"N": "params", "D": "tokens", "L": "loss"}


def with_loss(*losses):
    return GOOD.assign(loss=pd.Series(losses, dtype=object))


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_a_table_is_the_same_from_every_kind_of_file(tmp_path, kind):
    path = tmp_path / f"runs.{kind}"
    if kind == "parquet":
        GOOD.to_parquet(path)
    else:
        GOOD.to_csv(path, sep="\t" if kind == "tsv" else ",", index=False)
    table = checked(load(path), COLUMNS, cluster="seed")
    assert table.source == str(path)
    assert list(table.frame.columns) == ["N", "D", "L", "row", "cluster"]
    assert table.frame["L"].tolist() == GOOD["loss"].tolist()
    assert table.frame["row"].tolist() == [1, 2, 3, 4]


def test_a_results_folder_gives_its_run_table(tmp_path):
    Store(tmp_path).append([{"run": "a", "N": 3, "best_test_loss": 0.5, "fingerprint": "f"}], [])
    frame = load(tmp_path)
    assert frame["run"].tolist() == ["a"]
    assert frame.attrs["source"] == str(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("empty.csv", "", "is empty"),
        ("header.csv", "N,L\n", "has no rows"),
        ("twice.csv", "N,L,L\n1,2,3\n", "column 'L' twice"),
        ("semicolons.csv", "N;D;L\n1;2;3\n", "separated by ';'"),
        ("tabs.csv", "N\tL\n1\t2\n", "separated by tabs"),
        ("ragged.csv", "N,L\n1,2\n1,2,3\n", "cannot be read as csv"),
        ("long.csv", "N,L\n1,2,3\n1,2,3\n", "cannot be read as csv"),
        ("broken.parquet", "not parquet", "cannot be read as parquet"),
        ("latin.csv", b"N,L\xe9\n1,2\n", "is not text in UTF-8"),
        ("runs.xlsx", "PK", "is not a .csv, .tsv or .parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(LabError, match=ONE_LINE) as error:
        load(path)
    assert said in str(error.value)
    assert name in str(error.value)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(LabError, match="no file or folder"):
        load(tmp_path / "none.csv")
    with pytest.raises(LabError, match="not a results folder"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("frame", "columns", "where", "said"),
    [
        (GOOD, {"N": "parms", "L": "loss"}, "", "did you mean 'params'?"),
        (GOOD, {"n": "params", "L": "loss"}, "", "unknown role 'n'"),
        (GOOD, COLUMNS, "seeds == 0", "unknown column 'seeds'; did you mean 'seed'?"),
        (GOOD, COLUMNS, "seed ==", "cannot read the condition"),
        (GOOD, COLUMNS, "seed + 1", "not true or false for each row"),
        (GOOD, COLUMNS, "seed > 'a'", "cannot read the condition"),
        (GOOD, COLUMNS, "seed == 0\nloss < 4", "cannot read the condition"),
        (GOOD, COLUMNS, "@pd.read_csv('x') > 0", "write the column alone"),
        (GOOD, COLUMNS, "seed > 7", "no row satisfies"),
        (with_loss(4, "3.5 (best)", 3.1, "n/a?"), COLUMNS, "", "'3.5 (best)') in rows 2, 4"),
        (with_loss(None, None, None, None), COLUMNS, "", "loss is missing"),
        (with_loss(0, -1, np.inf, np.nan), COLUMNS, "", "row 2 (loss is negative)"),
        (with_loss([1], [2], [3], [4]), COLUMNS, "", "'loss'"),
        (GOOD.assign(loss=True), COLUMNS, "", "holds bool"),
        (GOOD.assign(loss=pd.Timestamp("2026-01-01")), COLUMNS, "", "not numbers"),
        (pd.concat([GOOD, GOOD], axis=1), COLUMNS, "", "column 'params' 2 times"),
        (GOOD.head(0), COLUMNS, "", "no rows"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(frame, columns, where, said):
    with pytest.raises(LabError, match=ONE_LINE) as error:
        checked(frame, columns, where)
    assert said in str(error.value)


def test_values_that_have_no_logarithm_are_left_out_and_named():
    frame = GOOD.assign(loss=[4.0, np.nan, 3.1, 2.8], params=[1e6, 2e6, 0.0, 8e6])
    table = checked(frame, COLUMNS)
    assert table.frame["row"].tolist() == [1, 4]
    assert table.left_out.to_dict("list") == {
        "row": [2, 3],
        "reason": ["loss is missing", "params is zero"],
    }
    assert describe(table.left_out) == "row 2 (loss is missing); row 3 (params is zero)"


def test_a_condition_chooses_rows_and_keeps_their_numbers():
    frame = with_loss(4, "lost", 3, 2.5).set_index(pd.Index([7, 7, 7, 7]))
    table = checked(frame, COLUMNS, "seed == 0 or params == params.max()")
    assert table.frame["row"].tolist() == [1, 3, 4]
    assert table.where == "seed == 0 or params == params.max()"
    assert table.left_out.empty


def test_numbers_written_as_text_or_with_nulls_are_numbers():
    frame = GOOD.assign(loss=["4", " 3.5", "3.1e0", None]).astype({"params": "Int64"})
    table = checked(frame, COLUMNS)
    assert table.frame["L"].tolist() == [4.0, 3.5, 3.1]
    assert table.frame.dtypes[["N", "D", "L"]].eq("float64").all()


def runs(*rows):
    names = ("N", "D", "learning_rate", "seed", "status", "best_valid_loss", "best_test_loss")
    return pd.DataFrame(rows, columns=list(names))


def test_the_recipe_is_chosen_on_validation_data_for_each_scale():
    table = runs(
        (10, 5, 0.1, 0, "done", 1.0, 9.0),
        (10, 5, 0.1, 1, "done", 2.0, 9.0),
        (10, 5, 0.3, 0, "done", 1.4, 1.0),
        (10, 5, 0.3, 1, "done", 1.8, 1.0),
        (20, 5, 0.1, 0, "done", 0.7, 2.0),
        (20, 5, 0.3, 0, "done", 0.6, 8.0),
    )
    # The means at N = 10 are 1.5 and 1.6; test losses would choose otherwise everywhere.
    best = chosen(table, rule="lowest")
    assert best[["N", "learning_rate", "seed"]].values.tolist() == [
        [10, 0.1, 0],
        [10, 0.1, 1],
        [20, 0.3, 0],
    ]
    assert list(best.columns) == list(table.columns)


def test_a_choice_that_diverged_loses_to_one_that_did_not():
    table = runs(
        (10, 5, 0.1, 0, "done", 0.1, 1.0),
        (10, 5, 0.1, 1, "diverged", np.nan, np.nan),
        (10, 5, 0.3, 0, "done", 1.4, 1.0),
        (10, 5, 0.3, 1, "failed", np.nan, np.nan),
        (20, 5, 0.3, 0, "diverged", np.nan, np.nan),
    )
    assert chosen(table)[["N", "learning_rate", "seed"]].values.tolist() == [[10, 0.3, 0]]


def test_no_choice_is_a_choice_too():
    table = runs((10, 5, None, 0, "done", 0.1, 1.0), (10, 5, 0.3, 0, "done", 0.2, 1.0))
    assert chosen(table)["best_valid_loss"].tolist() == [0.1]
