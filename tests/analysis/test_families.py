"""Several families in one table: figures show one, a study compares all; auxiliary tables."""

import json

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import experiment_tables
from scaling_lab.analysis.figures import architectures as compared
from scaling_lab.analysis.figures import (
    bleu,
    isoflops,
    loss_against_data,
    loss_against_parameters,
    loss_by_position,
    pictures,
)
from scaling_lab.analysis.figures import samples as written
from scaling_lab.analysis.studies import Refusal, architectures, attempt
from scaling_lab.errors import LabError, NotApplicable

ALPHA = {"transformer": 0.30, "lstm": 0.20}
SIZES, DATA = (1e3, 1e4, 1e5, 1e6), (1e4, 1e5, 1e6)


def rows():
    random = np.random.default_rng(0)
    for model, alpha in ALPHA.items():
        for N in SIZES:
            for D in DATA:
                loss = (1 + 8 * N**-alpha + 20 * D**-0.4) * np.exp(0.003 * random.standard_normal())
                name = f"model={model}/N={N:g}/D={D:g}"
                places = {f"test_loss_at_{2**k}": loss * (1 + 2.0**-k) for k in range(4)}
                yield {
                    "run": name,
                    "status": "done",
                    "seed": 0,
                    "learning_rate": 1e-3,
                    "model": model,
                    "N": N,
                    "D": D,
                    "C": 6 * N * D,
                    "examples": D,
                    "learner.side": 8,
                    "best_step": 10,
                    "best_valid_loss": loss,
                    "best_test_loss": loss,
                    "test_loss": loss,
                    "test_bleu": 40 / loss,
                    **places,
                }


@pytest.fixture(scope="module")
def tables():
    baselines = pd.DataFrame({"name": "5-gram", "D": DATA, "L": [3.0, 2.5, 2.2]})
    texts = pd.DataFrame(
        [
            {
                "model": m,
                "N": int(n),
                "D": 1e6,
                "run": f"{m}{n}",
                "prompt": "A $b_",
                "text": "x\ny ",
            }
            for m in ALPHA
            for n in SIZES
        ]
    )
    return experiment_tables.tables(
        pd.DataFrame(rows()),
        pd.DataFrame({"run": [], "step": [], "C": [], "test_loss": []}),
        families={"model": "transformer"},
        auxiliary={"baselines": baselines, "samples": texts},
    )


def test_figures_show_one_family_and_comparisons_all(tables):
    assert set(tables.chosen["model"]) == {"transformer"}
    assert len(tables.families) == 2 * len(tables.chosen) == 24
    assert set(tables.families["family"]) == set(ALPHA)


@pytest.mark.parametrize("first", ["e02", None])
def test_runs_with_and_without_a_parent_are_families(first):
    runs = pd.DataFrame(rows())
    runs["parent_experiment"] = ["e02" if m == "lstm" else None for m in runs.pop("model")]
    made = experiment_tables.tables(runs, pd.DataFrame(), families={"parent_experiment": first})
    assert set(made.families["family"]) == {"from e02", "from scratch"}
    assert set(made.chosen["family"]) == {"from e02" if first else "from scratch"}
    assert len(made.chosen) == len(made.families) / 2


def test_equal_sizes_of_two_kinds_are_two_points():
    table = pd.DataFrame(rows())
    kinds = table[table["model"] == "lstm"].assign(model="transformer", **{"learner.side": 16})
    both = pd.concat([table[table["model"] == "transformer"], kinds])
    both["run"] = [f"{i}" for i in range(len(both))]
    made = experiment_tables.tables(both, pd.DataFrame(), families={"learner.side": 8})
    assert set(made.families["family"]) == {"side 8", "side 16"}
    assert len(made.families) == 24
    assert set(made.chosen["learner.side"]) == {8}


@pytest.fixture(scope="module")
def found(tables):
    return architectures.compare(tables.families, tables.loss, "transformer", bootstrap=60)


def test_exponents_and_their_difference_are_found(found):
    for family, alpha in ALPHA.items():
        exponent = found.params[f"power_law_floor.N.{family}"]
        assert exponent.low - 0.02 < alpha < exponent.high + 0.02
    difference = found.params["power_law_floor.N.lstm-transformer"]
    assert difference.value == pytest.approx(-0.1, abs=0.05)
    assert difference.low < difference.value < difference.high < 0
    ours, theirs = (
        found.params[f"power_law.N.{family}"].value for family in ("lstm", "transformer")
    )
    assert found.params["power_law.N.lstm-transformer"].value == pytest.approx(ours - theirs)
    assert "power_law_floor.D.lstm" not in found.params  # three data sizes carry no floor
    assert "power_law.D.lstm" in found.params
    assert "lstm-transformer" in found.summary()
    json.dumps(found.card(), allow_nan=False)


