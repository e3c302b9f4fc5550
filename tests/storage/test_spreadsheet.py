"""No cell of an exported CSV is run by a spreadsheet."""

import csv
import io

import pandas as pd
import pytest

from scaling_lab.storage import spreadsheet


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_text_that_would_be_run_is_preceded_by_an_apostrophe(start):
    cell = f'{start}HYPERLINK("http://x","y")'
    frame = pd.DataFrame({"reason": [cell, "fine", None], start + "a": [1, 2, 3]})
    for given in (frame, frame.astype({"reason": "string"}), frame.astype("category")):
        data = spreadsheet.csv(given).decode()
        (header, first, second, third) = csv.reader(io.StringIO(data, newline=""))
        assert header == ["reason", f"'{start}a".replace("\r", "\n")]
        assert first == [f"'{cell}".replace("\r", "\n"), "1"]
        assert second == ["fine", "2"]
        assert third == ["", "3"]


def test_numbers_stay_numbers():
    frame = pd.DataFrame(
        {
            "loss": [-1.5, float("nan"), 1e-300],
            "N": pd.array([-3, None, 4], "Int64"),
            "text": ["-1e5", "+inf", "a=b"],
            "mixed": [-1, "-x", True],
            "good": [True, False, True],
        }
    )
    plain = frame.to_csv(index=False).replace(",-x,", ",'-x,")
    assert spreadsheet.csv(frame).decode() == plain


def test_a_carriage_return_begins_no_row():
    data = spreadsheet.csv(pd.DataFrame({"reason": ["10%\r=1+1", "a\r\nb"]})).decode()
    assert data == 'reason\n"10%\n=1+1"\n"a\nb"\n'
