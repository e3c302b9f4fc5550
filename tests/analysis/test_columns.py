"""Columns: which column plays which role, from what a person writes."""

import re

import pandas as pd
import pytest

from scaling_lab.analysis.columns import choose, mentioned, parse
from scaling_lab.analysis.tables import checked
from scaling_lab.errors import LabError

ONE_LINE = r"\A[^\n]*\Z"
CHINCHILLA = pd.DataFrame(
    {"Model Size": [1e8, 2e8], "Training FLOP": [6e18, 12e18], "loss": [3.0, 2.9]}
)
PLAIN = pd.DataFrame({"N": [1.0, 2.0], "D": [3.0, 4.0], "C": [18.0, 48.0], "L": [3.0, 2.0]})


def test_a_role_may_be_computed_from_others_in_any_order():
    for text in (
        "N=Model Size,C=Training FLOP,D=C/(6*N),L=loss",
        "D=C/(6*N), L=loss, C=Training FLOP, N=Model Size",
        "N=Model Size,D=`Training FLOP`/(6*`Model Size`),L=loss",
        "N=Model Size,D=C/(6*N),C=2*H,H=`Training FLOP`/2,L=loss",
    ):
        made = choose(CHINCHILLA, text, ("N", "D", "L"))
        assert not made.notes
        roles = {role: column for role, column in made.roles.items() if role in "NDL"}
        table = checked(made.frame, roles)
        assert table.frame["D"].tolist() == [1e10, 1e10]
        assert "C" in table.columns["D"] or "FLOP" in table.columns["D"]
    assert list(CHINCHILLA.columns) == ["Model Size", "Training FLOP", "loss"]


def test_a_column_goes_before_a_role_of_its_name():
    made = choose(PLAIN, "N=D,D=N*10,L=L", ("N", "D", "L"))
    assert made.frame["N*10"].tolist() == [10.0, 20.0]
    assert made.roles["N"] == "D"


def test_a_role_may_be_another_under_a_second_name():
    made = choose(CHINCHILLA, "D=T,T=C/(6*N),N=Model Size,C=Training FLOP,L=loss", ("D", "L"))
    assert made.frame[made.roles["D"]].tolist() == [1e10, 1e10]


def test_conditions_may_speak_of_roles():
    made = choose(CHINCHILLA, "N=Model Size,C=Training FLOP,L=loss", ("N", "D", "L"))
    table = checked(made.frame, {"N": "Model Size", "L": "loss"}, where="C > 1e19 and D > 1")
    assert table.frame["row"].tolist() == [2]
    assert mentioned("C > 1e21 and width < 3") == ["C"]
    assert mentioned("model == 'ViT/S/16' and `batch D` > \"N\" and N < 3") == ["N"]


def test_columns_named_by_role_are_taken_and_told():
    made = choose(PLAIN, "", ("N", "D", "L"))
    assert made.roles == {"N": "N", "D": "D", "L": "L", "C": "C"}
    assert made.notes == ["--columns is not given; using N=N,D=D,L=L,C=C"]
    record = PLAIN.rename(columns={"L": "best_test_loss"})
    assert choose(record, "", ("N", "L")).roles["L"] == "best_test_loss"
    width = PLAIN.assign(width=64)
    assert choose(width, "N=N,D=D,L=L", ("N", "D", "width", "L")).roles["width"] == "width"


def test_what_is_missing_of_n_d_and_c_is_had_from_the_others():
    made = choose(PLAIN.drop(columns="D"), "", ("N", "D", "L"))
    assert made.frame[made.roles["D"]].tolist() == [3.0, 4.0]
    assert "D is computed as C/(6*N)" in made.notes
    made = choose(PLAIN.drop(columns="C"), "N=N,D=D,L=L", ("N", "D", "L", "C"))
    assert made.frame[made.roles["C"]].tolist() == [18.0, 48.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("N", "write e.g. N=params,L=loss"),
        ("N=", "write e.g. N=params,L=loss"),
        ("=loss", "write e.g. N=params,L=loss"),
        ("N=a,N=b", "gives N twice"),
    ],
)
def test_what_is_not_roles_and_columns_is_refused(text, said):
    with pytest.raises(LabError, match=said):
        parse(text)


@pytest.mark.parametrize(
    ("frame", "text", "said"),
    [
        (CHINCHILLA, "", "no column for N, D, L; the table has Model Size, Training FLOP, loss"),
        (CHINCHILLA, "", "write --columns N=Model Size,C=Training FLOP,L=loss"),
        (PLAIN.rename(columns=str.lower), "", "--columns N=n,D=d,L=l"),
        (PLAIN, "N=N,D=D", "no column for L"),
        (CHINCHILLA, "N=Model Siz,L=loss", "unknown column 'Model Siz'; did you mean 'Model Size'"),
        (CHINCHILLA, "N=model,L=loss", "unknown column 'model'"),
        (CHINCHILLA, "N=Model Size,D=FLOP/6,L=loss", "unknown column in \"FLOP/6\" 'FLOP'"),
        (
            CHINCHILLA,
            "N=Model Size,D=6*(N,L=loss",
            "cannot read the expression of D",
        ),
        (CHINCHILLA, "N=Model Size,D=C/6,C=D*6,L=loss", "computed from one another"),
        (CHINCHILLA, "N=Model Size,D=D*6,L=loss", "unknown column in"),
        (CHINCHILLA, "N=`Model Size`.foo(),D=loss,L=loss", "may not hold .*foo"),
    ],
)
def test_a_role_that_cannot_be_had_gets_one_line(frame, text, said):
    with pytest.raises(LabError, match=ONE_LINE) as error:
        choose(frame, text, ("N", "D", "L"))
    assert re.search(said, str(error.value)), str(error.value)