def test_data_are_compared_at_the_largest_size_that_had_several_amounts(tables):
    """A size beyond, trained on all data alone, has no law of D; it stays in the law of N."""
    more = tables.families.assign(D=lambda rows: rows["D"].max())
    more = more[more["N"] == more["N"].max()].assign(N=lambda rows: 4 * rows["N"])
    rows = pd.concat([tables.families, more], ignore_index=True)
    found = architectures.compare(rows, tables.loss, "transformer", bootstrap=0)
    for family in ALPHA:
        assert found.fits["power_law", "D", family].n == 3
        assert found.fits["power_law", "N", family].points["N"].max() == 4 * SIZES[-1]


def test_one_family_is_nothing_to_compare(tables):
    with pytest.raises(LabError, match="needs two families"):
        architectures.compare(tables.chosen, tables.loss, "transformer")


def test_the_figures_hold_all_there_is(tables, found):
    left, right = compared.draw(tables, {}, {"architectures": found}).axes
    assert [text.get_text().split()[0] for text in left.get_legend().get_texts()] == list(ALPHA)
    assert left.get_xlabel() != right.get_xlabel()
    panels = loss_by_position.draw(tables, {}, {}).axes
    assert [axes.get_title() for axes in panels] == list(ALPHA)
    assert len(panels[0].lines) == len(SIZES)
    assert panels[0].lines[0].get_xdata().tolist() == [1, 2, 4, 8]
    (axes,) = bleu.draw(tables, {}, {}).axes
    assert sum(len(dots.get_offsets()) for dots in axes.collections) == 24
    texts = [text.get_text() for text in written.draw(tables, {}, {}).axes[0].texts]
    assert texts.count("A $b_x⏎y ") == 8


def test_a_baseline_is_a_line_in_grey(tables):
    (axes,) = loss_against_data.draw(tables, {}, {}).axes
    assert any(list(line.get_ydata()) == [3.0, 2.5, 2.2] for line in axes.lines)
    (axes,) = loss_against_parameters.draw(tables, {}, {}).axes
    assert any(list(line.get_ydata()) == [2.2, 2.2] for line in axes.lines)


def test_without_their_columns_the_figures_say_what_they_need(tables):
    plain = tables.runs.drop(columns=[n for n in tables.runs if n.startswith("test_")])
    bare = experiment_tables.tables(plain, pd.DataFrame())
    for module, line in (
        (bleu, "test_bleu"),
        (loss_by_position, "test_loss_at_1"),
        (written, "sample EXPERIMENT --save"),
    ):
        with pytest.raises(NotApplicable, match=line):
            module.draw(bare, {}, {})


@pytest.mark.parametrize(
    ("module", "of_the_kind"),
    [
        (bleu, {"test_bleu": None}),
        (loss_by_position, {"test_loss_at_1": 2.0}),
        (written, {"test_bits_per_byte": 2.0}),
        (pictures, {"test_distance": 2.0}),
        (isoflops, {"C": 6e12}),
    ],
)
def test_a_figure_of_another_kind_of_runs_is_told_from_one_that_lacks_something(
    module, of_the_kind
):
    alike = [row for row in rows() if row["model"] == "lstm" and row["N"] < 1e6]
    plain = pd.DataFrame(alike).drop(columns=[n for n in alike[0] if n.startswith("test_")])
    other = experiment_tables.tables(plain.assign(C=plain["N"]), pd.DataFrame())
    with pytest.raises(NotApplicable):
        module.draw(other, {}, {})
    with pytest.raises(LabError):
        module.draw(experiment_tables.tables(plain.assign(**of_the_kind), pd.DataFrame()), {}, {})


def test_a_family_without_a_done_run_is_missed_and_a_single_family_is_not():
    runs = pd.DataFrame(rows())
    kinds = {"model": "transformer"}
    runs.loc[runs["model"] == "lstm", "status"] = "diverged"
    curves = pd.DataFrame({"run": []})
    refused = attempt(architectures, experiment_tables.tables(runs, curves, families=kinds))
    assert refused == Refusal(
        "a comparison of architectures needs two families with finished runs; there is one"
    )
    with pytest.raises(LabError, match="needs two families with finished runs; there is one"):
        compared.draw(experiment_tables.tables(runs, curves), {}, {"architectures": refused})
    alone = experiment_tables.tables(runs[runs["model"] == "transformer"], curves, families=kinds)
    refused = attempt(architectures, alone)
    assert not refused.applicable
    with pytest.raises(NotApplicable, match="needs two families"):
        compared.draw(alone, {}, {"architectures": refused})


def test_findings_keep_their_severity(found):
    """A note about a fit is no doubt about the comparison (the headline shows doubts)."""
    severities = {one.severity for fit in found.fits.values() for one in fit.findings}
    assert {one.severity for one in found.findings} == severities
    assert len(found.findings) == len(found.warnings)
    (key, fit), *_ = [pair for pair in found.fits.items() if pair[1].findings]
    assert any(one.what == f"{' '.join(key)}: {fit.findings[0].what}" for one in found.findings)
