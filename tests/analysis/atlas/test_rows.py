"""The atlas: an exponent a row, with its evidence; what may be pooled; bad input in one line."""

import dataclasses
import json

import numpy as np
import pytest

from scaling_lab import cli
from scaling_lab.analysis.atlas import forest, page, published, rows
from scaling_lab.analysis.report import write
from scaling_lab.errors import LabError


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_experiment):
    made = make_experiment(tmp_path_factory.mktemp("atlas") / "e00_known_law")
    write.fits(made)
    return made


@pytest.fixture(scope="module")
def found(folder):
    return rows.of_folders([folder])[0]


def of(name, found):
    return next(row for row in found if row.name == name)


def test_a_claim_is_a_row_with_its_evidence(found):
    row = of("L(D) at the largest model", found)
    assert (row.kind, row.variable, row.of, row.floor) == ("claim", "D", "loss", True)
    assert row.low < row.value < row.high
    assert row.verdict in ("held", "refuted", "undecided", "insufficient")
    assert row.registration == "registered"
    assert row.clusters
    assert row.decades > 0
    assert row.error == pytest.approx(np.log(row.high / row.low) / 3.919928)


def test_slices_and_studies_are_rows_that_are_not_pooled(found):
    kinds = {row.kind for row in found}
    assert {"claim", "slice", "study"} <= kinds
    assert all(row.kind == "claim" for row in found if row.is_poolable)


def test_what_is_pooled(found):
    row = dataclasses.replace(of("L(D) at the largest model", found), is_invalid=False)
    others = [
        dataclasses.replace(row, experiment="e09", floor=False),
        dataclasses.replace(row, experiment="e09", registration="exploratory"),
        dataclasses.replace(row, experiment="e09", high=np.inf),
        dataclasses.replace(row, experiment="e09", is_invalid=True),
        dataclasses.replace(row, name="another claim on the same runs"),
    ]
    groups = rows.pools([row, *others])
    assert groups == {("D", "loss", True): [row], ("D", "loss", False): [others[0]]}


def test_the_page_has_every_exponent_and_the_mean(folder, tmp_path):
    made = page.atlas([folder])
    row = dataclasses.replace(of("L(D) at the largest model", made.rows), is_invalid=False)
    made.rows += [dataclasses.replace(row, experiment=f"e9{i}", value=row.value) for i in "123"]
    text = page.write(made, tmp_path).read_text()
    assert all(row.name in text for row in made.rows if row.experiment)
    assert "Besiroglu" in text
    assert len((tmp_path / "atlas.csv").read_text().splitlines()) == len(made.rows) + 1
    names = {path.stem for path in (tmp_path / "figures").glob("*.svg")}
    assert names == {"exponents_of_n", "exponents_of_d", "exponents_of_c", "exponents_of_optimal_n"}


def test_laws_with_and_without_a_floor_have_panels_of_their_own(found):
    row = of("L(D) at the largest model", found)
    other = dataclasses.replace(row, floor=False)
    made = forest.figure([row, other], {}, "D", False)
    assert len(made.axes) == 2


def test_the_published_table_reads_and_a_bad_one_is_named(tmp_path):
    ours = published.read(published.TABLE)
    assert {row.variable for row in ours} == {"N", "D", "C"}
    refit = next(row for row in ours if row.value == 0.3478)
    assert refit.low < 0.3478 < refit.high
    text = published.TABLE.read_text().splitlines()
    for line, what in (
        (text[1].replace(",no,", ",maybe,"), "row 2: floor is 'maybe'; write yes or no"),
        (text[1].replace("0.076", "small"), "row 2: value is 'small'; give a number"),
        (text[1].replace("0.076", "-1"), "row 2: value is '-1'; give a positive exponent"),
    ):
        path = tmp_path / "theirs.csv"
        path.write_text(f"{text[0]}\n{line}\n")
        with pytest.raises(LabError, match=what):
            published.read(path)
    (tmp_path / "theirs.csv").write_text("domain,value\ntext,1\n")
    with pytest.raises(LabError, match="lacks columns architecture"):
        published.read(tmp_path / "theirs.csv")


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        cli.main(["atlas", *map(str, words)])
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_the_verb(folder, tmp_path, capsys):
    code, out, _ = call(capsys, "--results", folder.parent, "--to", tmp_path)
    assert code == 0
    assert out.rstrip().endswith("atlas.html")
    assert "3 are needed" in out
    assert json.loads((folder / "verdicts.json").read_text())[0]["word"]


def test_without_a_report_it_says_which_to_make(make_experiment, tmp_path, capsys):
    made = make_experiment(tmp_path / "e00_known_law")
    code, _, err = call(capsys, "--results", made.parent)
    assert code == 2
    assert "has no verdicts; make its report: scaling-lab report e00_known_law" in err
